import API
import Base
import Contracts
import HTTP
import Policy
import SQL

/// What consumers hold of providers.
enum Allocations {
    static let endpoints: [Endpoint<Placement>] = [
        .get("/allocations/{consumer_uuid}", "Show what a consumer holds", may: .listAllocations, show),
        .put(
            "/allocations/{consumer_uuid}", "Set what a consumer holds", may: .updateAllocations, takes: listed,
            until: "1.11", replace),
        .put(
            "/allocations/{consumer_uuid}", "Set what a consumer holds", may: .updateAllocations, takes: keyed,
            since: "1.12", until: "1.27", replace),
        .put(
            "/allocations/{consumer_uuid}", "Set what a consumer holds", may: .updateAllocations, takes: releasable,
            since: "1.28", replace),
        .delete("/allocations/{consumer_uuid}", "Give back what a consumer holds", may: .deleteAllocations, delete),
        .post(
            "/allocations", "Set what several consumers hold", may: .manageAllocations, takes: several(1...1_000),
            since: "1.13", replaceSeveral),
        .get(
            "/resource_providers/{uuid}/allocations", "Show what is held of a provider",
            may: .listProviderAllocations, list),
    ]
}

extension Rule {
    static let listAllocations = Rule("placement:allocations:list", "Show what a consumer holds", May.operate)
    static let updateAllocations = Rule("placement:allocations:update", "Set what a consumer holds", May.operate)
    static let deleteAllocations = Rule("placement:allocations:delete", "Give back what a consumer holds", May.operate)
    static let manageAllocations = Rule("placement:allocations:manage", "Set what several consumers hold", May.operate)
    static let listProviderAllocations = Rule(
        "placement:resource_providers:allocations:list", "Show what is held of a provider", May.operate)
}

// MARK: Handlers

extension Allocations {
    static func show(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let id: ID<Consumer> = call.id("consumer_uuid")
        let (consumer, held, providers) = try await call.service.database.read { tx in
            let held = try tx.allocations(of: [id])
            return (try tx.consumer(id), held, try tx.providers(numbered: Set(held.map(\.provider))))
        }
        return .json(headers: call.fresh(held.map(\.modified).max())) { json in
            json.object("allocations") {
                $0.groups(of: held, by: \.provider, named: { providers[$0]?.id.text }) { number, json in
                    json.put("generation", providers[number]?.generation)
                }
            }
            guard let consumer, call.version >= "1.12" else { return }
            json.put("project_id", consumer.project)
            json.put("user_id", consumer.user)
            if call.version >= "1.28" { json.put("consumer_generation", consumer.generation) }
            if call.version >= "1.38" { json.put("consumer_type", consumer.type ?? ConsumerRecord.unknownType) }
        }
    }

    static func list(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let (provider, held, consumers) = try await call.service.database.read { tx in
            let provider = try tx.provider(call.id("uuid"))
            let held = try tx.allocations(on: provider)
            let all: [ConsumerRecord] = try tx.rows(
                """
                SELECT * FROM placement_consumer WHERE uuid IN
                    (SELECT consumer FROM placement_allocation WHERE provider = \(provider.number))
                """)
            return (provider, held, Dictionary(all.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first }))
        }
        return .json(headers: call.fresh(held.map(\.modified).max())) { json in
            json.object("allocations") {
                $0.groups(of: held, by: \.consumer, named: \.text) { id, json in
                    if call.version >= "1.28" { json.put("consumer_generation", consumers[id]?.generation) }
                }
            }
            json.put("resource_provider_generation", provider.generation)
        }
    }

    static func replace(_ call: Call<Placement>) async throws(Failure) -> Reply {
        guard let id = UUID(call["consumer_uuid"]) else {
            throw .invalid("Malformed consumer_uuid: \(call["consumer_uuid"])")
        }
        let claim = Claim(call.body.object ?? JSON.Object(), of: ID(id.dashed), call.version)
        let now = call.service.world.now
        do throws(Failure) {
            try await call.service.database.write { try $0.claim([claim], now: now) }
        } catch  where error.kind == .notFound {
            throw error.within("Unable to allocate inventory for consumer \(claim.consumer)", as: .invalid)
        }
        return .noContent
    }

    static func replaceSeveral(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let claims = claims(call.body, call.version)
        let now = call.service.world.now
        do throws(Failure) {
            try await call.service.database.write { try $0.claim(claims, now: now) }
        } catch  where error.kind == .notFound {
            throw error.within("Unable to allocate inventory", as: .invalid)
        }
        return .noContent
    }

    static func delete(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let id: ID<Consumer> = call.id("consumer_uuid")
        let wasThere = try await call.service.database.write { try $0.release(id) }
        guard wasThere else { throw .missing("No allocations for consumer '\(id)'") }
        return .noContent
    }

    static func claims(_ body: JSON, _ version: Microversion) -> [Claim] {
        (body.object?.members ?? []).map { member in
            Claim(member.value.object ?? JSON.Object(), of: ID(member.name.lowercased()), version)
        }
    }
}

extension JSONWriter {
    /// `"<name>": {"resources": {"VCPU": 1, …}, …}` for each thing that allocations have in common.
    ///
    /// - Parameter more: writes what else stands there.
    fileprivate mutating func groups<Key: Hashable>(
        of allocations: [Allocation], by key: (Allocation) -> Key, named name: (Key) -> String?,
        _ more: (Key, inout JSONWriter) -> Void
    ) {
        for (shared, held) in Dictionary(grouping: allocations, by: key) {
            guard let name = name(shared) else { continue }
            object(name) { json in
                json.object("resources") { for part in held { $0.put(part.resourceClass, part.used) } }
                more(shared, &json)
            }
        }
    }
}
