import Base
import Contracts
import SQL

/// All that a search needs to know, read with a handful of queries however many providers there are.
struct CandidateStock: Sendable {
    /// A provider's place in its tree, by numbers.
    struct Node: Sendable {
        let id: ID<ResourceProvider>
        let root: Int
        let parent: Int?
    }

    var nodes: [Int: Node] = [:]
    /// What has room for the least that is asked of a class, by class and provider.
    var inventories: [String: [Int: Inventory]] = [:]
    /// Who has the traits that are asked for.
    var holders: [String: Set<Int>] = [:]
    /// Who is in the aggregates that are asked for.
    var members: [String: Set<Int>] = [:]
    /// The roots of all trees that a provider shares with, by aggregate.
    var sharedRoots: [Int: Set<Int>] = [:]
    /// The roots of the trees that groups are bound to.
    var treeRoots: [ID<ResourceProvider>: Int] = [:]
    var hasTrees = false

    var sharing: Set<Int> { holders[Trait.sharing] ?? [] }
}

extension Transaction {
    func stock(for request: CandidateRequest) throws(Failure) -> CandidateStock {
        var stock = CandidateStock()
        let groups = request.groups.values
        stock.hasTrees = try exists("SELECT 1 FROM placement_provider WHERE parent IS NOT NULL LIMIT 1")
        try readInventories(for: groups.map(\.resources), into: &stock)
        try readHolders(of: request.namedTraits.union([Trait.sharing]), into: &stock)
        try readMembers(of: request.namedAggregates, into: &stock)
        try readSharedRoots(into: &stock)
        try readTreeRoots(Set(groups.compactMap(\.inTree)), into: &stock)
        // Groups without resources may be served by anybody, and who stands above whom takes the whole trees to know.
        if groups.contains(where: \.resources.isEmpty) || !request.sameSubtrees.isEmpty {
            try each("SELECT number, uuid, root, parent FROM placement_provider") { try stock.add($0) }
        }
        return stock
    }

    private func readInventories(for asked: [Resources], into stock: inout CandidateStock) throws(Failure) {
        var least: Resources = [:]
        for resources in asked { least.merge(resources) { min($0, $1) } }
        let conditions: [SQL] = least.sorted { $0.key < $1.key }.map { name, amount in
            "(i.class = \(name) AND i.used + \(amount) <= (i.total - i.reserved) * i.allocation_ratio)"
        }
        guard !conditions.isEmpty else { return }
        try each(
            """
            SELECT p.number, p.uuid, p.root, p.parent, i.class, i.total, i.reserved, i.min_unit, i.max_unit,
                i.step_size, i.allocation_ratio, i.used, i.updated_at
            FROM placement_inventory i JOIN placement_provider p ON p.number = i.provider
            WHERE \(.joined(conditions, by: " OR "))
            """
        ) { row in
            let number = try stock.add(row)
            let inventory = try Inventory(row)
            stock.inventories[inventory.resourceClass, default: [:]][number] = inventory
        }
    }

    private func readHolders(of traits: Set<String>, into stock: inout CandidateStock) throws(Failure) {
        try each("SELECT provider, trait FROM placement_provider_trait WHERE trait IN \(.list(traits.sorted()))") {
            row in
            let provider = try row.integer("provider")
            stock.holders[try row.text("trait"), default: []].insert(provider)
        }
    }

    private func readMembers(of aggregates: Set<String>, into stock: inout CandidateStock) throws(Failure) {
        guard !aggregates.isEmpty else { return }
        try each(
            """
            SELECT provider, aggregate FROM placement_provider_aggregate
            WHERE aggregate IN \(.list(aggregates.sorted()))
            """
        ) { row in
            let provider = try row.integer("provider")
            stock.members[try row.text("aggregate"), default: []].insert(provider)
        }
    }

    private func readSharedRoots(into stock: inout CandidateStock) throws(Failure) {
        guard !stock.sharing.isEmpty else { return }
        try each(
            """
            SELECT DISTINCT sharing.provider, p.root FROM placement_provider_aggregate sharing
            JOIN placement_provider_aggregate beside ON beside.aggregate = sharing.aggregate
            JOIN placement_provider p ON p.number = beside.provider
            WHERE sharing.provider IN \(.list(stock.sharing.sorted()))
            """
        ) { row in
            let provider = try row.integer("provider")
            stock.sharedRoots[provider, default: []].insert(try row.integer("root"))
        }
    }

    private func readTreeRoots(_ ids: Set<ID<ResourceProvider>>, into stock: inout CandidateStock) throws(Failure) {
        guard !ids.isEmpty else { return }
        try each("SELECT uuid, root FROM placement_provider WHERE uuid IN \(.list(ids.sorted()))") { row in
            stock.treeRoots[try row.id("uuid")] = try row.integer("root")
        }
    }
}

extension CandidateStock {
    @discardableResult
    fileprivate mutating func add(_ row: borrowing Row) throws(Failure) -> Int {
        let number = try row.integer("number")
        if nodes[number] == nil {
            nodes[number] = Node(
                id: try row.id("uuid"), root: try row.integer("root"), parent: try row.optionalInteger("parent"))
        }
        return number
    }
}
