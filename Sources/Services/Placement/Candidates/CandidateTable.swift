import Base
import Contracts
import SQL

extension Placement {
    /// Where a request would fit at this moment.
    func candidates(_ request: CandidateRequest) async throws(Failure) -> Candidates {
        try await database.read { try $0.candidates(request) }
    }
}

extension Transaction {
    func candidates(_ request: CandidateRequest) throws(Failure) -> Candidates {
        let unknown = try unknownTraits(request.namedTraits)
        guard unknown.isEmpty else { throw .invalid("No such trait(s): \(unknown.joined(separator: ", ")).") }
        do throws(Failure) { try requireClasses(Set(request.groups.values.flatMap(\.resources.keys))) } catch {
            throw error.within("Invalid resource class in resources parameter", as: .invalid)
        }
        let stock = try stock(for: request)
        let found = CandidateSearch(request: request, stock: stock).found()
        return Candidates(choices: found.map(stock.choice), summaries: try summaries(found, stock, request))
    }

    /// All providers of the trees that something would be taken from; for clients that know no trees, just those.
    private func summaries(
        _ found: [CandidateSearch.Found], _ stock: CandidateStock, _ request: CandidateRequest
    ) throws(Failure) -> [Candidates.Summary] {
        let givers = Set(found.flatMap(\.taken.keys).map(\.provider))
        guard !givers.isEmpty else { return [] }
        let trees = Trees(roots: Set(givers.compactMap { stock.nodes[$0]?.root }))
        var summaries: [Int: Candidates.Summary] = [:]
        try each("\(Provider.select) WHERE \(trees.condition)") { row in
            let provider = try Provider(row)
            guard trees.roots.contains(provider.rootNumber) else { return }
            guard request.isNestedAware || !stock.hasTrees || givers.contains(provider.number) else { return }
            summaries[provider.number] = Candidates.Summary(
                provider: provider.id, parent: provider.parent, root: provider.root)
        }
        try each(
            """
            SELECT i.* FROM placement_inventory i JOIN placement_provider p ON p.number = i.provider
            WHERE \(trees.condition)
            """
        ) { row in
            let provider = try row.integer("provider")
            let inventory = try Inventory(row)
            summaries[provider]?.resources[inventory.resourceClass] = Candidates.Summary.Room(
                capacity: inventory.capacity, used: inventory.used)
        }
        try each(
            """
            SELECT t.provider, t.trait FROM placement_provider_trait t
            JOIN placement_provider p ON p.number = t.provider WHERE \(trees.condition)
            """
        ) { row in
            let provider = try row.integer("provider")
            summaries[provider]?.traits.append(try row.text("trait"))
        }
        return summaries.sorted { $0.key < $1.key }.map { _, summary in
            var summary = summary
            summary.traits.sort(by: Trait.comesFirst)
            return summary
        }
    }
}

extension CandidateRequest {
    /// All traits that it asks for, to have or not to have.
    var namedTraits: Set<String> {
        groups.values.reduce(into: rootRequired.union(rootForbidden)) { traits, group in
            traits.formUnion(group.forbidden.union(group.required.flatMap { $0 }))
        }
    }

    /// The same of aggregates.
    var namedAggregates: Set<String> {
        groups.values.reduce(into: []) { aggregates, group in
            aggregates.formUnion(group.notMemberOf.union(group.memberOf.flatMap { $0 }))
        }
    }
}

/// Some trees of all that there are.
private struct Trees {
    let roots: Set<Int>

    /// With more roots than this, reading all trees is quicker than looking for each, and no statement gets too long.
    private static let most = 1_000

    /// For a provider `p`. It may let in more than `roots`.
    var condition: SQL { roots.count > Trees.most ? "1 = 1" : "p.root IN \(.list(roots.sorted()))" }
}

extension CandidateStock {
    fileprivate func choice(_ found: CandidateSearch.Found) -> Candidates.Choice {
        var allocations: [ID<ResourceProvider>: Resources] = [:]
        for (place, amount) in found.taken {
            guard let id = nodes[place.provider]?.id else { continue }
            allocations[id, default: [:]][place.resourceClass] = amount
        }
        return Candidates.Choice(
            allocations: allocations,
            mappings: found.mappings.mapValues { Set($0.compactMap { nodes[$0]?.id }) })
    }
}
