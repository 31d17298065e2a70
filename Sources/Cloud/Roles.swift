package import Base

/// What a process does of a cloud's work. One process may do all of it, and several processes the same of it.
package enum Role: String, Sendable, CaseIterable {
    /// Answers requests.
    case api
    /// Carries out what takes long, and answers the nodes from the database.
    case conductor
    /// Chooses hosts for servers.
    case scheduler
    case computeNode = "compute-node"
    case networkNode = "network-node"
    case volumeNode = "volume-node"

    /// `api,conductor`, or `all`.
    package static func named(_ names: [String]) throws(Failure) -> Set<Role> {
        var roles: Set<Role> = []
        for name in names {
            if name == "all" { return Set(allCases) }
            guard let role = Role(rawValue: name) else {
                let known = allCases.map(\.rawValue).joined(separator: ", ")
                throw .invalid("There is no role \(name). There are: \(known), and all.")
            }
            roles.insert(role)
        }
        guard !roles.isEmpty else { throw .invalid("A process needs a role to play.") }
        return roles
    }
}

extension Set<Role> {
    package var isAll: Bool { count == Role.allCases.count }

    /// Whether any of them reads or writes the database. What runs on nodes never does.
    package var haveDatabase: Bool { !isDisjoint(with: [.api, .conductor, .scheduler]) }

    package var names: String { Role.allCases.filter { contains($0) }.map(\.rawValue).joined(separator: ", ") }
}
