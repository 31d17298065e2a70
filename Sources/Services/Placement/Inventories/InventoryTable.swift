import Base
import Contracts
import SQL

extension Inventory: Record {
    static let created = Migration(
        "create inventory",
        """
        CREATE TABLE placement_inventory (
            provider         BIGINT       NOT NULL,
            class            VARCHAR(255) NOT NULL,
            total            BIGINT       NOT NULL,
            reserved         BIGINT       NOT NULL,
            min_unit         BIGINT       NOT NULL,
            max_unit         BIGINT       NOT NULL,
            step_size        BIGINT       NOT NULL,
            allocation_ratio DOUBLE       NOT NULL,
            used             BIGINT       NOT NULL,
            updated_at       BIGINT       NOT NULL,
            PRIMARY KEY (provider, class)
        )
        """,
        "CREATE INDEX placement_inventory_class ON placement_inventory (class)")

    init(_ row: borrowing Row) throws(Failure) {
        let resourceClass = try row.text("class")
        let size = InventoryDescription(
            total: try row.integer("total"), reserved: try row.integer("reserved"),
            minUnit: try row.integer("min_unit"), maxUnit: try row.integer("max_unit"),
            stepSize: try row.integer("step_size"), allocationRatio: try row.real("allocation_ratio"))
        self.init(
            resourceClass: resourceClass, size: size, used: try row.integer("used"),
            modified: try row.moment("updated_at"))
    }

    /// Whether a provider `p` has room for this much of a class: the same as `fits`.
    static func fitting(_ resourceClass: String, _ amount: Int) -> SQL {
        """
        SELECT 1 FROM placement_inventory i WHERE i.provider = p.number AND i.class = \(resourceClass)
            AND i.used + \(amount) <= (i.total - i.reserved) * i.allocation_ratio
            AND i.min_unit <= \(amount) AND i.max_unit >= \(amount) AND \(amount) % i.step_size = 0
        """
    }
}

extension Transaction {
    func inventories(of provider: Provider) throws(Failure) -> [Inventory] {
        try rows("SELECT * FROM placement_inventory WHERE provider = \(provider.number) ORDER BY class")
    }

    func inventory(of provider: Provider, _ resourceClass: String) throws(Failure) -> Inventory? {
        try row("SELECT * FROM placement_inventory WHERE provider = \(provider.number) AND class = \(resourceClass)")
    }

    /// Makes the provider have just these inventories. What is in use may shrink, but not go.
    func setInventories(
        _ sizes: [String: InventoryDescription], of provider: Provider, now: Moment
    ) throws(Failure) -> Provider {
        try requireClasses(sizes.keys.sorted())
        let present = try inventories(of: provider)
        try delete(present.filter { sizes[$0.resourceClass] == nil }, of: provider)
        for (resourceClass, size) in sizes.sorted(by: { $0.key < $1.key }) {
            try put(
                resourceClass, size, of: provider, isNew: !present.contains { $0.resourceClass == resourceClass }, now)
        }
        return try advance(provider, now: now)
    }

    func addInventory(
        _ resourceClass: String, _ size: InventoryDescription, to provider: Provider, now: Moment
    ) throws(Failure) -> Provider {
        try requireClasses([resourceClass])
        guard try inventory(of: provider, resourceClass) == nil else {
            throw .conflict(
                "Update conflict: Inventory of class \(resourceClass) exists already.", .concurrentUpdate)
        }
        try put(resourceClass, size, of: provider, isNew: true, now)
        return try advance(provider, now: now)
    }

    func updateInventory(
        _ resourceClass: String, _ size: InventoryDescription, of provider: Provider, now: Moment
    ) throws(Failure) -> Provider {
        try requireClasses([resourceClass])
        guard try inventory(of: provider, resourceClass) != nil else {
            throw .invalid(
                "No inventory record with resource class for resource provider \(provider.id): "
                    + "No inventory of class \(resourceClass) found.")
        }
        try put(resourceClass, size, of: provider, isNew: false, now)
        return try advance(provider, now: now)
    }

    func deleteInventory(_ resourceClass: String, of provider: Provider, now: Moment) throws(Failure) {
        guard let inventory = try inventory(of: provider, resourceClass) else {
            throw .missing(
                "No inventory of class \(resourceClass) found for delete: "
                    + "No inventory of class \(resourceClass) found for delete")
        }
        try delete([inventory], of: provider)
        _ = try advance(provider, now: now)
    }

    private func delete(_ inventories: [Inventory], of provider: Provider) throws(Failure) {
        let used = inventories.filter { $0.used > 0 }.map(\.resourceClass)
        guard used.isEmpty else {
            throw .conflict(
                "Inventory for '\(StandardResourceClasses.inOrder(used).joined(separator: ", "))' on resource provider "
                    + "'\(provider.id)' in use.", .inventoryInUse)
        }
        try run(
            """
            DELETE FROM placement_inventory
            WHERE provider = \(provider.number) AND class IN \(.list(inventories.map(\.resourceClass)))
            """)
    }

    private func put(
        _ resourceClass: String, _ size: InventoryDescription, of provider: Provider, isNew: Bool, _ now: Moment
    ) throws(Failure) {
        guard isNew else {
            try run(
                """
                UPDATE placement_inventory SET total = \(size.total), reserved = \(size.reserved),
                    min_unit = \(size.minUnit), max_unit = \(size.maxUnit), step_size = \(size.stepSize),
                    allocation_ratio = \(size.allocationRatio), updated_at = \(now)
                WHERE provider = \(provider.number) AND class = \(resourceClass)
                """)
            return
        }
        try insert(
            into: "placement_inventory",
            [
                "provider": provider.number, "class": resourceClass, "total": size.total, "reserved": size.reserved,
                "min_unit": size.minUnit, "max_unit": size.maxUnit, "step_size": size.stepSize,
                "allocation_ratio": size.allocationRatio, "used": 0, "updated_at": now,
            ])
    }
}
