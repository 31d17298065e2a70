import API
import Base
import HTTP
import Policy
import SQL

extension DomainConfiguration {
    static let endpoints: [Endpoint<Identity>] =
        [
            .put(
                "/domains/{domain_id}/config", "Set a domain's configuration", may: .createDomainConfig, takes: body,
                replace),
            .get(
                "/domains/config/default", "Show the default configuration", may: .getDomainConfigDefault,
                showDefault),
            .get(
                "/domains/config/{group}/default", "Show the default of a group of options",
                may: .getDomainConfigDefault, showDefault),
            .get(
                "/domains/config/{group}/{option}/default", "Show the default of an option",
                may: .getDomainConfigDefault, showDefault),
        ]
        + ["", "/{group}", "/{group}/{option}"].flatMap { part in
            partEndpoints("/domains/{domain_id}/config\(part)")
        }

    private static let body: Shape = .wrapped("config", [], others: .allowed)

    private static func partEndpoints(_ path: String) -> [Endpoint<Identity>] {
        [
            Endpoint(
                "GET", path, "Show a domain's configuration or a part of it",
                access: .decided(by: [.getDomainConfig, .getSecurityCompliance]), show),
            .patch(
                path, "Change a domain's configuration or a part of it", may: .updateDomainConfig, takes: body,
                update),
            .delete(path, "Delete a domain's configuration or a part of it", may: .deleteDomainConfig, delete),
        ]
    }
}

extension Rule {
    fileprivate static let createDomainConfig = Rule(
        "identity:create_domain_config", "Set a domain's configuration", May.admin, for: [.system, .project])
    fileprivate static let getDomainConfig = Rule(
        "identity:get_domain_config", "Show a domain's configuration", May.adminOrSystemReader,
        for: [.system, .project])
    fileprivate static let getSecurityCompliance = Rule(
        "identity:get_security_compliance_domain_config", "Show what passwords have to be like", May.anyone)
    fileprivate static let updateDomainConfig = Rule(
        "identity:update_domain_config", "Change a domain's configuration", May.admin, for: [.system, .project])
    fileprivate static let deleteDomainConfig = Rule(
        "identity:delete_domain_config", "Delete a domain's configuration", May.admin, for: [.system, .project])
    fileprivate static let getDomainConfigDefault = Rule(
        "identity:get_domain_config_default", "Show the default configuration", May.adminOrSystemReader,
        for: [.system, .project])
}

// MARK: Handlers

extension DomainConfiguration {
    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let part = call.part
        guard part.group != "security_compliance" else { return try showCompliance(part, call) }
        try call.require(.getDomainConfig)
        try part.check()
        let found = try await call.service.database.read { tx in
            part.of(try tx.configuration(of: try tx.domain(call.id("domain_id")).id).visible)
        }
        guard let found else { throw .noConfiguration(part, call) }
        return .configuration(found)
    }

    static func replace(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (seal, now) = (call.service.credentialKeys, call.service.world.now)
        let configuration = try DomainConfiguration(
            try call.fields("config"), for: ConfigurationPart(group: nil, option: nil)
        ).sealed(by: seal, now: now)
        let isNew = try await call.service.database.write { tx in
            let domain = try tx.domain(call.id("domain_id"))
            let isNew = try tx.configuration(of: domain.id).isEmpty
            try tx.replace(configurationOf: domain.id, by: configuration)
            return isNew
        }
        return .configuration(.object(configuration.visible.groups), status: isNew ? 201 : 200)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (part, body) = (call.part, try call.fields("config"))
        let (seal, now) = (call.service.credentialKeys, call.service.world.now)
        let configuration = try await call.service.database.write { tx in
            let domain = try tx.domain(call.id("domain_id"))
            let changes = try DomainConfiguration(body, for: part).sealed(by: seal, now: now)
            let before = try tx.configuration(of: domain.id)
            guard part.group == nil || part.of(before) != nil else { throw Failure.noConfiguration(part, call) }
            let after = before.merging(changes)
            try tx.replace(configurationOf: domain.id, by: after)
            return after
        }
        return .configuration(.object(configuration.visible.groups))
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let part = call.part
        try await call.service.database.write { tx in
            let domain = try tx.domain(call.id("domain_id"))
            try part.check()
            let before = try tx.configuration(of: domain.id)
            guard part.group == nil || part.of(before) != nil else { throw Failure.noConfiguration(part, call) }
            try tx.replace(configurationOf: domain.id, by: before.removing(part))
        }
        return .noContent
    }

    static func showDefault(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let part = call.part
        try part.check()
        guard let found = part.of(defaults) else { throw .noConfiguration(part, call) }
        return .configuration(found)
    }

    /// Anybody may know what passwords have to be like. No pattern is asked of them here.
    private static func showCompliance(
        _ part: ConfigurationPart, _ call: Call<Identity>
    ) throws(Failure) -> Reply {
        try call.require(.getSecurityCompliance)
        guard call["domain_id"] == call.service.settings.defaultDomain.text else {
            throw .configuration(
                "Reading security compliance information for any domain other than the default domain is not allowed or supported"
            )
        }
        let readable = DomainConfiguration(
            JSON.Object([
                JSON.Member(
                    name: "security_compliance", value: ["password_regex": nil, "password_regex_description": nil])
            ]))
        guard let found = part.of(readable) else {
            throw .configuration(
                "Reading security compliance values other than password_regex and password_regex_description is not allowed"
            )
        }
        return .configuration(found)
    }
}

extension Call<Identity> {
    fileprivate var part: ConfigurationPart {
        let (group, option) = (self["group"], self["option"])
        return ConfigurationPart(group: group.isEmpty ? nil : group, option: option.isEmpty ? nil : option)
    }
}

extension Reply {
    fileprivate static func configuration(_ value: JSON, status: Int = 200) -> Reply {
        .json(status) { $0.put("config", value) }
    }
}

extension Failure {
    fileprivate static func noConfiguration(_ part: ConfigurationPart, _ call: Call<Identity>) -> Failure {
        Failure(
            .notFound,
            "Could not find \(part.described) in domain configuration for domain \(call["domain_id"]).")
    }
}
