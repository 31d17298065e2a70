import API
import Base
import Contracts
import SQL

/// How much of one class a provider has, and how much of that is taken.
struct Inventory: Sendable {
    let resourceClass: String
    var size: InventoryDescription
    /// The sum of what consumers hold, kept beside the total so that nobody has to add it up.
    var used: Int
    var modified: Moment?

    /// What may be given out in all, as a number: the ratio may make it a broken one.
    var exactCapacity: Double { Double(size.total - size.reserved) * size.allocationRatio }

    /// The same in whole units.
    var capacity: Int { Int(max(-Inventory.largest, min(Inventory.largest, exactCapacity))) }

    /// Beyond this a Double no longer counts by ones.
    private static let largest = Double(1 << 53)

    /// Whether this much more may be taken in one piece.
    func fits(_ amount: Int) -> Bool { Double(used + amount) <= exactCapacity && isPiece(amount) }

    /// Whether pieces of this size are given out at all.
    func isPiece(_ amount: Int) -> Bool {
        amount >= size.minUnit && amount <= size.maxUnit && amount % size.stepSize == 0
    }
}

extension InventoryDescription {
    init(_ body: JSON.Object) {
        self.init(total: body.integer("total") ?? 0)
        reserved = body.integer("reserved") ?? reserved
        minUnit = body.integer("min_unit") ?? minUnit
        maxUnit = body.integer("max_unit") ?? maxUnit
        stepSize = body.integer("step_size") ?? stepSize
        allocationRatio = body["allocation_ratio"]?.real ?? allocationRatio
    }

    func write(to json: inout JSONWriter) {
        json.put("total", total)
        json.put("reserved", reserved)
        json.put("min_unit", minUnit)
        json.put("max_unit", maxUnit)
        json.put("step_size", stepSize)
        json.put("allocation_ratio", allocationRatio)
    }

    /// Refuses more reserved than there is. Until 1.26 something had to be left, too.
    func requireCapacity(_ resourceClass: String, _ provider: ID<ResourceProvider>, mayBeEmpty: Bool) throws(Failure) {
        let capacity = Inventory(resourceClass: resourceClass, size: self, used: 0).capacity
        guard capacity < 0 || (capacity == 0 && !mayBeEmpty) else { return }
        throw .invalid(
            "Invalid inventory for '\(resourceClass)' on resource provider '\(provider)'. The reserved value is "
                + (mayBeEmpty ? "greater than total." : "greater than or equal to total."))
    }
}

extension JSON {
    fileprivate var real: Double? {
        if case .number(let value) = self { return value }
        return integer.map(Double.init)
    }
}
