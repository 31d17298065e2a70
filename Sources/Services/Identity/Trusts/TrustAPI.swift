import API
import Base
import HTTP
import Policy
import SQL

extension Trust {
    static let endpoints: [Endpoint<Identity>] = [
        Endpoint(
            "GET", "/OS-TRUST/trusts", "List trusts",
            access: .decided(by: [.listTrusts, .listTrustsForTrustor, .listTrustsForTrustee]),
            query: [Parameter("trustor_user_id"), Parameter("trustee_user_id")] + paging, list),
        Endpoint(
            "POST", "/OS-TRUST/trusts", "Create a trust", access: .decided(by: [.createTrust]), body: .json(shape),
            create),
        .get("/OS-TRUST/trusts/{trust_id}", "Show a trust", may: .getTrust, show),
        .delete("/OS-TRUST/trusts/{trust_id}", "Delete a trust", may: .deleteTrust, delete),
        .get("/OS-TRUST/trusts/{trust_id}/roles", "List a trust's roles", may: .listRolesForTrust, roles),
        .get("/OS-TRUST/trusts/{trust_id}/roles/{role_id}", "Show a role of a trust", may: .getRoleForTrust, role),
    ]

    private static let shape: Shape = .wrapped(
        "trust",
        [
            .required("trustor_user_id", .text(1...64)), .required("trustee_user_id", .text(1...64)),
            .required("impersonation", .boolean), .optional("project_id", .nullable(.text(0...64))),
            .optional("remaining_uses", .nullable(.integer(1...1_000_000_000))),
            .optional("expires_at", .nullable(.text)), .optional("allow_redelegation", .nullable(.boolean)),
            .optional("redelegation_count", .nullable(.integer(0...1_000))),
            .optional("roles", .list(of: RoleReference.shape)),
        ], others: .allowed)
}

extension Rule {
    private static let ofEither =
        "(rule:admin_required) or (role:reader and system_scope:all or user_id:%(target.trust.trustor_user_id)s or user_id:%(target.trust.trustee_user_id)s)"

    static let createTrust = Rule(
        "identity:create_trust", "Create a trust", "user_id:%(target.trust.trustor_user_id)s", for: .project)
    static let listTrusts = Rule(
        "identity:list_trusts", "List trusts", May.adminOrSystemReader, for: [.system, .project])
    static let listTrustsForTrustor = Rule(
        "identity:list_trusts_for_trustor", "List the trusts that a user has given",
        "(rule:admin_required) or (role:reader and system_scope:all or user_id:%(target.trust.trustor_user_id)s)",
        for: [.system, .project])
    static let listTrustsForTrustee = Rule(
        "identity:list_trusts_for_trustee", "List the trusts that a user was given",
        "(rule:admin_required) or (role:reader and system_scope:all or user_id:%(target.trust.trustee_user_id)s)",
        for: [.system, .project])
    static let getTrust = Rule("identity:get_trust", "Show a trust", ofEither, for: [.system, .project])
    static let deleteTrust = Rule(
        "identity:delete_trust", "Delete a trust", "rule:admin_required or user_id:%(target.trust.trustor_user_id)s",
        for: [.system, .project])
    static let listRolesForTrust = Rule(
        "identity:list_roles_for_trust", "List a trust's roles", ofEither, for: [.system, .project])
    static let getRoleForTrust = Rule(
        "identity:get_role_for_trust", "Show a role of a trust", ofEither, for: [.system, .project])
}

// MARK: Handlers

extension Trust {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (trustor, trustee) = (call.query["trustor_user_id"], call.query["trustee_user_id"])
        if let trustor {
            try call.require(.listTrustsForTrustor, of: ["target.trust.trustor_user_id": trustor])
        } else if let trustee {
            try call.require(.listTrustsForTrustee, of: ["target.trust.trustee_user_id": trustee])
        } else {
            try call.require(.listTrusts)
        }
        try call.refuseBorrowers()
        return .many(
            try await call.service.database.read {
                try $0.trusts(trustor: trustor, trustee: trustor == nil ? trustee : nil, call.listing)
            }, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("trust")
        try call.require(
            .createTrust, of: ["target.trust.trustor_user_id": try body.required("trustor_user_id")])
        try call.refuseBorrowers()
        let references = try (body["roles"]?.array ?? []).map { json throws(Failure) in try RoleReference(json) }
        let hasProject = body.text("project_id").map { !$0.isEmpty } ?? false
        guard !hasProject || !references.isEmpty else { throw .forbidden("At least one role should be specified.") }
        let world = call.service.world
        let trust = try await call.service.database.write { tx in
            _ = try tx.user(ID(try body.required("trustee_user_id")))
            let source = try tx.source(call.caller, at: world.now)
            let roles = try references.map { try tx.role($0) }
            let trust = try Trust(body, id: .hex(world.chance), roles: roles, from: source, now: world.now)
            try tx.requireRoles(of: trust, lentBy: source?.origin ?? trust.trustor)
            try tx.insert(trust)
            return trust
        }
        return .full(trust, call, status: 201)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply { .full(try await find(call), call) }

    static func roles(_ call: Call<Identity>) async throws(Failure) -> Reply { .many(try await find(call).roles, call) }

    static func role(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let id: ID<Role> = call.id("role_id")
        guard let role = try await find(call).roles.first(where: { $0.id == id }) else {
            throw .notFound(Role.one, id.text)
        }
        return .one(role, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let service = call.service
        let trust = try await find(call)
        try await service.database.write { tx in
            try tx.deleteTrust(trust.id)
            for person in trust.chain.map(\.trustee) { try service.tokens.forget(user: person, tx) }
        }
        return .noContent
    }

    /// One that isn't there, or that can't be used any more, is 404 to everybody.
    private static func find(_ call: Call<Identity>) async throws(Failure) -> Trust {
        let (id, now) = (call.id("trust_id") as ID<Trust>, call.service.world.now)
        guard let trust = try await call.service.database.read({ try $0.trust(id) }), trust.isUsable(at: now) else {
            throw .notFound(one, id.text)
        }
        guard call.scope.covers(trust.attribute) else { throw .outOfReach }
        try call.refuseBorrowers()
        return trust
    }
}

extension Reply {
    /// With its roles, which lists leave out.
    fileprivate static func full(_ trust: Trust, _ call: Call<Identity>, status: Int = 200) -> Reply {
        .json(status) { json in
            json.object(Trust.one) { json in
                trust.write(to: &json, with: call)
                json.array("roles", of: trust.roles) { role, json in json.object { role.write(to: &$0, with: call) } }
                json.object("roles_links") {
                    $0.putNull("next")
                    $0.put("self", call.link("/v3\(trust.path)/roles"))
                    $0.putNull("previous")
                }
            }
        }
    }
}

extension Call<Identity> {
    /// Whoever acts by what was lent to them can't lend, except by a trust, which may allow it.
    fileprivate func refuseBorrowers() throws(Failure) {
        for delegation in caller.delegations {
            if case .trust = delegation { continue }
            throw .forbidden(
                "You are not authorized to perform the requested action: Delegated tokens cannot manage trusts.")
        }
    }
}

extension Transaction {
    /// The trust that the caller acts by.
    fileprivate func source(_ caller: Caller, at now: Moment) throws(Failure) -> Trust? {
        guard let id = caller.trustID else { return nil }
        guard let trust = try usableTrust(ID(id), at: now) else { throw .notFound(Trust.one, id) }
        return trust
    }

    fileprivate func requireRoles(of trust: Trust, lentBy trustor: ID<User>) throws(Failure) {
        guard let id = trust.project else { return }
        _ = try project(id)
        let own = Set(try roles(of: trustor, on: .project(id)).map(\.id))
        for role in trust.roles where !own.contains(role.id) { throw .notFound(Role.one, role.id.text) }
    }
}
