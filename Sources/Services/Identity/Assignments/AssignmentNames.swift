import Base
import SQL

/// What the things in a list of assignments are called, and which domains they are in.
struct AssignmentNames: Sendable {
    struct Named: Sendable {
        let name: String
        let domain: (id: String, name: String)?
    }

    var domains: [ID<Domain>: String] = [:]
    var projects: [ID<Project>: Named] = [:]
    var actors: [Assignment.Actor: Named] = [:]
    var roles: [ID<Role>: Named] = [:]

    func domain(of target: Assignment.Target) -> String? {
        switch target {
        case .system: nil
        case .domain(let id): id.text
        case .project(let id): projects[id]?.domain?.id
        }
    }

    fileprivate func named(_ name: String, in domain: String) -> Named {
        Named(name: name, domain: domain.isEmpty ? nil : (id: domain, name: domains[ID(domain)] ?? ""))
    }
}

extension Transaction {
    func names(of assignments: [RoleAssignment]) throws(Failure) -> AssignmentNames {
        var names = AssignmentNames()
        try each("SELECT id, name FROM project WHERE domain_id = ''") { row in
            names.domains[try row.id("id")] = try row.text("name")
        }
        try eachName("project", Set(assignments.filter { $0.target.kind == "project" }.map(\.target.id))) {
            names.projects[ID($0)] = names.named($1, in: $2)
        }
        try eachName("user", Set(assignments.filter { $0.actor.kind == "user" }.map(\.actor.id))) {
            names.actors[.user(ID($0))] = names.named($1, in: $2)
        }
        try eachName("user_group", Set(assignments.filter { $0.actor.kind == "group" }.map(\.actor.id))) {
            names.actors[.group(ID($0))] = names.named($1, in: $2)
        }
        try eachName("role", Set(assignments.map(\.role.text))) {
            names.roles[ID($0)] = names.named($1, in: $2)
        }
        return names
    }

    /// A long list is asked for in pieces: a statement takes so many values and no more.
    private func eachName(
        _ table: StaticString, _ ids: Set<String>, _ body: (_ id: String, _ name: String, _ domain: String) -> Void
    ) throws(Failure) {
        var rest = ids.sorted()[...]
        while !rest.isEmpty {
            let piece = rest.prefix(1_000)
            rest = rest.dropFirst(1_000)
            try each("SELECT id, name, domain_id FROM \(SQL.raw(table)) WHERE id IN \(SQL.list(piece))") { row in
                body(try row.text("id"), try row.text("name"), try row.text("domain_id"))
            }
        }
    }
}
