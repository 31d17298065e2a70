import Base
import SQL

/// What projects have a limit for. Volumes, snapshots and gigabytes are also limited for each type: `volumes_fast`.
enum QuotaKind: String, Sendable, CaseIterable {
    case volumes, snapshots, gigabytes, backups, groups
    case backupGigabytes = "backup_gigabytes"
    case perVolumeGigabytes = "per_volume_gigabytes"

    var isByType: Bool { self == .volumes || self == .snapshots || self == .gigabytes }

    /// What is limited anyway, before an administrator says anything.
    func usual(_ settings: BlockStorageSettings) -> Int {
        switch self {
        case .volumes: settings.volumes
        case .snapshots: settings.snapshots
        case .gigabytes: settings.gigabytes
        case .backups: settings.backups
        case .backupGigabytes: settings.backupGigabytes
        case .groups: settings.groups
        case .perVolumeGigabytes: settings.perVolumeGigabytes
        }
    }

    /// What is refused, in the words that clients look for.
    func refusal(_ name: String, _ limit: Int, _ used: Int, _ wanted: Int) -> Failure {
        let message =
            switch self {
            case .volumes:
                "VolumeLimitExceeded: Maximum number of volumes allowed (\(limit)) exceeded for quota '\(name)'."
            case .snapshots:
                "SnapshotLimitExceeded: Maximum number of snapshots allowed (\(limit)) exceeded for quota '\(name)'."
            case .gigabytes:
                "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed \(name) quota."
                    + " Requested \(wanted)G, quota is \(limit)G and \(used)G has been consumed."
            case .backups: "BackupLimitExceeded: Maximum number of backups allowed (\(limit)) exceeded"
            case .backupGigabytes:
                "VolumeBackupSizeExceedsAvailableQuota: Requested backup exceeds allowed Backup gigabytes quota."
                    + " Requested \(wanted)G, quota is \(limit)G and \(used)G has been consumed."
            case .groups: "GroupLimitExceeded: Maximum number of groups allowed (\(limit)) exceeded"
            case .perVolumeGigabytes:
                "VolumeSizeExceedsLimit: Requested volume size \(wanted)G is larger than maximum allowed limit \(limit)G."
            }
        return Failure(.overQuota, message)
    }
}

/// A limit that an administrator set, for a project or for a class of them.
struct QuotaLimit: Sendable {
    /// A project's id, or `class:default`.
    let owner: String
    /// `volumes`, `volumes_fast`.
    let name: String
    let limit: Int

    static let created = Migration(
        "create volume quota",
        """
        CREATE TABLE volume_quota (
            owner          VARCHAR(255) NOT NULL,
            name           VARCHAR(255) NOT NULL,
            limit_value    BIGINT       NOT NULL,
            PRIMARY KEY (owner, name)
        )
        """)

    static func owner(ofClass name: String) -> String { "class:\(name)" }
}

/// What a project uses of everything: counted from what there is, so that it always adds up.
struct QuotaUsage: Sendable {
    private var used: [String: Int] = [:]

    subscript(name: String) -> Int { used[name] ?? 0 }

    mutating func add(_ kind: QuotaKind, type: String? = nil, _ count: Int) {
        used[kind.rawValue, default: 0] += count
        if let type, kind.isByType { used["\(kind.rawValue)_\(type)", default: 0] += count }
    }
}

extension Transaction {
    func limits(of owner: String) throws(Failure) -> [String: Int] {
        var limits: [String: Int] = [:]
        try each("SELECT name, limit_value FROM volume_quota WHERE owner = \(owner)") { row in
            limits[try row.text("name")] = try row.integer("limit_value")
        }
        return limits
    }

    /// The default class's limits over the settings'; types have none until somebody sets one.
    func defaultLimits(_ settings: BlockStorageSettings) throws(Failure) -> [String: Int] {
        var limits: [String: Int] = [:]
        for kind in QuotaKind.allCases { limits[kind.rawValue] = kind.usual(settings) }
        try each("SELECT name FROM volume_type") { row in
            let name = try row.text("name")
            for kind in QuotaKind.allCases where kind.isByType { limits["\(kind.rawValue)_\(name)"] = -1 }
        }
        return limits.merging(try self.limits(of: QuotaLimit.owner(ofClass: "default"))) { $1 }
    }

    func limits(ofProject project: String, _ settings: BlockStorageSettings) throws(Failure) -> [String: Int] {
        try defaultLimits(settings).merging(try limits(of: project)) { $1 }
    }

    func setLimit(_ owner: String, _ name: String, _ limit: Int) throws(Failure) {
        try run(
            """
            INSERT INTO volume_quota (owner, name, limit_value) VALUES (\(owner), \(name), \(limit))
            \(.onConflict(["owner", "name"], update: ["limit_value"]))
            """)
    }

    func usage(of project: String) throws(Failure) -> QuotaUsage {
        var usage = QuotaUsage()
        try each(
            """
            SELECT volume_type.name AS type_name, COUNT(*) AS things, SUM(quota_size) AS gigabytes FROM volume_volume
            LEFT JOIN volume_type ON volume_type.id = volume_volume.type_id
            WHERE project_id = \(project) AND counts = \(true) GROUP BY volume_type.name
            """
        ) { row in
            let type = try row.optionalText("type_name")
            usage.add(.volumes, type: type, try row.integer("things"))
            usage.add(.gigabytes, type: type, try row.optionalInteger("gigabytes") ?? 0)
        }
        try each(
            """
            SELECT volume_type.name AS type_name, COUNT(*) AS things, SUM(volume_snapshot.size) AS gigabytes
            FROM volume_snapshot
            LEFT JOIN volume_volume ON volume_volume.id = volume_snapshot.volume_id
            LEFT JOIN volume_type ON volume_type.id = volume_volume.type_id
            WHERE volume_snapshot.project_id = \(project) AND volume_snapshot.counts = \(true)
            GROUP BY volume_type.name
            """
        ) { row in
            let type = try row.optionalText("type_name")
            usage.add(.snapshots, type: type, try row.integer("things"))
            usage.add(.gigabytes, type: type, try row.optionalInteger("gigabytes") ?? 0)
        }
        try each(
            "SELECT COUNT(*) AS things, SUM(size) AS gigabytes FROM volume_backup WHERE project_id = \(project)"
        ) { row in
            usage.add(.backups, try row.integer("things"))
            usage.add(.backupGigabytes, try row.optionalInteger("gigabytes") ?? 0)
        }
        usage.add(.groups, try count("SELECT COUNT(*) FROM volume_group WHERE project_id = \(project)"))
        return usage
    }

    /// Refuses what would go beyond a limit. It is called in the transaction that writes the thing down, so that what was
    /// counted is still so when it is written.
    ///
    /// - Parameter size: of one volume, against the limit for a single one.
    func reserve(
        _ wanted: KeyValuePairs<QuotaKind, Int>, type: String? = nil, size: Int? = nil, in project: String,
        _ settings: BlockStorageSettings
    ) throws(Failure) {
        let limits = try limits(ofProject: project, settings)
        if let size, let limit = limits[QuotaKind.perVolumeGigabytes.rawValue], limit >= 0, size > limit {
            throw QuotaKind.perVolumeGigabytes.refusal("", limit, 0, size)
        }
        let usage = try usage(of: project)
        for (kind, count) in wanted where count > 0 {
            let names = [kind.rawValue] + (kind.isByType ? type.map { ["\(kind.rawValue)_\($0)"] } ?? [] : [])
            for name in names {
                guard let limit = limits[name], limit >= 0, usage[name] + count > limit else { continue }
                throw kind.refusal(name, limit, usage[name], count)
            }
        }
    }
}
