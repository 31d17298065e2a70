import API
import Base
import HTTP
import Policy
import SQL

/// The aggregates that a provider is in. An aggregate is no more than its UUID here.
enum Aggregates {
    static let endpoints: [Endpoint<Placement>] = [
        .get(
            "/resource_providers/{uuid}/aggregates", "List a provider's aggregates", may: .listAggregates, since: "1.1",
            list),
        .put(
            "/resource_providers/{uuid}/aggregates", "Replace a provider's aggregates", may: .updateAggregates,
            takes: ids, since: "1.1", until: "1.18", replaceBlindly),
        .put(
            "/resource_providers/{uuid}/aggregates", "Replace a provider's aggregates", may: .updateAggregates,
            takes: .object(
                Fields([
                    .required("aggregates", ids),
                    .required("resource_provider_generation", .integer(.min ... .max)),
                ])), since: "1.19", replace),
    ]

    private static let ids: Shape = .list(of: Provider.uuid, unique: true)
}

extension Rule {
    static let listAggregates = Rule(
        "placement:resource_providers:aggregates:list", "List a provider's aggregates", May.operate)
    static let updateAggregates = Rule(
        "placement:resource_providers:aggregates:update", "Replace a provider's aggregates", May.operate)
}

// MARK: Handlers

extension Aggregates {
    static func list(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let (provider, ids) = try await call.service.database.read { tx in
            let provider = try tx.provider(call.id("uuid"))
            return (provider, try tx.aggregates(of: provider))
        }
        return reply(provider, ids, call)
    }

    static func replaceBlindly(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let ids = call.body.array?.compactMap(\.string) ?? []
        let provider = try await call.service.database.write { tx in
            let provider = try tx.provider(call.id("uuid"))
            try tx.setAggregates(ids, of: provider)
            return provider
        }
        return reply(provider, ids, call)
    }

    static func replace(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let ids = call.body["aggregates"]?.array?.compactMap(\.string) ?? []
        let now = call.service.world.now
        let provider = try await call.service.database.write { tx in
            let provider = try tx.provider(call.id("uuid"))
            guard call.knows(provider) else {
                throw Failure.conflict(
                    "Resource provider's generation already changed. Please update the generation and try again.",
                    .concurrentUpdate)
            }
            try tx.setAggregates(ids, of: provider)
            return try tx.advance(provider, now: now)
        }
        return reply(provider, ids, call)
    }

    private static func reply(_ provider: Provider, _ ids: [String], _ call: Call<Placement>) -> Reply {
        .json(headers: call.fresh(nil)) {
            $0.put("aggregates", ids)
            if call.version >= "1.19" { $0.put("resource_provider_generation", provider.generation) }
        }
    }
}
