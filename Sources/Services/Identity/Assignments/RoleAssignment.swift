import Base

/// An assignment as a list shows it: one that was granted, or one that follows from what was.
struct RoleAssignment: Hashable, Sendable {
    var actor: Assignment.Actor
    var target: Assignment.Target
    var role: ID<Role>
    var isInherited: Bool
    /// The group by which a user has it.
    var group: ID<Group>?
    /// Where above the project it was granted.
    var above: Assignment.Target?
    /// The role that implies this one.
    var prior: ID<Role>?

    init(_ assignment: Assignment) {
        actor = assignment.actor
        target = assignment.target
        role = assignment.role
        isInherited = assignment.isInherited
    }
}

// MARK: What follows

extension RoleAssignment {
    /// The same for each member, when it is a group's.
    func expanded(over members: [ID<Group>: [ID<User>]]) -> [RoleAssignment] {
        guard case .group(let id) = actor else { return [self] }
        return (members[id] ?? []).map { user in
            var expanded = self
            expanded.actor = .user(user)
            expanded.group = id
            return expanded
        }
    }

    /// The same for each project that inherits it, when it is inherited.
    func expanded(over forest: ProjectForest) -> [RoleAssignment] {
        guard isInherited else { return [self] }
        return forest.heirs(of: target).map { project in
            var expanded = self
            expanded.target = .project(project)
            expanded.above = target
            return expanded
        }
    }

    /// This and what its role implies, each with the role that it follows from directly.
    func expanded(over book: RoleBook) -> [RoleAssignment] {
        var all = [self]
        var seen: Set<RoleAssignment> = [self]
        var next = 0
        while next < all.count {
            let current = all[next]
            next += 1
            for implied in book.implications[current.role] ?? [] {
                var following = current
                following.role = implied
                following.prior = current.role
                if seen.insert(following).inserted { all.append(following) }
            }
        }
        return all
    }
}

/// Which projects stand below which: what a tree's inherited grants reach.
struct ProjectForest: Sendable {
    struct Node: Hashable, Sendable {
        let id: ID<Project>
        let parent: ID<Project>?
        let domain: ID<Domain>
    }

    private let byParent: [ID<Project>: [ID<Project>]]
    private let byDomain: [ID<Domain>: [ID<Project>]]

    init(_ nodes: [Node]) {
        var byParent: [ID<Project>: [ID<Project>]] = [:]
        for node in nodes { if let parent = node.parent { byParent[parent, default: []].append(node.id) } }
        self.byParent = byParent
        byDomain = Dictionary(grouping: nodes, by: \.domain).mapValues { $0.map(\.id) }
    }

    func heirs(of target: Assignment.Target) -> [ID<Project>] {
        switch target {
        case .system: []
        case .domain(let id): byDomain[id] ?? []
        // A domain may also be named as the project that it is kept as.
        case .project(let id): byDomain[ID(id.text)] ?? below(id)
        }
    }

    func below(_ id: ID<Project>) -> [ID<Project>] {
        var found: [ID<Project>] = []
        var level = byParent[id] ?? []
        while !level.isEmpty {
            found += level
            level = level.flatMap { byParent[$0] ?? [] }
        }
        return found
    }
}
