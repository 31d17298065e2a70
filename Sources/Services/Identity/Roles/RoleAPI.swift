import API
import Base
import HTTP
import Policy
import SQL

extension Role {
    static let endpoints: [Endpoint<Identity>] = [
        Endpoint(
            "GET", "/roles", "List roles", access: .decided(by: [.listRoles, .listDomainRoles]),
            query: [Parameter("name"), Parameter("domain_id")] + paging, list),
        Endpoint(
            "POST", "/roles", "Create a role", access: .decided(by: [.createRole, .createDomainRole]),
            body: .json(
                .wrapped(
                    "role",
                    [.required("name", name), .optional("domain_id", .nullable(.text(1...64)))] + fields,
                    others: .allowed)),
            create),
        Endpoint(
            "GET", "/roles/{role_id}", "Show a role", access: .decided(by: [.getRole, .getDomainRole]), show),
        Endpoint(
            "PATCH", "/roles/{role_id}", "Update a role", access: .decided(by: [.updateRole, .updateDomainRole]),
            body: .json(.wrapped("role", [.optional("name", name)] + fields, others: .allowed)), update),
        Endpoint(
            "DELETE", "/roles/{role_id}", "Delete a role", access: .decided(by: [.deleteRole, .deleteDomainRole]),
            delete),
    ]

    private static let name: Shape = .text(1...255, format: .name)
    private static let fields: [Field] = [
        .optional("description", .description), .optional("options", Project.optionsShape),
    ]
}

extension Rule {
    static let getRole = Rule(
        "identity:get_role", "Show a role",
        "(\(May.adminOrSystemReader)) or (role:manager and rule:domain_managed_target_role)")
    static let listRoles = Rule(
        "identity:list_roles", "List roles", "(\(May.adminOrSystemReader)) or (role:manager and not domain_id:None)")
    static let createRole = Rule("identity:create_role", "Create a role", May.admin, for: [.system, .project])
    static let updateRole = Rule("identity:update_role", "Update a role", May.admin, for: [.system, .project])
    static let deleteRole = Rule("identity:delete_role", "Delete a role", May.admin, for: [.system, .project])
    static let getDomainRole = Rule(
        "identity:get_domain_role", "Show a domain's role", May.adminOrSystemReader, for: [.system, .project])
    static let listDomainRoles = Rule(
        "identity:list_domain_roles", "List a domain's roles", May.adminOrSystemReader, for: [.system, .project])
    static let createDomainRole = Rule(
        "identity:create_domain_role", "Create a domain's role", May.admin, for: [.system, .project])
    static let updateDomainRole = Rule(
        "identity:update_domain_role", "Update a domain's role", May.admin, for: [.system, .project])
    static let deleteDomainRole = Rule(
        "identity:delete_domain_role", "Delete a domain's role", May.admin, for: [.system, .project])
}

// MARK: Handlers

extension Role {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let rule: Rule = call.query["domain_id"] == nil ? .listRoles : .listDomainRoles
        let scope = call.scope(under: rule)
        guard scope != .nowhere else { throw call.exchange.refusal(rule) }
        return .many(try await call.service.database.read { try $0.roles(call.listing, in: scope) }, call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.role(call, .getRole, .getDomainRole) }, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let role = try Role(try call.fields("role"), id: .hex(call.service.world.chance))
        let rule: Rule = role.domain == nil ? .createRole : .createDomainRole
        guard call.scope(under: rule).covers(role.attribute) else { throw call.exchange.refusal(rule) }
        try await call.service.database.write { try $0.insert(role) }
        return .one(role, call, status: 201)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("role")
        let tokens = call.service.tokens
        let role = try await call.service.database.write { tx in
            var role = try tx.role(call, .updateRole, .updateDomainRole)
            try role.change(body)
            try tx.update(role)
            try tokens.forgetAll(tx)
            return role
        }
        return .one(role, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let tokens = call.service.tokens
        try await call.service.database.write { tx in
            let role = try tx.role(call, .deleteRole, .deleteDomainRole)
            try role.options.allowDeletion(of: role)
            try tx.deleteRole(role.id)
            try tokens.forgetAll(tx)
        }
        return .noContent
    }
}

extension Transaction {
    /// The role of a path. Roles of domains have rules of their own, so that one has to be there to be asked about.
    fileprivate func role(_ call: Call<Identity>, _ global: Rule, _ ofDomain: Rule) throws(Failure) -> Role {
        let role = try self.role(call.id("role_id"))
        return try call.admit(role, under: role.domain == nil ? global : ofDomain)
    }
}
