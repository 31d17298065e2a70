import API
import Base
import HTTP
import Policy
import SQL

/// How much is held of a provider, and by a project.
enum Usages {
    static let endpoints: [Endpoint<Placement>] = [
        .get("/resource_providers/{uuid}/usages", "Show a provider's usage", may: .showProviderUsage, ofProvider),
        .get(
            "/usages", "Show a project's usage", may: .showUsage, query: fields.parameters, since: "1.9", ofProject),
    ]

    private static let fields = Fields([
        .required("project_id", .text(1...255)), .optional("user_id", .text(1...255)),
        .optional(
            "consumer_type", .either([.choice(["all", "unknown"]), .text(1...255, format: .constant)]),
            since: "1.38"),
    ])
}

extension Rule {
    static let showProviderUsage = Rule(
        "placement:resource_providers:usages", "Show a provider's usage", May.operate)
    static let showUsage = Rule("placement:usages", "Show a project's usage", May.seeUsage)
}

// MARK: Handlers

extension Usages {
    static func ofProvider(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let (provider, inventories) = try await call.service.database.read { tx in
            let provider = try tx.provider(call.id("uuid"))
            return (provider, try tx.inventories(of: provider))
        }
        return .json(headers: call.fresh(nil)) { json in
            json.put("resource_provider_generation", provider.generation)
            json.object("usages") { for inventory in inventories { $0.put(inventory.resourceClass, inventory.used) } }
        }
    }

    static func ofProject(_ call: Call<Placement>) async throws(Failure) -> Reply {
        try call.require(.showUsage, of: ["project_id": call.last("project_id") ?? ""])
        try call.admitQuery(fields)
        let filter = UsageFilter(
            project: call.last("project_id") ?? "", user: call.last("user_id"),
            kind: call.version >= "1.38" ? .init(call.last("consumer_type")) : .all)
        let usages = try await call.service.database.read { try $0.usages(filter) }
        return .json(headers: call.fresh(nil)) { json in
            json.object("usages") { json in
                guard call.version >= "1.38" else {
                    for (name, used) in usages["all"]?.resources ?? [:] { json.put(name, used) }
                    return
                }
                for (type, usage) in usages {
                    json.object(type) {
                        $0.put("consumer_count", usage.consumers)
                        for (name, used) in usage.resources { $0.put(name, used) }
                    }
                }
            }
        }
    }
}

extension UsageFilter.Kind {
    fileprivate init(_ type: String?) {
        switch type {
        case nil: self = .each
        case "all": self = .all
        case "unknown": self = .untyped
        case let type?: self = .typed(type)
        }
    }
}
