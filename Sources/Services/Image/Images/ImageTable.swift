import Base
import SQL

extension Image {
    /// Work on an image that may be cut off has a key and a deadline: who finds it passed sets the image back.
    static let created = Migration(
        "create image",
        """
        CREATE TABLE image (
            id               VARCHAR(36) NOT NULL PRIMARY KEY,
            name             VARCHAR(255),
            status           VARCHAR(16) NOT NULL,
            visibility       VARCHAR(16) NOT NULL,
            owner            VARCHAR(255),
            is_protected     BOOLEAN     NOT NULL,
            is_hidden        BOOLEAN     NOT NULL,
            disk_format      VARCHAR(20),
            container_format VARCHAR(20),
            min_disk         BIGINT      NOT NULL,
            min_ram          BIGINT      NOT NULL,
            size             BIGINT,
            virtual_size     BIGINT,
            checksum         VARCHAR(32),
            hash_algorithm   VARCHAR(64),
            hash             VARCHAR(128),
            data             VARCHAR(36),
            staged           MEDIUMTEXT,
            work             VARCHAR(36),
            deadline         BIGINT,
            created_at       BIGINT      NOT NULL,
            updated_at       BIGINT      NOT NULL
        )
        """,
        "CREATE INDEX image_by_owner ON image (owner)",
        "CREATE INDEX image_by_visibility ON image (visibility)",
        "CREATE INDEX image_by_creation ON image (created_at, id)",
        "CREATE INDEX image_by_deadline ON image (deadline)",
        """
        CREATE TABLE image_property (
            image_id VARCHAR(36)  NOT NULL,
            name     VARCHAR(255) NOT NULL,
            value    MEDIUMTEXT   NOT NULL,
            PRIMARY KEY (image_id, name),
            FOREIGN KEY (image_id) REFERENCES image (id) ON DELETE CASCADE
        )
        """,
        """
        CREATE TABLE image_tag (
            image_id VARCHAR(36)  NOT NULL,
            value    VARCHAR(255) NOT NULL,
            PRIMARY KEY (image_id, value),
            FOREIGN KEY (image_id) REFERENCES image (id) ON DELETE CASCADE
        )
        """,
        "CREATE INDEX image_tag_by_value ON image_tag (value)")

    /// Data that isn't in the first store says where it is; what lies in the web has an address in place of a key.
    static let placed = Migration(
        "name the stores of images", "ALTER TABLE image ADD COLUMN stores MEDIUMTEXT",
        "ALTER TABLE image ADD COLUMN url MEDIUMTEXT")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), name: try row.optionalText("name"), status: try row.value("status"),
            visibility: try row.value("visibility"), owner: try row.optionalText("owner"),
            isProtected: try row.bool("is_protected"), isHidden: try row.bool("is_hidden"),
            diskFormat: try row.optionalText("disk_format"),
            containerFormat: try row.optionalText("container_format"), minDisk: try row.integer("min_disk"),
            minRAM: try row.integer("min_ram"), size: try row.optionalInteger("size"),
            virtualSize: try row.optionalInteger("virtual_size"), checksum: try row.optionalText("checksum"),
            hashAlgorithm: try row.optionalText("hash_algorithm"), hash: try row.optionalText("hash"),
            data: try Image.key(row),
            stores: try row.optionalText("stores")?.split(separator: ",").map(String.init) ?? [],
            created: try row.moment("created_at"),
            updated: try row.moment("updated_at"), member: try row.optionalText("member"))
    }
}

extension Image {
    fileprivate static func key(_ row: borrowing Row) throws(Failure) -> StoreKey? {
        if let key = try row.optionalText("data") { return StoreKey(key) }
        return try row.optionalText("url").map { StoreKey($0) }
    }
}

extension Transaction {
    /// An image within sight.
    func image(_ id: ID<Image>, in sight: Sight) throws(Failure) -> Image {
        let found = try images(sight, [sight.condition(membership: nil), "image.id = \(id)"], then: "")
        guard let image = found.first else { throw Image.notFound(id) }
        return image
    }

    /// Images with all that belongs to them. A membership of the caller's project comes with each.
    func images(_ sight: Sight, _ conditions: [SQL], then rest: SQL) throws(Failure) -> [Image] {
        var images: [Image] = try rows(
            """
            SELECT image.*, image_member.member AS member FROM image
            LEFT JOIN image_member ON image_member.image_id = image.id AND image_member.member = \(sight.project ?? "")
            WHERE \(.all(conditions)) \(rest)
            """, { try Image($0) })
        guard !images.isEmpty else { return [] }
        var places: [String: Int] = [:]
        for (place, image) in images.enumerated() { places[image.id.text] = place }
        let ids = SQL.list(images.map(\.id))
        try each("SELECT * FROM image_property WHERE image_id IN \(ids)") { row in
            guard let place = places[try row.text("image_id")] else { return }
            images[place].properties[try row.text("name")] = try row.text("value")
        }
        try each("SELECT * FROM image_tag WHERE image_id IN \(ids) ORDER BY value") { row in
            guard let place = places[try row.text("image_id")] else { return }
            images[place].tags.append(try row.text("value"))
        }
        return images
    }

    func insert(_ image: Image) throws(Failure) {
        do throws(Failure) {
            try insert(
                into: "image",
                [
                    "id": image.id, "name": image.name, "status": image.status, "visibility": image.visibility,
                    "owner": image.owner, "is_protected": image.isProtected, "is_hidden": image.isHidden,
                    "disk_format": image.diskFormat, "container_format": image.containerFormat,
                    "min_disk": image.minDisk, "min_ram": image.minRAM, "created_at": image.created,
                    "updated_at": image.updated,
                ])
        } catch  where error.violation?.kind == .unique {
            throw .conflict("Image ID \(image.id) already exists!")
        }
        try insertParts(of: image)
    }

    /// What its users may change. Its data and status have ways of their own.
    func update(_ image: Image) throws(Failure) {
        try run(
            """
            UPDATE image SET
                name = \(image.name), visibility = \(image.visibility), owner = \(image.owner),
                is_protected = \(image.isProtected), is_hidden = \(image.isHidden),
                disk_format = \(image.diskFormat), container_format = \(image.containerFormat),
                min_disk = \(image.minDisk), min_ram = \(image.minRAM), updated_at = \(image.updated)
            WHERE id = \(image.id)
            """)
        try run("DELETE FROM image_property WHERE image_id = \(image.id)")
        try run("DELETE FROM image_tag WHERE image_id = \(image.id)")
        try insertParts(of: image)
    }

    func set(_ status: Image.Status, of id: ID<Image>, at now: Moment) throws(Failure) {
        try run("UPDATE image SET status = \(status), updated_at = \(now) WHERE id = \(id)")
    }

    private func insertParts(of image: Image) throws(Failure) {
        for (name, value) in image.properties {
            try insert(into: "image_property", ["image_id": image.id, "name": name, "value": value])
        }
        for tag in Set(image.tags) { try insert(into: "image_tag", ["image_id": image.id, "value": tag]) }
    }

    /// Forgets the image, and says under which keys data of it may lie.
    func delete(_ image: Image) throws(Failure) -> [StoreKey] {
        let keys = try row("SELECT data, work FROM image WHERE id = \(image.id)") { row in
            [try row.optionalText("data"), try row.optionalText("work")]
        }
        for table: SQL in ["image_property", "image_tag", "image_member", "image_cached"] {
            try run("DELETE FROM \(table) WHERE image_id = \(image.id)")
        }
        try run("DELETE FROM image WHERE id = \(image.id)")
        return (keys ?? []).compactMap { $0 }.map { StoreKey($0) }
    }
}
