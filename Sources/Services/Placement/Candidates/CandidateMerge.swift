import Base
import Contracts

/// Puts together what serves single groups, and leaves out what does not go together.
struct CandidateMerge {
    let request: CandidateRequest
    let stock: CandidateStock
    let limit: Int
    private(set) var found: [CandidateSearch.Found] = []
    private var seen: Set<CandidateSearch.Found> = []

    init(request: CandidateRequest, stock: CandidateStock, limit: Int) {
        self.request = request
        self.stock = stock
        self.limit = limit
    }

    var isFull: Bool { found.count >= limit }

    /// All that one tree offers for each of the groups.
    mutating func add(_ offers: [String: [CandidateSearch.Offer]]) {
        extend(CandidateSearch.Found(), with: offers.sorted { $0.key < $1.key }[...])
    }

    /// Group after group, so that what cannot be is dropped before it is multiplied.
    private mutating func extend(
        _ partial: CandidateSearch.Found, with rest: ArraySlice<(key: String, value: [CandidateSearch.Offer])>
    ) {
        guard let (suffix, offers) = rest.first else { return keep(partial) }
        for offer in offers where !isFull {
            guard !isTwice(offer, suffix, partial), let taken = sum(partial.taken, offer.taken) else { continue }
            var next = partial
            next.taken = taken
            next.mappings[suffix] = offer.providers
            extend(next, with: rest.dropFirst())
        }
    }

    private mutating func keep(_ whole: CandidateSearch.Found) {
        guard request.sameSubtrees.allSatisfy({ isOneSubtree($0, whole) }) else { return }
        guard request.isNestedAware || isFlat(whole) else { return }
        guard seen.insert(whole).inserted else { return }
        found.append(whole)
    }

    /// Isolated groups have providers of their own.
    private func isTwice(
        _ offer: CandidateSearch.Offer, _ suffix: String, _ partial: CandidateSearch.Found
    ) -> Bool {
        guard request.isIsolated, !suffix.isEmpty else { return false }
        return partial.mappings.contains { !$0.key.isEmpty && !$0.value.isDisjoint(with: offer.providers) }
    }

    /// What is taken in all; nil if that is more than there is.
    private func sum(_ taken: [Place: Int], _ more: [Place: Int]) -> [Place: Int]? {
        guard !taken.isEmpty else { return more }
        var sum = taken
        for (place, amount) in more {
            let whole = sum[place, default: 0] + amount
            guard let inventory = stock.inventories[place.resourceClass]?[place.provider],
                inventory.used + whole <= inventory.capacity, whole <= inventory.size.maxUnit
            else { return nil }
            sum[place] = whole
        }
        return sum
    }

    /// Whether one of the groups' providers is above all the others, or is theirs.
    private func isOneSubtree(_ suffixes: Set<String>, _ whole: CandidateSearch.Found) -> Bool {
        let providers = suffixes.reduce(into: Set<Int>()) { $0.formUnion(whole.mappings[$1] ?? []) }
        guard providers.count > 1 else { return true }
        return providers.contains { top in providers.allSatisfy { isWithin($0, top) } }
    }

    private func isWithin(_ provider: Int, _ top: Int) -> Bool {
        var current: Int? = provider
        while let number = current {
            if number == top { return true }
            current = stock.nodes[number]?.parent
        }
        return false
    }

    /// Clients from before there were trees cannot use two providers of one.
    private func isFlat(_ whole: CandidateSearch.Found) -> Bool {
        let providers = Set(whole.taken.keys.map(\.provider))
        return Set(providers.compactMap { stock.nodes[$0]?.root }).count == providers.count
    }
}
