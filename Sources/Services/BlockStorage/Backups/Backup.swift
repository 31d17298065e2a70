import API
import Base
import Policy
import SQL

/// A copy of a volume that is kept apart from it.
struct Backup: Record {
    let id: ID<Backup>
    let project: String
    let user: String
    var name: String?
    var description: String?
    let volume: ID<Volume>
    let snapshot: String?
    /// What it builds upon, where it holds differences only.
    let parent: ID<Backup>?
    var status: BackupStatus
    let size: Int
    var container: String?
    var failReason: String?
    var metadata: JSON.Object
    /// On which node it lies: where the volume lay, as `node@backend#pool`.
    let volumeHost: String?
    /// The service that made it.
    let host: String
    let zone: String
    /// To which volume it was last restored.
    var restoredTo: String?
    /// Under what id its bytes are stored: its own, unless its record was brought in from elsewhere.
    let storedID: String
    /// What the volume was besides its bytes: its metadata, whether a server can start from it, from what image it is.
    let kept: JSON
    /// Of when the data is.
    let dataTime: Moment
    let created: Moment
    var updated: Moment?
}

enum BackupStatus: String, Sendable, SQL.Bindable, CaseIterable {
    case error, creating, available, deleting, deleted, restoring
    case errorDeleting = "error_deleting"
}

extension Backup {
    static let created = Migration(
        "create volume backup",
        """
        CREATE TABLE volume_backup (
            position    \(.serial),
            id          VARCHAR(64)  NOT NULL,
            project_id  VARCHAR(255) NOT NULL,
            user_id     VARCHAR(255) NOT NULL,
            name        VARCHAR(255),
            description VARCHAR(255),
            volume_id   VARCHAR(64)  NOT NULL,
            snapshot_id VARCHAR(64),
            parent_id   VARCHAR(64),
            status      VARCHAR(32)  NOT NULL,
            size        BIGINT       NOT NULL,
            container   VARCHAR(255),
            fail_reason MEDIUMTEXT,
            metadata    MEDIUMTEXT   NOT NULL,
            volume_host VARCHAR(255),
            host        VARCHAR(255) NOT NULL,
            zone        VARCHAR(255) NOT NULL,
            restored_to VARCHAR(64),
            stored_id   VARCHAR(64)  NOT NULL,
            data_at     BIGINT       NOT NULL,
            created_at  BIGINT       NOT NULL,
            updated_at  BIGINT,
            UNIQUE (id)
        )
        """,
        "CREATE INDEX volume_backup_by_project ON volume_backup (project_id)")

    static let keepsMore = Migration(
        "keep with a backup what its volume was", "ALTER TABLE volume_backup ADD COLUMN kept MEDIUMTEXT")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), project: try row.text("project_id"), user: try row.text("user_id"),
            name: try row.optionalText("name"), description: try row.optionalText("description"),
            volume: try row.id("volume_id"), snapshot: try row.optionalText("snapshot_id"),
            parent: try row.optionalID("parent_id"), status: try row.value("status"), size: try row.integer("size"),
            container: try row.optionalText("container"), failReason: try row.optionalText("fail_reason"),
            metadata: try row.object("metadata"), volumeHost: try row.optionalText("volume_host"),
            host: try row.text("host"), zone: try row.text("zone"), restoredTo: try row.optionalText("restored_to"),
            storedID: try row.text("stored_id"), kept: try row.optionalObject("kept").map { .object($0) } ?? .null,
            dataTime: try row.moment("data_at"),
            created: try row.moment("created_at"), updated: try row.optionalMoment("updated_at"))
    }

    static let listing = Listing(
        name: "backups", noun: "Backup", table: "volume_backup", select: "SELECT volume_backup.* FROM volume_backup",
        sorts: [
            "id": "volume_backup.id", "name": "volume_backup.name", "display_name": "volume_backup.name",
            "status": "volume_backup.status", "size": "volume_backup.size", "volume_id": "volume_backup.volume_id",
            "container": "volume_backup.container", "created_at": "volume_backup.created_at",
            "updated_at": "volume_backup.updated_at", "data_timestamp": "volume_backup.data_at",
        ],
        filters: [
            .text("name", "name"), .text("display_name", "name"), .text("status", "status"),
            .text("volume_id", "volume_id"),
            .text("id", "id"), .text("user_id", "user_id"), .pairs("metadata", "metadata", since: "3.43"),
        ])
}

extension Transaction {
    func backup(_ id: ID<Backup>, in scope: Scope = .everywhere) throws(Failure) -> Backup {
        let reach = scope.within(project: "project_id", user: "user_id")
        let backup: Backup? = try row("SELECT * FROM volume_backup WHERE id = \(id) AND \(reach)")
        guard let backup else { throw .noSuch("Backup", id.text) }
        return backup
    }
}
