import Base
import Contracts

/// Finds where a request would fit, among what has been read: numbers only.
///
/// First each group by itself: which providers could serve it, under which root. Then the groups together: under one
/// root, within what is left when several take from the same provider.
struct CandidateSearch {
    /// More than this nobody looks at, and a wide tree has more combinations than there is memory.
    static let most = 10_000

    let request: CandidateRequest
    let stock: CandidateStock

    /// One way to serve one group.
    struct Offer: Hashable {
        /// The root of the tree that it belongs to, or is shared with.
        let anchor: Int
        /// Which provider gives which class.
        let taken: [Place: Int]
        let providers: Set<Int>
    }

    /// One way to serve all groups.
    struct Found: Hashable {
        var taken: [Place: Int] = [:]
        var mappings: [String: Set<Int>] = [:]
    }

    func found() -> [Found] {
        let limit = min(request.limit ?? CandidateSearch.most, CandidateSearch.most)
        var byAnchor: [Int: [String: [Offer]]] = [:]
        for (suffix, group) in request.groups {
            let offers = suffix.isEmpty && (stock.hasTrees || !stock.sharing.isEmpty) ? spread(group) : single(group)
            guard !offers.isEmpty else { return [] }
            for offer in offers { byAnchor[offer.anchor, default: [:]][suffix, default: []].append(offer) }
        }
        var merge = CandidateMerge(request: request, stock: stock, limit: limit)
        for (_, offers) in byAnchor.sorted(by: { $0.key < $1.key }) where offers.count == request.groups.count {
            merge.add(offers)
            if merge.isFull { break }
        }
        return merge.found
    }

    // MARK: One provider for a whole group

    private func single(_ group: CandidateRequest.Group) -> [Offer] {
        var offers: [Offer] = []
        for provider in able(group).sorted() where isAllowed(provider, group) {
            guard let root = stock.nodes[provider]?.root else { continue }
            var anchors = [root]
            if stock.sharing.contains(provider) {
                anchors += (stock.sharedRoots[provider] ?? []).subtracting([root]).sorted()
            }
            var taken: [Place: Int] = [:]
            for (name, amount) in group.resources { taken[Place(provider: provider, resourceClass: name)] = amount }
            for anchor in anchors where isAnchor(anchor) {
                offers.append(Offer(anchor: anchor, taken: taken, providers: [provider]))
            }
        }
        return offers
    }

    /// Those that have room for all that the group asks for.
    private func able(_ group: CandidateRequest.Group) -> Set<Int> {
        guard !group.resources.isEmpty else { return Set(stock.nodes.keys.filter { isInTree($0, group) }) }
        var able: Set<Int>?
        for (name, amount) in group.resources {
            let fitting = Set(fitting(name, amount, group))
            able = able?.intersection(fitting) ?? fitting
        }
        return able ?? []
    }

    private func fitting(_ name: String, _ amount: Int, _ group: CandidateRequest.Group) -> [Int] {
        (stock.inventories[name] ?? [:]).filter { $0.value.fits(amount) && isInTree($0.key, group) }.map(\.key)
    }

    private func isInTree(_ provider: Int, _ group: CandidateRequest.Group) -> Bool {
        guard let tree = group.inTree else { return true }
        guard let root = stock.treeRoots[tree] else { return false }
        return stock.nodes[provider]?.root == root
    }

    private func isAllowed(_ provider: Int, _ group: CandidateRequest.Group) -> Bool {
        has(group.required, among: [provider]) && !isForbidden(provider, group)
            && group.memberOf.allSatisfy { isMember(provider, $0) } && !isMember(provider, group.notMemberOf)
    }

    private func has(_ required: [Set<String>], among providers: Set<Int>) -> Bool {
        required.allSatisfy { anyOf in
            anyOf.contains { trait in stock.holders[trait].map { !$0.isDisjoint(with: providers) } ?? false }
        }
    }

    private func isForbidden(_ provider: Int, _ group: CandidateRequest.Group) -> Bool {
        group.forbidden.contains { stock.holders[$0]?.contains(provider) ?? false }
    }

    private func isMember(_ provider: Int, _ aggregates: Set<String>) -> Bool {
        aggregates.contains { stock.members[$0]?.contains(provider) ?? false }
    }

    private func isAnchor(_ root: Int) -> Bool {
        request.rootRequired.allSatisfy { stock.holders[$0]?.contains(root) ?? false }
            && !request.rootForbidden.contains { stock.holders[$0]?.contains(root) ?? false }
    }

    // MARK: A tree, and what is shared with it, for a group

    private func spread(_ group: CandidateRequest.Group) -> [Offer] {
        let names = group.resources.keys.sorted()
        var trees: [Int: [[Int]]] = [:]
        for (index, name) in names.enumerated() {
            for (anchor, providers) in givers(of: name, group.resources[name] ?? 0, group) {
                // A tree that could not give an earlier class is out.
                guard (trees[anchor]?.count ?? 0) == index else { continue }
                trees[anchor, default: []].append(providers.sorted())
            }
        }
        var offers: [Offer] = []
        for (anchor, givers) in trees.sorted(by: { $0.key < $1.key }) where givers.count == names.count {
            combine(givers[...], []) { chosen in
                guard has(group.required, among: Set(chosen)) else { return }
                var taken: [Place: Int] = [:]
                for (name, provider) in zip(names, chosen) {
                    taken[Place(provider: provider, resourceClass: name)] = group.resources[name]
                }
                offers.append(Offer(anchor: anchor, taken: taken, providers: Set(chosen)))
            }
            if offers.count >= CandidateSearch.most { break }
        }
        return offers
    }

    /// Who could give this much of a class, by the roots of the trees that they could give it to.
    private func givers(of name: String, _ amount: Int, _ group: CandidateRequest.Group) -> [Int: Set<Int>] {
        var givers: [Int: Set<Int>] = [:]
        for provider in fitting(name, amount, group) where !isForbidden(provider, group) {
            guard let root = stock.nodes[provider]?.root else { continue }
            var anchors: Set<Int> = [root]
            if group.inTree == nil, stock.sharing.contains(provider), isMemberOfAll(provider, group) {
                anchors.formUnion(stock.sharedRoots[provider] ?? [])
            }
            for anchor in anchors where isAnchor(anchor) && isBeside(provider, anchor, group) {
                givers[anchor, default: []].insert(provider)
            }
        }
        return givers
    }

    private func isMemberOfAll(_ provider: Int, _ group: CandidateRequest.Group) -> Bool {
        group.memberOf.allSatisfy { isMember(provider, $0) }
    }

    /// In a tree it is enough for the root to be in an aggregate, and too much if it is in a forbidden one.
    private func isBeside(_ provider: Int, _ anchor: Int, _ group: CandidateRequest.Group) -> Bool {
        (isMemberOfAll(provider, group) || isMemberOfAll(anchor, group))
            && !isMember(provider, group.notMemberOf) && !isMember(anchor, group.notMemberOf)
    }

    /// Every way to choose one of each list.
    private func combine(_ lists: ArraySlice<[Int]>, _ chosen: [Int], _ body: ([Int]) -> Void) {
        guard let first = lists.first else { return body(chosen) }
        for one in first { combine(lists.dropFirst(), chosen + [one], body) }
    }
}
