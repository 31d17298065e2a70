import API
import Base
import Contracts
import SQL

/// A part of block storage that runs somewhere, as it last said of itself. A `cinder-volume` is a backend on a node.
struct VolumeServiceRow: Record, Hashable {
    let id: String
    let binary: String
    /// `node@backend` for a backend, the machine's name for the others.
    let host: String
    var zone: String
    var isDisabled: Bool
    var disabledReason: String?
    var isFrozen: Bool
    var seen: Moment
    /// What a backend reported.
    var totalGB: Int
    var freeGB: Int
    var capabilities: JSON
    /// The name of its one pool.
    var pool: String
}

extension VolumeServiceRow {
    static let created = Migration(
        "create volume service",
        """
        CREATE TABLE volume_service (
            position        \(.serial),
            id              VARCHAR(64)  NOT NULL,
            binary_name     VARCHAR(64)  NOT NULL,
            host            VARCHAR(255) NOT NULL,
            zone            VARCHAR(255) NOT NULL,
            disabled        BOOLEAN      NOT NULL,
            disabled_reason VARCHAR(255),
            frozen          BOOLEAN      NOT NULL,
            seen_at         BIGINT       NOT NULL,
            total_gb        BIGINT       NOT NULL,
            free_gb         BIGINT       NOT NULL,
            capabilities    MEDIUMTEXT   NOT NULL,
            pool            VARCHAR(255) NOT NULL,
            UNIQUE (binary_name, host)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.text("id"), binary: try row.text("binary_name"), host: try row.text("host"),
            zone: try row.text("zone"), isDisabled: try row.bool("disabled"),
            disabledReason: try row.optionalText("disabled_reason"), isFrozen: try row.bool("frozen"),
            seen: try row.moment("seen_at"), totalGB: try row.integer("total_gb"), freeGB: try row.integer("free_gb"),
            capabilities: try JSONReader.read(try row.text("capabilities")), pool: try row.text("pool"))
    }

    func isUp(at now: Moment, _ settings: BlockStorageSettings) -> Bool { now < seen + settings.nodePatience }

    var node: String { Place(host).node }
}

extension Transaction {
    func volumeServices(_ binary: String? = nil) throws(Failure) -> [VolumeServiceRow] {
        let condition: SQL = binary.map { "binary_name = \($0)" } ?? "1 = 1"
        return try rows("SELECT * FROM volume_service WHERE \(condition) ORDER BY position")
    }

    /// Writes down what a node says of itself.
    func note(_ report: VolumeNodeReport, zone: String, _ world: World) throws(Failure) {
        try note(
            VolumeServiceRow(
                id: UUID(world.chance).dashed, binary: "cinder-volume", host: "\(report.host)@\(report.backend)",
                zone: zone, isDisabled: false, disabledReason: nil, isFrozen: false, seen: world.now,
                totalGB: report.totalGB, freeGB: report.freeGB, capabilities: report.capabilities,
                pool: report.backend))
    }

    /// A service that is part of the control plane.
    func note(_ binary: String, _ host: String, zone: String, _ world: World) throws(Failure) {
        try note(
            VolumeServiceRow(
                id: UUID(world.chance).dashed, binary: binary, host: host, zone: zone, isDisabled: false,
                disabledReason: nil, isFrozen: false, seen: world.now, totalGB: 0, freeGB: 0, capabilities: [:],
                pool: ""))
    }

    /// What an operator decided about it stays.
    private func note(_ service: VolumeServiceRow) throws(Failure) {
        try run(
            """
            INSERT INTO volume_service (id, binary_name, host, zone, disabled, frozen, seen_at, total_gb, free_gb,
                capabilities, pool)
            VALUES (\(service.id), \(service.binary), \(service.host), \(service.zone), \(false), \(false),
                \(service.seen), \(service.totalGB), \(service.freeGB), \(service.capabilities.text), \(service.pool))
            \(.onConflict(["binary_name", "host"], update: ["seen_at", "total_gb", "free_gb", "capabilities", "pool"]))
            """)
    }
}
