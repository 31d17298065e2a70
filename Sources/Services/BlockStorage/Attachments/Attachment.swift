import API
import Base
import Policy
import SQL

/// A volume in the hands of a server, or of a host: from being reserved to being used.
struct Attachment: Record {
    let id: ID<Attachment>
    let volume: ID<Volume>
    let project: String
    /// The server that uses it.
    var instance: String?
    /// The host on which it is used.
    var host: String?
    var mountpoint: String?
    /// `rw`, `ro`; `null` while nobody said.
    var mode: String
    var status: AttachStatus
    var connector: JSON.Object?
    var connection: JSON.Object
    var attached: Moment?
    let created: Moment
}

extension Attachment {
    static let created = Migration(
        "create volume attachment",
        """
        CREATE TABLE volume_attachment (
            position    \(.serial),
            id          VARCHAR(64)  NOT NULL,
            volume_id   VARCHAR(64)  NOT NULL,
            project_id  VARCHAR(255) NOT NULL,
            instance_id VARCHAR(64),
            host        VARCHAR(255),
            mountpoint  VARCHAR(255),
            mode        VARCHAR(16)  NOT NULL,
            status      VARCHAR(32)  NOT NULL,
            connector   MEDIUMTEXT,
            connection  MEDIUMTEXT   NOT NULL,
            attached_at BIGINT,
            created_at  BIGINT       NOT NULL,
            UNIQUE (id)
        )
        """,
        "CREATE INDEX volume_attachment_by_volume ON volume_attachment (volume_id)")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), volume: try row.id("volume_id"), project: try row.text("project_id"),
            instance: try row.optionalText("instance_id"), host: try row.optionalText("host"),
            mountpoint: try row.optionalText("mountpoint"), mode: try row.text("mode"), status: try row.value("status"),
            connector: try row.optionalObject("connector"), connection: try row.object("connection"),
            attached: try row.optionalMoment("attached_at"), created: try row.moment("created_at"))
    }

    static let listing = Listing(
        name: "attachments", noun: "Volume attachment", table: "volume_attachment",
        select: "SELECT volume_attachment.* FROM volume_attachment",
        sorts: [
            "id": "volume_attachment.id", "created_at": "volume_attachment.created_at",
            "volume_id": "volume_attachment.volume_id", "instance_uuid": "volume_attachment.instance_id",
            "attach_status": "volume_attachment.status",
        ],
        filters: [
            .text("volume_id", "volume_id"), .text("status", "status"), .text("instance_id", "instance_id"),
            .text("attach_status", "status"),
        ])
}

extension Transaction {
    func attachment(_ id: ID<Attachment>, in scope: Scope = .everywhere) throws(Failure) -> Attachment {
        let found: Attachment? = try row(
            """
            SELECT * FROM volume_attachment WHERE id = \(id) AND \(scope.within(project: "project_id"))
            """)
        guard let found else {
            throw Failure(.notFound, "Volume attachment could not be found with filter: attachment_id = \(id).")
        }
        return found
    }

    func attachments(of volume: ID<Volume>) throws(Failure) -> [Attachment] {
        try rows("SELECT * FROM volume_attachment WHERE volume_id = \(volume) ORDER BY position")
    }

    func insert(_ attachment: Attachment) throws(Failure) {
        try insert(
            into: "volume_attachment",
            [
                "id": attachment.id, "volume_id": attachment.volume, "project_id": attachment.project,
                "instance_id": attachment.instance, "host": attachment.host, "mountpoint": attachment.mountpoint,
                "mode": attachment.mode, "status": attachment.status,
                "connector": attachment.connector?.storedText, "connection": attachment.connection.storedText,
                "attached_at": attachment.attached, "created_at": attachment.created,
            ])
        try touchVolumes(where: "id = \(attachment.volume)")
    }

    func update(_ attachment: Attachment) throws(Failure) {
        try run(
            """
            UPDATE volume_attachment SET instance_id = \(attachment.instance), host = \(attachment.host),
                mountpoint = \(attachment.mountpoint), mode = \(attachment.mode), status = \(attachment.status),
                connector = \(attachment.connector?.storedText), connection = \(attachment.connection.storedText),
                attached_at = \(attachment.attached)
            WHERE id = \(attachment.id)
            """)
        try touchVolumes(where: "id = \(attachment.volume)")
    }

    func delete(_ attachment: ID<Attachment>) throws(Failure) {
        try touchVolumes(where: "id IN (SELECT volume_id FROM volume_attachment WHERE id = \(attachment))")
        try run("DELETE FROM volume_attachment WHERE id = \(attachment)")
    }

    /// A volume's state is what its attachments are: used by one, being attached, reserved, or free.
    func followAttachments(_ id: ID<Volume>, at now: Moment) throws {
        let all = try attachments(of: id)
        try change(id, at: now) { volume in
            let has = { (status: AttachStatus) in all.contains { $0.status == status } }
            if has(.attached) {
                volume.attachStatus = .attached
                volume.status = .inUse
            } else {
                volume.attachStatus = .detached
                volume.status = has(.attaching) ? .attaching : all.isEmpty ? .available : .reserved
            }
            volume.previousStatus = nil
        }
    }
}
