import API
package import Base
package import Contracts
package import Policy
import SQL

/// Placement for neighbours in the same process. Each function stands for an endpoint: the same rule, the same code.
package struct PlacementAccess: PlacementContract {
    private let placement: Placement
    private let policy: Policy

    package init(_ placement: Placement, policy: Policy) {
        self.placement = placement
        self.policy = policy
    }

    package func candidates(_ request: CandidateRequest, as caller: Caller) async throws(Failure) -> Candidates {
        try require(.listCandidates, caller)
        return try await placement.candidates(request)
    }

    package func claim(_ claims: [Claim], as caller: Caller) async throws(Failure) {
        try require(.manageAllocations, caller)
        let now = placement.world.now
        try await placement.database.write { try $0.claim(claims, now: now) }
    }

    package func release(_ consumer: ID<Consumer>, as caller: Caller) async throws(Failure) {
        try require(.deleteAllocations, caller)
        try await placement.database.write { _ = try $0.release(consumer) }
    }

    package func claim(of id: ID<Consumer>, as caller: Caller) async throws(Failure) -> Claim? {
        try require(.listAllocations, caller)
        return try await placement.database.read { tx in
            guard let consumer = try tx.consumer(id) else { return nil }
            let held = try tx.allocations(of: [id])
            let providers = try tx.providers(numbered: Set(held.map(\.provider)))
            var claim = Claim(
                consumer: id, project: consumer.project, user: consumer.user, type: consumer.type,
                expectation: .generation(consumer.generation), allocations: [:])
            for part in held {
                guard let provider = providers[part.provider] else { continue }
                claim.allocations[provider.id, default: [:]][part.resourceClass] = part.used
            }
            return claim
        }
    }

    @discardableResult
    package func ensure(_ wanted: ProviderDescription, as caller: Caller) async throws(Failure) -> Int {
        for rule in [
            Rule.createProvider, .updateProvider, .updateInventories, .updateProviderTraits, .updateAggregates,
        ] {
            try require(rule, caller)
        }
        let now = placement.world.now
        return try await placement.database.write { try $0.ensure(wanted, now: now).generation }
    }

    package func remove(_ provider: ID<ResourceProvider>, as caller: Caller) async throws(Failure) {
        try require(.deleteProvider, caller)
        try await placement.database.write { tx in
            guard try tx.optionalProvider(provider) != nil else { return }
            try tx.deleteProvider(provider)
        }
    }

    private func require(_ rule: Rule, _ caller: Caller) throws(Failure) {
        guard policy.scope(rule, for: caller).covers([:]) else {
            throw .forbidden(Dialect.placement.refusal(rule.name))
        }
    }
}

extension Transaction {
    /// What is as it should be already is left alone, generation and all.
    fileprivate func ensure(_ wanted: ProviderDescription, now: Moment) throws(Failure) -> Provider {
        var provider: Provider
        if let present = try optionalProvider(wanted.id) {
            let isInPlace = present.name == wanted.name && present.parent == wanted.parent
            provider =
                isInPlace
                ? present
                : try updateProvider(present, name: wanted.name, parent: .some(wanted.parent), mayMove: true, now: now)
        } else {
            provider = try insertProvider(wanted.id, name: wanted.name, parent: wanted.parent, now: now)
        }
        let custom = { (name: String) in name.hasPrefix("CUSTOM_") }
        for name in wanted.inventories.keys.filter(custom).sorted() { try ensureResourceClass(name, now: now) }
        for name in wanted.traits.filter(custom).sorted() { try ensureTrait(name, now: now) }

        var sizes: [String: InventoryDescription] = [:]
        for inventory in try inventories(of: provider) { sizes[inventory.resourceClass] = inventory.size }
        if sizes != wanted.inventories { provider = try setInventories(wanted.inventories, of: provider, now: now) }
        provider = try setTraits(wanted.traits, of: provider, now: now)
        if let aggregates = wanted.aggregates, Set(try self.aggregates(of: provider)) != aggregates {
            try setAggregates(aggregates.sorted(), of: provider)
            provider = try advance(provider, now: now)
        }
        return provider
    }
}
