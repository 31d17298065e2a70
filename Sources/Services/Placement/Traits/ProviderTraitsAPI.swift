import API
import Base
import HTTP
import Policy
import SQL

/// The traits that a provider has.
enum ProviderTraits {
    static let endpoints: [Endpoint<Placement>] = [
        .get(
            "/resource_providers/{uuid}/traits", "List a provider's traits", may: .listProviderTraits, since: "1.6",
            list),
        .put(
            "/resource_providers/{uuid}/traits", "Replace a provider's traits", may: .updateProviderTraits,
            takes: .object(
                Fields([
                    .required("traits", .list(of: .text(1...255))),
                    .required("resource_provider_generation", .integer(.min ... .max)),
                ])), since: "1.6", replace),
        .delete(
            "/resource_providers/{uuid}/traits", "Remove a provider's traits", may: .deleteProviderTraits,
            since: "1.6", clear),
    ]
}

extension Rule {
    static let listProviderTraits = Rule(
        "placement:resource_providers:traits:list", "List a provider's traits", May.operate)
    static let updateProviderTraits = Rule(
        "placement:resource_providers:traits:update", "Replace a provider's traits", May.operate)
    static let deleteProviderTraits = Rule(
        "placement:resource_providers:traits:delete", "Remove a provider's traits", May.operate)
}

// MARK: Handlers

extension ProviderTraits {
    static func list(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let (provider, traits) = try await call.service.database.read { tx in
            let provider = try tx.provider(call.id("uuid"))
            return (provider, try tx.traits(of: provider))
        }
        return reply(provider, traits, call)
    }

    static func replace(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let traits = Set(call.body["traits"]?.array?.compactMap(\.string) ?? [])
        let now = call.service.world.now
        let provider = try await call.service.database.write { tx in
            let provider = try tx.provider(call.id("uuid"))
            guard call.knows(provider) else {
                throw Failure.conflict(
                    "Resource provider's generation already changed. Please update the generation and try again.",
                    .concurrentUpdate)
            }
            return try tx.setTraits(traits, of: provider, now: now)
        }
        return reply(provider, traits.sorted(), call)
    }

    static func clear(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let now = call.service.world.now
        try await call.service.database.write { tx in
            _ = try tx.setTraits([], of: try tx.provider(call.id("uuid")), now: now)
        }
        return .noContent
    }

    private static func reply(_ provider: Provider, _ traits: [String], _ call: Call<Placement>) -> Reply {
        .json(headers: call.fresh(provider.modified)) {
            $0.put("traits", traits)
            $0.put("resource_provider_generation", provider.generation)
        }
    }
}

extension Call<Placement> {
    /// Whether the body was written with the provider's present generation in mind.
    func knows(_ provider: Provider) -> Bool {
        body["resource_provider_generation"]?.integer == Int64(provider.generation)
    }
}
