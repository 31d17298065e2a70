import API
import Base
import Policy
import SQL

extension Snapshot: Record {
    static let created = Migration(
        "create volume snapshot",
        """
        CREATE TABLE volume_snapshot (
            position          \(.serial),
            id                VARCHAR(64)  NOT NULL,
            volume_id         VARCHAR(64)  NOT NULL,
            project_id        VARCHAR(255) NOT NULL,
            user_id           VARCHAR(255) NOT NULL,
            name              VARCHAR(255),
            description       VARCHAR(255),
            status            VARCHAR(32)  NOT NULL,
            size              BIGINT       NOT NULL,
            progress          VARCHAR(16)  NOT NULL,
            metadata          MEDIUMTEXT   NOT NULL,
            group_snapshot_id VARCHAR(64),
            counts            BOOLEAN      NOT NULL,
            created_at        BIGINT       NOT NULL,
            updated_at        BIGINT,
            UNIQUE (id)
        )
        """,
        "CREATE INDEX volume_snapshot_by_project ON volume_snapshot (project_id)",
        "CREATE INDEX volume_snapshot_by_volume ON volume_snapshot (volume_id)")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), volume: try row.id("volume_id"), project: try row.text("project_id"),
            user: try row.text("user_id"), name: try row.optionalText("name"),
            description: try row.optionalText("description"), status: try row.value("status"),
            size: try row.integer("size"), progress: try row.text("progress"), metadata: try row.object("metadata"),
            groupSnapshot: try row.optionalText("group_snapshot_id"), countsForQuota: try row.bool("counts"),
            created: try row.moment("created_at"), updated: try row.optionalMoment("updated_at"))
    }

    static let select: SQL = "SELECT volume_snapshot.* FROM volume_snapshot"

    static let listing = Listing(
        name: "snapshots", noun: "Snapshot", table: "volume_snapshot", select: select,
        sorts: [
            "id": "volume_snapshot.id", "name": "volume_snapshot.name", "display_name": "volume_snapshot.name",
            "status": "volume_snapshot.status", "volume_id": "volume_snapshot.volume_id",
            "size": "volume_snapshot.size", "volume_size": "volume_snapshot.size",
            "created_at": "volume_snapshot.created_at", "updated_at": "volume_snapshot.updated_at",
            "user_id": "volume_snapshot.user_id",
        ],
        filters: [
            .text("status", "status"), .text("volume_id", "volume_id"), .text("name", "name"),
            .text("display_name", "name"), .text("description", "description"), .text("id", "id"),
            .text("user_id", "user_id"), .pairs("metadata", "metadata", since: "3.22"),
            .text("group_snapshot_id", "group_snapshot_id"), .flag("consumes_quota", "counts", since: "3.65"),
            .time("created_at", "created_at", since: "3.60"), .time("updated_at", "updated_at", since: "3.60"),
        ])
}

extension Transaction {
    func snapshot(_ id: ID<Snapshot>, in scope: Scope = .everywhere) throws(Failure) -> Snapshot {
        let reach = scope.within(project: "volume_snapshot.project_id", user: "volume_snapshot.user_id")
        let snapshot: Snapshot? = try row("\(Snapshot.select) WHERE volume_snapshot.id = \(id) AND \(reach)")
        guard let snapshot else { throw .noSuch("Snapshot", id.text) }
        return snapshot
    }

    func snapshots(where condition: SQL) throws(Failure) -> [Snapshot] {
        try rows("\(Snapshot.select) WHERE \(condition) ORDER BY volume_snapshot.position")
    }

    func insert(_ snapshot: Snapshot) throws(Failure) {
        try insert(
            into: "volume_snapshot",
            [
                "id": snapshot.id, "volume_id": snapshot.volume, "project_id": snapshot.project,
                "user_id": snapshot.user, "name": snapshot.name, "description": snapshot.description,
                "status": snapshot.status, "size": snapshot.size, "progress": snapshot.progress,
                "metadata": snapshot.metadata.storedText, "group_snapshot_id": snapshot.groupSnapshot,
                "counts": snapshot.countsForQuota, "created_at": snapshot.created,
            ])
    }

    @discardableResult
    func change(
        _ id: ID<Snapshot>, in scope: Scope = .everywhere, at now: Moment, _ body: (inout Snapshot) throws -> Void
    ) throws -> Snapshot {
        var snapshot = try snapshot(id, in: scope)
        try body(&snapshot)
        snapshot.updated = now
        try run(
            """
            UPDATE volume_snapshot SET name = \(snapshot.name), description = \(snapshot.description),
                status = \(snapshot.status), progress = \(snapshot.progress),
                metadata = \(snapshot.metadata.storedText), group_snapshot_id = \(snapshot.groupSnapshot),
                updated_at = \(now)
            WHERE id = \(id)
            """)
        return snapshot
    }

    func setStatus(_ id: ID<Snapshot>, _ status: SnapshotStatus, at now: Moment) throws(Failure) {
        try run("UPDATE volume_snapshot SET status = \(status), updated_at = \(now) WHERE id = \(id)")
    }
}
