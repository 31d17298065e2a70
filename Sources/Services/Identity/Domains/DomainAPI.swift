import API
import Base
import Policy
import SQL

extension Domain {
    static let endpoints: [Endpoint<Identity>] = [
        .get(
            "/domains", "List domains", may: .listDomains,
            query: [Parameter("name"), Parameter("enabled", .boolean)] + paging, list),
        .post(
            "/domains", "Create a domain", may: .createDomain,
            takes: .wrapped("domain", [.required("name", name)] + fields, others: .allowed), create),
        .get("/domains/{domain_id}", "Show a domain", may: .getDomain, show),
        Endpoint(
            "PATCH", "/domains/{domain_id}", "Update a domain", access: .decided(by: [.updateDomain]),
            body: .json(.wrapped("domain", [.optional("name", name)] + fields, others: .allowed)), update),
        .delete("/domains/{domain_id}", "Delete a domain", may: .deleteDomain, delete),
    ]

    private static let name: Shape = .text(1...64, format: .name)
    private static let fields: [Field] = [
        .optional("enabled", .boolean), .optional("description", .description),
        .optional("options", Project.optionsShape),
        .optional("tags", Project.tagsShape), .optional("explicit_domain_id", .text(32...32, format: .hex)),
    ]
}

extension Rule {
    static let getDomain = Rule(
        "identity:get_domain", "Show a domain",
        "\(May.adminOrSystemReader) or token.domain.id:%(target.domain.id)s or token.project.domain.id:%(target.domain.id)s"
    )
    static let listDomains = Rule(
        "identity:list_domains", "List domains", May.adminOrReader(ofDomain: "target.domain.id"))
    static let createDomain = Rule("identity:create_domain", "Create a domain", May.admin, for: [.system, .project])
    static let updateDomain = Rule("identity:update_domain", "Update a domain", May.admin, for: [.system, .project])
    static let deleteDomain = Rule("identity:delete_domain", "Delete a domain", May.admin, for: [.system, .project])
}

// MARK: Handlers

extension Domain {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let page = try await call.service.database.read {
            try $0.domains(call.listing, in: call.scopeOfList("target.domain.id"))
        }
        return .many(page, call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.domain(call.id("domain_id"), in: call.scope) }, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("domain")
        let id: ID<Domain> = body.id("explicit_domain_id") ?? .hex(call.service.world.chance)
        let domain = try Domain(body, id: id)
        try await call.service.database.write { try $0.insert(domain.project) }
        return .one(domain, call, status: 201)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("domain")
        let tokens = call.service.tokens
        let domain = try await call.service.database.write { tx in
            var domain = try call.admit(try tx.domain(call.id("domain_id")), under: .updateDomain)
            try domain.change(body)
            try tx.update(domain.project)
            try tokens.forgetAll(tx)
            return domain
        }
        return .one(domain, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let service = call.service
        try await service.database.write { tx in
            let domain = try tx.domain(call.id("domain_id"), in: call.scope)
            try domain.options.allowDeletion(of: domain)
            guard domain.id != service.settings.defaultDomain else {
                throw Failure.forbidden("The default domain cannot be deleted.")
            }
            guard !domain.isEnabled else {
                throw Failure.forbidden("Cannot delete a domain that is enabled, please disable it first.")
            }
            try tx.deleteDomain(domain.id)
            try service.tokens.forgetAll(tx)
        }
        return .noContent
    }
}
