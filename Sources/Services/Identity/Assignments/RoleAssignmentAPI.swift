import API
import Base
import HTTP
import Policy
import SQL

extension RoleAssignment {
    static let endpoints: [Endpoint<Identity>] = [
        Endpoint(
            "GET", "/role_assignments", "List role assignments",
            access: .decided(by: [.listRoleAssignments, .listRoleAssignmentsForTree]),
            query: RoleAssignmentQuery.parameters, list)
    ]
}

extension Rule {
    private static let seenBy =
        "\(May.adminOrSystemReader) or (role:reader and domain_id:%(target.domain_id)s and not None:%(target.domain_id)s)"

    static let listRoleAssignments = Rule("identity:list_role_assignments", "List role assignments", seenBy)
    static let listRoleAssignmentsForTree = Rule(
        "identity:list_role_assignments_for_tree", "List the role assignments of a tree of projects", seenBy)
}

extension RoleAssignment {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let query = try RoleAssignmentQuery(call.query)
        let rule: Rule = query.withSubtree ? .listRoleAssignmentsForTree : .listRoleAssignments
        let scope = call.scope(under: rule)
        guard scope != .nowhere else { throw call.exchange.refusal(rule) }
        let (assignments, names) = try await call.service.database.read { tx in
            try tx.allowTree(query, in: scope, call.exchange.refusal(rule))
            let all = try tx.roleAssignments(query)
            let names = try tx.names(of: all)
            let seen = all.filter { assignment in
                let domain = names.domain(of: assignment.target)
                return scope.covers(["target.domain_id": domain ?? ""]) && call.isWithin(domain)
            }
            return (seen, names)
        }
        return .many("role_assignments", assignments, call) {
            $0.write(to: &$1, query.withNames ? names : nil, call)
        }
    }
}

extension Transaction {
    /// The tree that a list is about has to be named, and to be one that the caller may look into.
    fileprivate func allowTree(_ query: RoleAssignmentQuery, in scope: Scope, _ refusal: Failure) throws(Failure) {
        guard query.withSubtree else { return }
        guard case .project(let id) = query.target else {
            guard scope == .everywhere else { throw refusal }
            throw .invalid("scope.project.id must be specified if include_subtree is also specified")
        }
        let root = try project(id)
        guard scope.covers(["target.domain_id": root.domain?.text ?? ""]) else { throw refusal }
    }
}

// MARK: On the wire

extension RoleAssignment {
    fileprivate func write(to json: inout JSONWriter, _ names: AssignmentNames?, _ call: Call<Identity>) {
        json.object("links") { json in
            json.put("assignment", call.link("/v3" + path))
            if let group, case .user(let user) = actor {
                json.put("membership", call.link("/v3/groups/\(group)/users/\(user)"))
            }
            if let prior { json.put("prior_role", call.link("/v3/roles/\(prior)/implies/\(role)")) }
        }
        json.object("scope") { writeScope(to: &$0, names) }
        json.object(actor.kind) { $0.put(actor.id, names?.actors[actor]) }
        json.object("role") { $0.put(role.text, names?.roles[role]) }
    }

    private func writeScope(to json: inout JSONWriter, _ names: AssignmentNames?) {
        switch target {
        case .system: json.object("system") { $0.put("all", true) }
        case .project(let id): json.object("project") { $0.put(id.text, names?.projects[id]) }
        case .domain(let id):
            json.object("domain") {
                $0.put("id", id)
                if let name = names?.domains[id] { $0.put("name", name) }
            }
        }
        if isInherited { json.put("OS-INHERIT:inherited_to", "projects") }
    }

    /// Where the grant behind it stands.
    private var path: String {
        let place = above ?? target
        let base = place == .system ? "/system" : "/\(place.kind)s/\(place.id)"
        let holder = group.map { "/groups/\($0)" } ?? "/\(actor.kind)s/\(actor.id)"
        let plain = "\(base)\(holder)/roles/\(prior ?? role)"
        return isInherited ? "/OS-INHERIT\(plain)/inherited_to_projects" : plain
    }
}

extension JSONWriter {
    fileprivate mutating func put(_ id: String, _ named: AssignmentNames.Named?) {
        put("id", id)
        guard let named else { return }
        put("name", named.name)
        guard let domain = named.domain else { return }
        object("domain") {
            $0.put("id", domain.id)
            $0.put("name", domain.name)
        }
    }
}
