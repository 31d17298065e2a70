import Base
import Contracts
import SQL

/// So much of one class that a consumer holds of a provider.
struct Allocation: Sendable {
    let consumer: ID<Consumer>
    let provider: Int
    let resourceClass: String
    let used: Int
    let modified: Moment

    var place: Place { Place(provider: provider, resourceClass: resourceClass) }
}

/// Where an inventory is.
struct Place: Hashable, Sendable {
    let provider: Int
    let resourceClass: String
}

/// What placement knows of a consumer as long as it holds something.
struct ConsumerRecord: Sendable {
    let id: ID<Consumer>
    var generation: Int
    var project: String
    var user: String
    var type: String?

    /// How consumers from before there were types are listed.
    static let unknownType = "unknown"
    /// Whom things belong to that came from clients who did not say.
    static let nobody = "00000000-0000-0000-0000-000000000000"
}

// MARK: Arithmetic

/// Whether what is asked for can be had: numbers only.
struct Ledger {
    /// What is free to be given, by where it is; without what the claims' consumers hold so far.
    private(set) var inventories: [Place: Inventory]
    private let before: [Place: Int]

    /// - Parameter released: what the consumers held so far, and give back first.
    init(_ inventories: [Place: Inventory], released: [Allocation]) {
        before = inventories.mapValues(\.used)
        self.inventories = inventories
        for allocation in released { self.inventories[allocation.place]?.used -= allocation.used }
    }

    /// - Parameter provider: its name in messages.
    mutating func take(_ amount: Int, at place: Place, of provider: ID<ResourceProvider>) throws(Failure) {
        guard var inventory = inventories[place] else {
            throw .allocation("Inventory for '\(place.resourceClass)' on resource provider '\(provider)' invalid.")
        }
        guard inventory.isPiece(amount) else {
            throw .allocation(
                "Unable to create allocation for '\(place.resourceClass)' on resource provider '\(provider)'. "
                    + "The requested amount would violate inventory constraints.")
        }
        inventory.used += amount
        // An inventory may have shrunk below what is taken of it. Then whoever takes less than before may.
        let isLess = before[place].map { $0 > 0 && inventory.used <= $0 } ?? false
        guard Double(inventory.used) <= inventory.exactCapacity || isLess else {
            throw .allocation(
                "Unable to create allocation for '\(place.resourceClass)' on resource provider '\(provider)'. "
                    + "The requested amount would exceed the capacity.")
        }
        inventories[place] = inventory
    }

    /// What has changed, as differences, so that they can be added whatever others add meanwhile.
    var changes: [(place: Place, difference: Int)] {
        inventories.compactMap { place, inventory in
            let difference = inventory.used - (before[place] ?? 0)
            return difference == 0 ? nil : (place, difference)
        }
    }
}

extension Failure {
    fileprivate static func allocation(_ reason: String) -> Failure {
        .conflict("Unable to allocate inventory: \(reason)")
    }
}
