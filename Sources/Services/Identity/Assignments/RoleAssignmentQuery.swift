import API
import Base
import HTTP
import SQL

/// Which assignments a caller asks for.
struct RoleAssignmentQuery: Sendable {
    let actor: Assignment.Actor?
    let target: Assignment.Target?
    let role: ID<Role>?
    let isInherited: Bool?
    /// What users really have, instead of what was granted: groups, inheritance and implied roles followed through.
    let isEffective: Bool
    let withNames: Bool
    let withSubtree: Bool

    static let parameters: [Parameter] = [
        Parameter("user.id"), Parameter("group.id"), Parameter("role.id"), Parameter("scope.project.id"),
        Parameter("scope.domain.id"), Parameter("scope.system"), Parameter("scope.OS-INHERIT:inherited_to"),
        Parameter("effective", .looseBoolean), Parameter("include_names", .looseBoolean),
        Parameter("include_subtree", .looseBoolean),
    ]

    init(_ query: Parameters) throws(Failure) {
        actor = try RoleAssignmentQuery.actor(query)
        target = try RoleAssignmentQuery.target(query)
        role = query.filled("role.id").map { ID($0) }
        isInherited = query["scope.OS-INHERIT:inherited_to"].map { $0 == "projects" }
        isEffective = try query.boolean("effective") ?? false
        withNames = try query.boolean("include_names") ?? false
        withSubtree = try query.boolean("include_subtree") ?? false
        if isEffective { try refuseEmptiness() }
    }

    private static func actor(_ query: Parameters) throws(Failure) -> Assignment.Actor? {
        switch (query.filled("user.id"), query.filled("group.id")) {
        case (.some, .some): throw .invalid("Specify a user or group, not both")
        case (let user?, nil): return .user(ID(user))
        case (nil, let group?): return .group(ID(group))
        case (nil, nil): return nil
        }
    }

    private static func target(_ query: Parameters) throws(Failure) -> Assignment.Target? {
        let system = query.filled("scope.system")
        let (project, domain) = (query.filled("scope.project.id"), query.filled("scope.domain.id"))
        if project != nil, domain != nil { throw .invalid("Specify a domain or project, not both") }
        if system != nil, domain != nil { throw .invalid("Specify system or domain, not both") }
        if system != nil, project != nil { throw .invalid("Specify system or project, not both") }
        if let project { return .project(ID(project)) }
        if let domain { return .domain(ID(domain)) }
        return system == "all" ? .system : nil
    }

    /// Groups, and what domains hand down, are followed through in effective lists, so asking for them is a mistake.
    private func refuseEmptiness() throws(Failure) {
        if case .group = actor {
            throw .invalid("Combining effective and group filter will always result in an empty list.")
        }
        if case .domain = target, isInherited == true {
            throw .invalid("Combining effective, domain and inherited filters will always result in an empty list.")
        }
    }
}

extension HTTPQuery {
    /// A parameter that says something.
    fileprivate func filled(_ name: String) -> String? {
        guard let value = self[name], !value.isEmpty else { return nil }
        return value
    }
}

// MARK: In the store

extension Transaction {
    func roleAssignments(_ query: RoleAssignmentQuery) throws(Failure) -> [RoleAssignment] {
        query.isEffective ? try effective(query) : try granted(query)
    }

    /// What was granted, as it was granted.
    private func granted(_ query: RoleAssignmentQuery) throws(Failure) -> [RoleAssignment] {
        var conditions: [SQL] = []
        if let actor = query.actor { conditions.append("actor_kind = \(actor.kind) AND actor_id = \(actor.id)") }
        if let role = query.role { conditions.append("role_id = \(role)") }
        if let isInherited = query.isInherited { conditions.append("inherited = \(isInherited)") }
        if let target = query.target {
            let ids = try places(query, target)
            conditions.append("target_kind = \(target.kind) AND target_id IN \(SQL.list(ids))")
        }
        return try assignments(where: .all(conditions)).map(RoleAssignment.init)
    }

    /// What follows from it: groups become their members, what is inherited stands at the projects below, and roles
    /// bring the roles that they imply. The system's are told apart by asking for them, as its grants always were.
    private func effective(_ query: RoleAssignmentQuery) throws(Failure) -> [RoleAssignment] {
        var conditions: [SQL] = [query.target == .system ? "target_kind = 'system'" : "target_kind <> 'system'"]
        if case .user(let user)? = query.actor { conditions.append(.grants(to: user)) }
        if let isInherited = query.isInherited { conditions.append("inherited = \(isInherited)") }
        let granted = try assignments(where: .all(conditions))
        let (members, forest) = (try memberships(of: granted), try forest(for: granted))
        let wanted = try query.target.map { target throws(Failure) in Set(try places(query, target)) }
        let book = try roleBook()
        return granted.map(RoleAssignment.init)
            .flatMap { $0.expanded(over: members) }
            .filter { query.actor == nil || $0.actor == query.actor }
            .flatMap { $0.expanded(over: forest) }
            .filter { $0.isAt(query.target, wanted) }
            .flatMap { $0.expanded(over: book) }
            .filter { book.roles[$0.role]?.domain == nil && (query.role == nil || $0.role == query.role) }
    }

    private func assignments(where condition: SQL) throws(Failure) -> [Assignment] {
        try rows(
            """
            SELECT * FROM assignment WHERE \(condition)
            ORDER BY target_kind, target_id, actor_kind, actor_id, role_id, inherited
            """)
    }

    /// The target, and with the subtree also the projects in it.
    private func places(_ query: RoleAssignmentQuery, _ target: Assignment.Target) throws(Failure) -> [String] {
        guard query.withSubtree, case .project(let id) = target else { return [target.id] }
        return [id.text] + (try tree(of: try project(id)).descendants.map(\.id.text))
    }

    private func memberships(of assignments: [Assignment]) throws(Failure) -> [ID<Group>: [ID<User>]] {
        let hasGroups = assignments.contains { $0.actor.kind == "group" }
        guard hasGroups else { return [:] }
        var members: [ID<Group>: [ID<User>]] = [:]
        try each("SELECT group_id, user_id FROM membership ORDER BY group_id, user_id") { row in
            members[try row.id("group_id"), default: []].append(try row.id("user_id"))
        }
        return members
    }

    private func forest(for assignments: [Assignment]) throws(Failure) -> ProjectForest {
        guard assignments.contains(where: \.isInherited) else { return ProjectForest([]) }
        return ProjectForest(
            try rows("SELECT id, parent_id, domain_id FROM project WHERE domain_id <> '' ORDER BY id") { row in
                ProjectForest.Node(
                    id: try row.id("id"), parent: try row.optionalID("parent_id"), domain: try row.id("domain_id"))
            })
    }
}

extension RoleAssignment {
    fileprivate func isAt(_ target: Assignment.Target?, _ ids: Set<String>?) -> Bool {
        guard let target, let ids else { return true }
        return self.target.kind == target.kind && ids.contains(self.target.id)
    }
}

extension SQL {
    /// The assignments that concern a user, by name or by group.
    static func grants(to user: ID<User>) -> SQL {
        """
        (actor_kind = 'user' AND actor_id = \(user)
            OR actor_kind = 'group' AND actor_id IN (SELECT group_id FROM membership WHERE user_id = \(user)))
        """
    }
}
