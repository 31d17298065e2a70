import Base
import SQL

extension ResourceClass: Record {
    /// Only the custom ones; the others are data of the program.
    static let created = Migration(
        "create resource class",
        """
        CREATE TABLE placement_resource_class (
            number     \(.serial),
            name       VARCHAR(255) NOT NULL,
            created_at BIGINT       NOT NULL,
            UNIQUE (name)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(name: try row.text("name"), created: try row.moment("created_at"))
    }
}

extension Transaction {
    func resourceClasses() throws(Failure) -> [ResourceClass] {
        let custom: [ResourceClass] = try rows("SELECT * FROM placement_resource_class ORDER BY number")
        return StandardResourceClasses.ordered.map { ResourceClass(name: $0) } + custom
    }

    func optionalResourceClass(_ name: String) throws(Failure) -> ResourceClass? {
        if StandardResourceClasses.names.contains(name) { return ResourceClass(name: name) }
        return try row("SELECT * FROM placement_resource_class WHERE name = \(name)")
    }

    func resourceClass(_ name: String) throws(Failure) -> ResourceClass {
        guard let found = try optionalResourceClass(name) else { throw .missing("No such resource class \(name).") }
        return found
    }

    /// Refuses names that no class has; asks the database only about custom ones.
    func requireClasses(_ names: some Collection<String>) throws(Failure) {
        for name in names where !StandardResourceClasses.names.contains(name) { _ = try resourceClass(name) }
    }

    /// Whether it was new.
    @discardableResult
    func ensureResourceClass(_ name: String, now: Moment) throws(Failure) -> Bool {
        guard try optionalResourceClass(name) == nil else { return false }
        try insert(into: "placement_resource_class", ["name": name, "created_at": now])
        return true
    }

    /// What stands under the old name goes along.
    func renameResourceClass(_ name: String, to new: String) throws(Failure) {
        _ = try resourceClass(name)
        guard !StandardResourceClasses.names.contains(name) else {
            throw .invalid("Cannot update standard resource class \(name)")
        }
        if name == new { return }
        guard try optionalResourceClass(new) == nil else {
            throw .conflict("Resource class already exists: \(new)")
        }
        try run("UPDATE placement_resource_class SET name = \(new) WHERE name = \(name)")
        try run("UPDATE placement_inventory SET class = \(new) WHERE class = \(name)")
        try run("UPDATE placement_allocation SET class = \(new) WHERE class = \(name)")
    }

    func deleteResourceClass(_ name: String) throws(Failure) {
        _ = try resourceClass(name)
        guard !StandardResourceClasses.names.contains(name) else {
            throw .invalid("Error in delete resource class: Cannot delete standard resource class \(name).")
        }
        guard try !exists("SELECT 1 FROM placement_inventory WHERE class = \(name)") else {
            throw .conflict(
                "Error in delete resource class: Cannot delete resource class \(name). Class is in use in inventory.")
        }
        try run("DELETE FROM placement_resource_class WHERE name = \(name)")
    }
}
