import Base
import SQL

/// That a machine has a copy of an image's data, or is to have one.
struct CachedImage: Record {
    let image: ID<Image>
    let isThere: Bool
    /// Where the copy is kept, once it is being made.
    let copy: StoreKey?
    let size: Int
    /// How often it was given out.
    let hits: Int
    let accessed: Moment
    let modified: Moment

    static let created = Migration(
        "create cached image",
        """
        CREATE TABLE image_cached (
            image_id    VARCHAR(36)  NOT NULL,
            node        VARCHAR(255) NOT NULL,
            is_there    BOOLEAN      NOT NULL,
            copy        VARCHAR(64),
            size        BIGINT       NOT NULL,
            hits        BIGINT       NOT NULL,
            accessed_at BIGINT       NOT NULL,
            modified_at BIGINT       NOT NULL,
            PRIMARY KEY (image_id, node)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        image = try row.id("image_id")
        isThere = try row.bool("is_there")
        copy = try row.optionalText("copy").map { StoreKey($0) }
        size = try row.integer("size")
        hits = try row.integer("hits")
        accessed = try row.moment("accessed_at")
        modified = try row.moment("modified_at")
    }

    func isIn(_ keys: Set<StoreKey>) -> Bool { copy.map { keys.contains($0) } ?? false }
}

extension Transaction {
    func copies(on node: String) throws(Failure) -> [CachedImage] {
        try rows("SELECT * FROM image_cached WHERE node = \(node) ORDER BY image_id") { try CachedImage($0) }
    }

    /// The machines that have a copy.
    func nodes(withCopyOf image: ID<Image>) throws(Failure) -> [String] {
        try rows("SELECT node FROM image_cached WHERE image_id = \(image) AND is_there = 1 ORDER BY node") {
            try $0.text("node")
        }
    }

    /// Whoever asks for what is there, or waits already, changes nothing.
    func enqueueCopy(of image: ID<Image>, on node: String, at now: Moment) throws(Failure) {
        guard try !exists("SELECT 1 FROM image_cached WHERE image_id = \(image) AND node = \(node)") else { return }
        try insert(
            into: "image_cached",
            [
                "image_id": image, "node": node, "is_there": false, "size": 0, "hits": 0, "accessed_at": now,
                "modified_at": now,
            ])
    }

    /// An image that still waits to be copied.
    func imageToCopy(_ image: ID<Image>, on node: String) throws(Failure) -> Image? {
        let row: SQL = "image_id = \(image) AND node = \(node) AND is_there = 0"
        guard try exists("SELECT 1 FROM image_cached WHERE \(row)") else { return nil }
        return try images(Sight(isEverything: true, project: nil), ["image.id = \(image)"], then: "").first
    }

    /// Said before it is kept, so that nobody takes it for left over.
    func nameCopy(of image: ID<Image>, _ copy: StoreKey, on node: String) throws(Failure) {
        try run("UPDATE image_cached SET copy = \(copy.text) WHERE image_id = \(image) AND node = \(node)")
    }

    /// False where it isn't wanted any more.
    func noteCopy(of image: ID<Image>, _ size: Int, on node: String, at now: Moment) throws(Failure) -> Bool {
        try run(
            """
            UPDATE image_cached SET is_there = 1, size = \(size), accessed_at = \(now), modified_at = \(now)
            WHERE image_id = \(image) AND node = \(node)
            """) > 0
    }

    func countUse(ofCopyOf image: ID<Image>, on node: String, at now: Moment) throws(Failure) {
        try run(
            """
            UPDATE image_cached SET hits = hits + 1, accessed_at = \(now)
            WHERE image_id = \(image) AND node = \(node)
            """)
    }

    /// Says where it is kept.
    @discardableResult
    func forgetCopy(of image: ID<Image>, on node: String) throws(Failure) -> StoreKey? {
        let own: SQL = "image_id = \(image) AND node = \(node)"
        let copy = try row("SELECT copy FROM image_cached WHERE \(own)") { try $0.optionalText("copy") } ?? nil
        try run("DELETE FROM image_cached WHERE \(own)")
        return copy.map { StoreKey($0) }
    }

    func forgetCopiesOfMissing(on node: String) throws(Failure) {
        try run("DELETE FROM image_cached WHERE node = \(node) AND image_id NOT IN (SELECT id FROM image)")
    }
}
