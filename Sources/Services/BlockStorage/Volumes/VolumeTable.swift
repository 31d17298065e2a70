import API
import Base
import Policy
import SQL

extension Volume: Record {
    static let created = Migration(
        "create volume",
        """
        CREATE TABLE volume_volume (
            position         \(.serial),
            id               VARCHAR(64)  NOT NULL,
            project_id       VARCHAR(255) NOT NULL,
            user_id          VARCHAR(255) NOT NULL,
            name             VARCHAR(255),
            description      VARCHAR(255),
            size             BIGINT       NOT NULL,
            quota_size       BIGINT       NOT NULL,
            status           VARCHAR(32)  NOT NULL,
            previous_status  VARCHAR(32),
            migration_status VARCHAR(32),
            attach_status    VARCHAR(32)  NOT NULL,
            zone             VARCHAR(255) NOT NULL,
            type_id          VARCHAR(64)  NOT NULL,
            host             VARCHAR(255),
            snapshot_id      VARCHAR(64),
            source_id        VARCHAR(64),
            bootable         BOOLEAN      NOT NULL,
            multiattach      BOOLEAN      NOT NULL,
            read_only        BOOLEAN      NOT NULL,
            counts           BOOLEAN      NOT NULL,
            metadata         MEDIUMTEXT   NOT NULL,
            image_metadata   MEDIUMTEXT,
            group_id         VARCHAR(64),
            created_at       BIGINT       NOT NULL,
            updated_at       BIGINT,
            UNIQUE (id)
        )
        """,
        "CREATE INDEX volume_volume_by_project ON volume_volume (project_id)",
        "CREATE INDEX volume_volume_by_host ON volume_volume (host)")

    static let saysReadOnly = Migration(
        "note whether a volume was said to be read-only",
        "ALTER TABLE volume_volume ADD COLUMN read_only_said BOOLEAN NOT NULL DEFAULT 0")

    /// By which lists know what hasn't changed since they were last written: whatever a volume shows counts one up.
    static let counted = Migration(
        "count the changes of volumes", "ALTER TABLE volume_volume ADD COLUMN revision BIGINT NOT NULL DEFAULT 0")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), project: try row.text("project_id"), user: try row.text("user_id"),
            name: try row.optionalText("name"), description: try row.optionalText("description"),
            size: try row.integer("size"), quotaSize: try row.integer("quota_size"), status: try row.value("status"),
            previousStatus: try row.optionalValue("previous_status"),
            migrationStatus: try row.optionalText("migration_status"), attachStatus: try row.value("attach_status"),
            zone: try row.text("zone"), type: try row.id("type_id"),
            typeName: try row.optionalText("type_name") ?? "", host: try row.optionalText("host"),
            snapshot: try row.optionalText("snapshot_id"), source: try row.optionalText("source_id"),
            isBootable: try row.bool("bootable"), isMultiattach: try row.bool("multiattach"),
            isReadOnly: try row.bool("read_only"), isReadOnlySaid: try row.bool("read_only_said"),
            countsForQuota: try row.bool("counts"),
            metadata: try row.object("metadata"), imageMetadata: try row.optionalObject("image_metadata"),
            group: try row.optionalText("group_id"), created: try row.moment("created_at"),
            updated: try row.optionalMoment("updated_at"))
    }

    static let select: SQL = """
        SELECT volume_volume.*, volume_type.name AS type_name FROM volume_volume
        LEFT JOIN volume_type ON volume_type.id = volume_volume.type_id
        """

    /// The same list, of which only what has changed has to be read.
    static let stamps: Listing = {
        var stamps = listing
        stamps.select = "SELECT volume_volume.id, volume_volume.revision FROM volume_volume"
        return stamps
    }()

    static let listing = Listing(
        name: "volumes", noun: "Volume", table: "volume_volume", select: select,
        sorts: [
            "id": "volume_volume.id", "name": "volume_volume.name", "display_name": "volume_volume.name",
            "status": "volume_volume.status", "size": "volume_volume.size", "host": "volume_volume.host",
            "created_at": "volume_volume.created_at", "updated_at": "volume_volume.updated_at",
            "availability_zone": "volume_volume.zone", "bootable": "volume_volume.bootable",
            "volume_type_id": "volume_volume.type_id", "user_id": "volume_volume.user_id",
            "attach_status": "volume_volume.attach_status", "display_description": "volume_volume.description",
        ],
        filters: [
            .text("name", "name"), .text("display_name", "name"), .text("description", "description"),
            .text("status", "status"), .number("size", "size"), .text("availability_zone", "zone"),
            .flag("bootable", "bootable"), .flag("multiattach", "multiattach"), .text("user_id", "user_id"),
            .text("id", "id"), .text("host", "host"), .text("volume_type_id", "type_id"),
            .text("attach_status", "attach_status"), .text("migration_status", "migration_status"),
            .text("snapshot_id", "snapshot_id"), .text("source_volid", "source_id"),
            .pairs("metadata", "metadata"), .pairs("glance_metadata", "image_metadata", since: "3.4"),
            .text("group_id", "group_id", since: "3.10"), .text("consistencygroup_id", "group_id"),
            .time("created_at", "created_at", since: "3.60"), .time("updated_at", "updated_at", since: "3.60"),
            .flag("consumes_quota", "counts", since: "3.65"),
        ])
}

extension Transaction {
    /// A volume within reach; one of somebody else isn't there.
    func volume(_ id: ID<Volume>, in scope: Scope = .everywhere) throws(Failure) -> Volume {
        let reach = scope.within(project: "volume_volume.project_id", user: "volume_volume.user_id")
        let volume: Volume? = try row("\(Volume.select) WHERE volume_volume.id = \(id) AND \(reach)")
        guard let volume else { throw .noSuch("Volume", id.text) }
        return volume
    }

    func volumes(where condition: SQL) throws(Failure) -> [Volume] {
        try rows("\(Volume.select) WHERE \(condition) ORDER BY volume_volume.position")
    }

    func insert(_ volume: Volume) throws(Failure) {
        try insert(
            into: "volume_volume",
            [
                "id": volume.id, "project_id": volume.project, "user_id": volume.user, "name": volume.name,
                "description": volume.description, "size": volume.size, "quota_size": volume.quotaSize,
                "status": volume.status, "attach_status": volume.attachStatus, "zone": volume.zone,
                "type_id": volume.type, "host": volume.host, "snapshot_id": volume.snapshot,
                "source_id": volume.source, "bootable": volume.isBootable, "multiattach": volume.isMultiattach,
                "read_only": volume.isReadOnly, "counts": volume.countsForQuota,
                "metadata": volume.metadata.storedText, "image_metadata": volume.imageMetadata?.storedText,
                "group_id": volume.group, "created_at": volume.created,
            ])
    }

    /// Saves all of a volume that may change.
    func update(_ volume: Volume, at now: Moment) throws(Failure) {
        try run(
            """
            UPDATE volume_volume SET revision = revision + 1, project_id = \(volume.project),
                user_id = \(volume.user), name = \(volume.name), description = \(volume.description), size = \(volume.size), quota_size = \(volume.quotaSize),
                status = \(volume.status), previous_status = \(volume.previousStatus),
                migration_status = \(volume.migrationStatus), attach_status = \(volume.attachStatus),
                zone = \(volume.zone), type_id = \(volume.type), host = \(volume.host),
                bootable = \(volume.isBootable), multiattach = \(volume.isMultiattach),
                read_only = \(volume.isReadOnly), read_only_said = \(volume.isReadOnlySaid), metadata = \(volume.metadata.storedText),
                image_metadata = \(volume.imageMetadata?.storedText), group_id = \(volume.group), updated_at = \(now)
            WHERE id = \(volume.id)
            """)
    }

    /// Reads a volume, changes it and saves it.
    @discardableResult
    func change(
        _ id: ID<Volume>, in scope: Scope = .everywhere, at now: Moment, _ body: (inout Volume) throws -> Void
    ) throws -> Volume {
        var volume = try volume(id, in: scope)
        try body(&volume)
        volume.updated = now
        try update(volume, at: now)
        return volume
    }

    /// Something has changed that volumes show, but that isn't kept in their rows.
    func touchVolumes(where condition: SQL) throws(Failure) {
        try run("UPDATE volume_volume SET revision = revision + 1 WHERE \(condition)")
    }

    func forget(_ volume: ID<Volume>) throws(Failure) {
        try run("DELETE FROM volume_attachment WHERE volume_id = \(volume)")
        try run("DELETE FROM volume_volume WHERE id = \(volume)")
    }
}
