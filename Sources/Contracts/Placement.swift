package import Base
package import Policy

/// What placement does for its neighbours: where would it fit, take that, give it back, and say what there is.
///
/// Callers are checked as at the service's door, and what they get is what the door's endpoints give.
package protocol PlacementContract: Sendable {
    /// Where a request would fit at this moment. Only a claim makes sure of it.
    func candidates(_ request: CandidateRequest, as caller: Caller) async throws(Failure) -> Candidates

    /// Makes each consumer hold just what its claim says, all of them or none. One claim takes the place of what the
    /// consumer held; two move things from one consumer to another, as a migration does.
    func claim(_ claims: [Claim], as caller: Caller) async throws(Failure)

    /// Gives back all that a consumer holds. One that holds nothing is no error.
    func release(_ consumer: ID<Consumer>, as caller: Caller) async throws(Failure)

    /// What a consumer holds; nil for none.
    func claim(of consumer: ID<Consumer>, as caller: Caller) async throws(Failure) -> Claim?

    /// Makes a provider be as described, whether it was there or not. Says its generation.
    @discardableResult
    func ensure(_ provider: ProviderDescription, as caller: Caller) async throws(Failure) -> Int

    /// Takes a provider away that nothing is held of. One that isn't there is no error.
    func remove(_ provider: ID<ResourceProvider>, as caller: Caller) async throws(Failure)
}

/// Something that has resources: a node, a card in it, a shared store.
package enum ResourceProvider {}

/// Something that holds resources: a server, a migration.
package enum Consumer {}

/// Amounts by resource class: `["VCPU": 2, "MEMORY_MB": 512]`.
package typealias Resources = [String: Int]

// MARK: Looking for room

/// What is looked for: groups of resources that stand beside each other in one tree of providers.
package struct CandidateRequest: Sendable {
    /// The resources of one group come from one provider, but for those of the group without a name, which may come
    /// from anywhere in the tree and from providers that share with it.
    package struct Group: Sendable {
        package var resources: Resources
        /// Of each set the provider has at least one.
        package var required: [Set<String>]
        package var forbidden: Set<String>
        /// Of each set of aggregates the provider is in at least one.
        package var memberOf: [Set<String>]
        package var notMemberOf: Set<String>
        /// Only in the tree that this provider stands in.
        package var inTree: ID<ResourceProvider>?

        package init(
            resources: Resources = [:], required: [Set<String>] = [], forbidden: Set<String> = [],
            memberOf: [Set<String>] = [], notMemberOf: Set<String> = [], inTree: ID<ResourceProvider>? = nil
        ) {
            self.resources = resources
            self.required = required
            self.forbidden = forbidden
            self.memberOf = memberOf
            self.notMemberOf = notMemberOf
            self.inTree = inTree
        }
    }

    /// By name; "" is the group without one.
    package var groups: [String: Group]
    package var limit: Int?
    /// Whether named groups must each have a provider of their own.
    package var isIsolated: Bool
    package var rootRequired: Set<String>
    package var rootForbidden: Set<String>
    /// Of each set of groups, one's provider is above those of all others, or is theirs.
    package var sameSubtrees: [Set<String>]
    /// Whether one tree may give from several of its providers.
    package var isNestedAware: Bool

    package init(
        groups: [String: Group] = [:], limit: Int? = nil, isIsolated: Bool = false, rootRequired: Set<String> = [],
        rootForbidden: Set<String> = [], sameSubtrees: [Set<String>] = [], isNestedAware: Bool = true
    ) {
        self.groups = groups
        self.limit = limit
        self.isIsolated = isIsolated
        self.rootRequired = rootRequired
        self.rootForbidden = rootForbidden
        self.sameSubtrees = sameSubtrees
        self.isNestedAware = isNestedAware
    }
}

/// What would fit, and what is known of the providers that it would be taken from.
package struct Candidates: Sendable {
    package struct Choice: Sendable, Hashable {
        package var allocations: [ID<ResourceProvider>: Resources]
        /// Which providers each group is served by.
        package var mappings: [String: Set<ID<ResourceProvider>>]

        package init(
            allocations: [ID<ResourceProvider>: Resources], mappings: [String: Set<ID<ResourceProvider>>]
        ) {
            self.allocations = allocations
            self.mappings = mappings
        }
    }

    package struct Summary: Sendable {
        package struct Room: Sendable {
            package var capacity: Int
            package var used: Int

            package init(capacity: Int, used: Int) {
                self.capacity = capacity
                self.used = used
            }
        }

        package var provider: ID<ResourceProvider>
        package var parent: ID<ResourceProvider>?
        package var root: ID<ResourceProvider>
        package var resources: [String: Room]
        package var traits: [String]

        package init(
            provider: ID<ResourceProvider>, parent: ID<ResourceProvider>?, root: ID<ResourceProvider>,
            resources: [String: Room] = [:], traits: [String] = []
        ) {
            self.provider = provider
            self.parent = parent
            self.root = root
            self.resources = resources
            self.traits = traits
        }
    }

    package var choices: [Choice]
    /// All providers of the trees that the choices take from.
    package var summaries: [Summary]

    package init(choices: [Choice] = [], summaries: [Summary] = []) {
        self.choices = choices
        self.summaries = summaries
    }
}

// MARK: Holding

/// What a consumer holds, or is to hold.
package struct Claim: Sendable, Hashable {
    /// What is known of the consumer's generation, so that two who change it at once notice.
    package enum Expectation: Sendable, Hashable {
        case whatever
        case new
        case generation(Int)
    }

    package var consumer: ID<Consumer>
    package var project: String
    package var user: String
    /// `INSTANCE`, `MIGRATION`; nil leaves the type as it is.
    package var type: String?
    package var expectation: Expectation
    /// Nothing gives everything back.
    package var allocations: [ID<ResourceProvider>: Resources]

    package init(
        consumer: ID<Consumer>, project: String, user: String, type: String? = nil,
        expectation: Expectation = .whatever, allocations: [ID<ResourceProvider>: Resources]
    ) {
        self.consumer = consumer
        self.project = project
        self.user = user
        self.type = type
        self.expectation = expectation
        self.allocations = allocations
    }
}

// MARK: Saying what there is

/// How much of a class a provider has, and in what pieces it is given out.
package struct InventoryDescription: Sendable, Hashable {
    package var total: Int
    package var reserved: Int
    package var minUnit: Int
    package var maxUnit: Int
    package var stepSize: Int
    package var allocationRatio: Double

    /// The largest number that an inventory may name.
    package static let most = Int(Int32.max)

    package init(
        total: Int, reserved: Int = 0, minUnit: Int = 1, maxUnit: Int = InventoryDescription.most, stepSize: Int = 1,
        allocationRatio: Double = 1
    ) {
        self.total = total
        self.reserved = reserved
        self.minUnit = minUnit
        self.maxUnit = maxUnit
        self.stepSize = stepSize
        self.allocationRatio = allocationRatio
    }
}

/// A provider as it is to be. Custom traits and classes that it names come to be with it.
package struct ProviderDescription: Sendable {
    package var id: ID<ResourceProvider>
    package var name: String
    package var parent: ID<ResourceProvider>?
    package var inventories: [String: InventoryDescription]
    package var traits: Set<String>
    /// nil leaves them as they are.
    package var aggregates: Set<String>?

    package init(
        id: ID<ResourceProvider>, name: String, parent: ID<ResourceProvider>? = nil,
        inventories: [String: InventoryDescription] = [:], traits: Set<String> = [], aggregates: Set<String>? = nil
    ) {
        self.id = id
        self.name = name
        self.parent = parent
        self.inventories = inventories
        self.traits = traits
        self.aggregates = aggregates
    }
}
