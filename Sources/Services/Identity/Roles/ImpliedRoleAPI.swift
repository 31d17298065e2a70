import API
import Base
import HTTP
import Policy
import SQL

extension ImpliedRole {
    static let endpoints: [Endpoint<Identity>] = [
        .get("/roles/{prior_role_id}/implies", "List the roles that a role implies", may: .listImpliedRoles, list),
        .get(
            "/roles/{prior_role_id}/implies/{implied_role_id}", "Show that a role implies another",
            may: .getImpliedRole, show),
        .head(
            "/roles/{prior_role_id}/implies/{implied_role_id}", "Check whether a role implies another",
            may: .checkImpliedRole, check),
        .put(
            "/roles/{prior_role_id}/implies/{implied_role_id}", "Let a role imply another", may: .createImpliedRole,
            create),
        .delete(
            "/roles/{prior_role_id}/implies/{implied_role_id}", "Let a role no longer imply another",
            may: .deleteImpliedRole, delete),
        .get("/role_inferences", "List which roles imply which", may: .listRoleInferenceRules, listAll),
    ]
}

extension Rule {
    static let getImpliedRole = Rule(
        "identity:get_implied_role", "Show that a role implies another", May.adminOrSystemReader,
        for: [.system, .project])
    static let listImpliedRoles = Rule(
        "identity:list_implied_roles", "List the roles that a role implies", May.adminOrSystemReader,
        for: [.system, .project])
    static let checkImpliedRole = Rule(
        "identity:check_implied_role", "Check whether a role implies another", May.adminOrSystemReader,
        for: [.system, .project])
    static let createImpliedRole = Rule(
        "identity:create_implied_role", "Let a role imply another", May.admin, for: [.system, .project])
    static let deleteImpliedRole = Rule(
        "identity:delete_implied_role", "Let a role no longer imply another", May.admin, for: [.system, .project])
    static let listRoleInferenceRules = Rule(
        "identity:list_role_inference_rules", "List which roles imply which", May.adminOrSystemReader,
        for: [.system, .project])
}

// MARK: Handlers

extension ImpliedRole {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (prior, implied) = try await call.service.database.read { tx in
            let prior = try tx.role(call.id("prior_role_id"))
            return (prior, try tx.roles(impliedBy: prior.id))
        }
        return .json { json in
            json.object("role_inference") { json in
                json.object("prior_role") { $0.put(prior, call) }
                json.array("implies", of: implied) { role, json in json.object { $0.put(role, call) } }
            }
            json.object("links") { $0.put("self", call.ownLink) }
        }
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (prior, implied) = try await call.service.database.read { try $0.implication(call) }
        return .inference(prior, implied, call)
    }

    static func check(_ call: Call<Identity>) async throws(Failure) -> Reply {
        _ = try await call.service.database.read { try $0.implication(call) }
        return .noContent
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let tokens = call.service.tokens
        let (prior, implied) = try await call.service.database.write { tx in
            let (prior, implied) = try tx.priorAndImplied(call)
            try implied.allowImplication(by: prior)
            try tx.insert(ImpliedRole(prior: prior.id, implied: implied.id))
            try tokens.forgetAll(tx)
            return (prior, implied)
        }
        return .inference(prior, implied, call, status: 201)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let tokens = call.service.tokens
        try await call.service.database.write { tx in
            let (prior, implied) = try tx.implication(call)
            try tx.delete(ImpliedRole(prior: prior.id, implied: implied.id))
            try tokens.forgetAll(tx)
        }
        return .noContent
    }

    static func listAll(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let book = try await call.service.database.read { try $0.roleBook() }
        let priors = book.implications.keys.sorted().compactMap { book.roles[$0] }
        return .json { json in
            json.array("role_inferences", of: priors) { prior, json in
                let implied = (book.implications[prior.id] ?? []).compactMap { book.roles[$0] }
                json.object { json in
                    json.object("prior_role") { $0.put(prior, call) }
                    json.array("implies", of: implied) { role, json in json.object { $0.put(role, call) } }
                }
            }
        }
    }
}

extension Role {
    /// Whoever may grant a role would otherwise also grant what is dear: `admin` follows from nothing, and a role of
    /// all domains doesn't change with one of them.
    fileprivate func allowImplication(by prior: Role) throws(Failure) {
        guard name != "admin", domain == nil || prior.domain != nil else {
            throw .forbidden("\(id) cannot be an implied role.")
        }
    }
}

extension Transaction {
    /// The two roles of a path.
    fileprivate func priorAndImplied(_ call: Call<Identity>) throws(Failure) -> (Role, Role) {
        (try role(call.id("prior_role_id")), try role(call.id("implied_role_id")))
    }

    /// The two roles of a path, where the one implies the other.
    fileprivate func implication(_ call: Call<Identity>) throws(Failure) -> (Role, Role) {
        let (prior, implied) = try priorAndImplied(call)
        guard try exists(ImpliedRole(prior: prior.id, implied: implied.id)) else {
            throw Failure(.notFound, "\(prior.id) does not imply \(implied.id).")
        }
        return (prior, implied)
    }
}

// MARK: On the wire

extension Reply {
    fileprivate static func inference(
        _ prior: Role, _ implied: Role, _ call: Call<Identity>, status: Int = 200
    ) -> Reply {
        .json(status) { json in
            json.object("role_inference") { json in
                json.object("prior_role") { $0.put(prior, call) }
                json.object("implies") { $0.put(implied, call) }
            }
            json.object("links") { $0.put("self", call.ownLink) }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func put(_ role: Role, _ call: Call<Identity>) {
        put("id", role.id)
        put("name", role.name)
        object("links") { $0.put("self", call.link("/v3" + role.path)) }
    }
}
