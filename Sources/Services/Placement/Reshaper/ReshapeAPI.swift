import API
import Base
import Contracts
import HTTP
import Policy
import SQL

/// Moves inventories between providers together with what is held of them, as when a node's cards become providers of
/// their own.
enum Reshape {
    static let endpoints: [Endpoint<Placement>] = [
        .post("/reshaper", "Reshape inventories and allocations", may: .reshape, takes: shape, since: "1.30", reshape)
    ]

    private static let shape: Shape = .object(
        Fields([
            .required("inventories", .keyed(by: .uuid, Inventory.replacement, count: 1...1_000)),
            .required("allocations", Allocations.several(0...10_000)),
        ]))

    typealias Sizes = [String: InventoryDescription]

    static func reshape(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let claims = Allocations.claims(call.body["allocations"] ?? .null, call.version)
        let wanted = (call.body["inventories"]?.object?.members ?? []).map { member in
            Wanted(
                provider: ID(member.name.lowercased()),
                generation: member.value["resource_provider_generation"]?.integer.map { Int($0) } ?? -1,
                sizes: Dictionary(Inventory.descriptions(member.value), uniquingKeysWith: { _, last in last }))
        }
        let now = call.service.world.now
        do throws(Failure) {
            try await call.service.database.write { try $0.reshape(wanted, claims, now: now) }
        } catch  where error.kind == .notFound {
            throw error.within("malformed reshaper data", as: .invalid)
        }
        return .noContent
    }

    /// What a provider is to have in the end.
    struct Wanted: Sendable {
        let provider: ID<ResourceProvider>
        let generation: Int
        let sizes: Sizes
    }
}

extension Rule {
    static let reshape = Rule("placement:reshaper:reshape", "Reshape inventories and allocations", May.reshape)
}

extension Transaction {
    /// First all that is new comes, then what is held moves over, then what is old goes.
    fileprivate func reshape(_ wanted: [Reshape.Wanted], _ claims: [Claim], now: Moment) throws(Failure) {
        for one in wanted {
            let provider = try known(one)
            guard !one.sizes.isEmpty else { continue }
            var sizes: Reshape.Sizes = [:]
            for inventory in try inventories(of: provider) { sizes[inventory.resourceClass] = inventory.size }
            _ = try setInventories(sizes.merging(one.sizes) { _, new in new }, of: provider, now: now)
        }
        if !claims.isEmpty { try claim(claims, now: now) }
        for one in wanted {
            do throws(Failure) {
                _ = try setInventories(one.sizes, of: try provider(one.provider), now: now)
            } catch  where error.kind == .conflict {
                throw error.within("update conflict")
            }
        }
    }

    private func known(_ wanted: Reshape.Wanted) throws(Failure) -> Provider {
        guard let provider = try optionalProvider(wanted.provider) else {
            throw .invalid(
                "Resource provider \(wanted.provider) in inventories not found: No resource provider with uuid "
                    + "\(wanted.provider) found", .providerNotFound)
        }
        guard provider.generation == wanted.generation else {
            throw .conflict(
                "resource provider generation conflict for provider \(provider.id): actual: \(provider.generation), "
                    + "given: \(wanted.generation)", .concurrentUpdate)
        }
        return provider
    }
}
