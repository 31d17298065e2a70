import Base
import SQL

extension Member {
    static let created = Migration(
        "create image_member",
        """
        CREATE TABLE image_member (
            image_id   VARCHAR(36)  NOT NULL,
            member     VARCHAR(255) NOT NULL,
            status     VARCHAR(16)  NOT NULL,
            created_at BIGINT       NOT NULL,
            updated_at BIGINT       NOT NULL,
            PRIMARY KEY (image_id, member),
            FOREIGN KEY (image_id) REFERENCES image (id) ON DELETE CASCADE
        )
        """,
        "CREATE INDEX image_member_by_member ON image_member (member)")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            image: try row.id("image_id"), project: try row.text("member"), status: try row.value("status"),
            created: try row.moment("created_at"), updated: try row.moment("updated_at"))
    }
}

extension Transaction {
    func members(of image: ID<Image>) throws(Failure) -> [Member] {
        try rows("SELECT * FROM image_member WHERE image_id = \(image) ORDER BY created_at, member")
    }

    func member(_ project: String, of image: ID<Image>) throws(Failure) -> Member {
        let found: Member? = try row("SELECT * FROM image_member WHERE image_id = \(image) AND member = \(project)")
        guard let found else {
            throw Failure(.notFound, "\(project) not found in the member list of the image \(image).")
        }
        return found
    }

    func insert(_ member: Member) throws(Failure) {
        do throws(Failure) {
            try insert(
                into: "image_member",
                [
                    "image_id": member.image, "member": member.project, "status": member.status,
                    "created_at": member.created, "updated_at": member.updated,
                ])
        } catch  where error.violation?.kind == .unique {
            throw .conflict("Member \(member.project) is duplicated for image \(member.image)")
        }
    }

    func update(_ member: Member) throws(Failure) {
        try run(
            """
            UPDATE image_member SET status = \(member.status), updated_at = \(member.updated)
            WHERE image_id = \(member.image) AND member = \(member.project)
            """)
    }

    func delete(_ member: Member) throws(Failure) {
        try run("DELETE FROM image_member WHERE image_id = \(member.image) AND member = \(member.project)")
    }
}
