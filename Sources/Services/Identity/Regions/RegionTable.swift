import API
import Base
import SQL

extension Region {
    static let created = Migration(
        "create region",
        """
        CREATE TABLE region (
            id          VARCHAR(255) NOT NULL PRIMARY KEY,
            description MEDIUMTEXT   NOT NULL,
            parent_id   VARCHAR(255),
            extra       MEDIUMTEXT   NOT NULL,
            FOREIGN KEY (parent_id) REFERENCES region (id)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), description: try row.text("description"), parent: try row.optionalID("parent_id"),
            extra: try row.extra("extra"))
    }
}

extension Transaction {
    func regions(within parent: ID<Region>?) throws(Failure) -> [Region] {
        guard let parent else { return try rows("SELECT * FROM region ORDER BY id") }
        return try rows("SELECT * FROM region WHERE parent_id = \(parent) ORDER BY id")
    }

    func region(_ id: ID<Region>) throws(Failure) -> Region {
        guard let region: Region = try row("SELECT * FROM region WHERE id = \(id)") else {
            throw .notFound(Region.one, id.text)
        }
        return region
    }

    func insert(_ region: Region) throws(Failure) {
        try requireParent(of: region)
        do throws(Failure) {
            try insert(
                into: "region",
                [
                    "id": region.id, "description": region.description, "parent_id": region.parent,
                    "extra": region.extra,
                ])
        } catch  where error.kind == .conflict {
            throw .conflict("Duplicate region ID, \(region.id).")
        }
    }

    func update(_ region: Region) throws(Failure) {
        try requireParent(of: region)
        try run(
            """
            UPDATE region SET description = \(region.description), parent_id = \(region.parent), extra = \(region.extra)
            WHERE id = \(region.id)
            """)
    }

    /// Regions within it go with it; one that endpoints stand in stays.
    func deleteRegion(_ id: ID<Region>) throws(Failure) {
        _ = try region(id)
        for child in try regions(within: id) { try deleteRegion(child.id) }
        guard try !exists("SELECT 1 FROM endpoint WHERE region_id = \(id)") else {
            throw .forbidden("Unable to delete region \(id) because it or its child regions have associated endpoints.")
        }
        try deleteAssociations(of: id)
        try run("DELETE FROM region WHERE id = \(id)")
    }

    private func requireParent(of region: Region) throws(Failure) {
        guard let parent = region.parent else { return }
        let found: Region = try self.region(parent)
        var ancestor: Region? = found
        while let current = ancestor {
            guard current.id != region.id else {
                throw .invalid("Region \(region.id) cannot stand within itself.")
            }
            ancestor = try current.parent.map { id throws(Failure) in try self.region(id) }
        }
    }
}
