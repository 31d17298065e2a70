import Base

/// A role that is granted: to whom, where, and whether those below inherit it.
struct Assignment: Hashable, Sendable {
    enum Actor: Hashable, Sendable {
        case user(ID<User>)
        case group(ID<Group>)
    }

    enum Target: Hashable, Sendable {
        case project(ID<Project>)
        case domain(ID<Domain>)
        case system
    }

    let actor: Actor
    let target: Target
    let role: ID<Role>
    /// Not for the target itself, but for the projects in it.
    let isInherited: Bool
}

extension Assignment.Actor {
    var kind: String {
        switch self {
        case .user: "user"
        case .group: "group"
        }
    }

    var id: String {
        switch self {
        case .user(let id): id.text
        case .group(let id): id.text
        }
    }

    init(kind: String, id: String) { self = kind == "user" ? .user(ID(id)) : .group(ID(id)) }
}

extension Assignment.Target {
    var kind: String {
        switch self {
        case .project: "project"
        case .domain: "domain"
        case .system: "system"
        }
    }

    var id: String {
        switch self {
        case .project(let id): id.text
        case .domain(let id): id.text
        case .system: "system"
        }
    }

    init(kind: String, id: String) {
        switch kind {
        case "project": self = .project(ID(id))
        case "domain": self = .domain(ID(id))
        default: self = .system
        }
    }
}
