import API
import Base
import HTTP
import Policy
import SQL

/// One's limits, and what one uses of them.
enum Limits {
    static let endpoints: [Endpoint<BlockStorage>] = [
        .get("/limits", "Show one's limits", may: .showLimits, query: [Parameter("project_id", since: "3.39")], show)
    ]

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let asked = call.version >= "3.39" && call.caller.isAdmin ? call.query["project_id"] : nil
        let (project, settings) = (asked ?? call.project, call.service.settings)
        let (limits, usage) = try await call.service.database.read { tx in
            (try tx.limits(ofProject: project, settings), try tx.usage(of: project))
        }
        let limit = { (kind: QuotaKind) in limits[kind.rawValue] ?? -1 }
        return .json { json in
            json.object("limits") { json in
                json.array("rate") { _ in }
                json.object("absolute") {
                    $0.put("totalSnapshotsUsed", usage["snapshots"])
                    $0.put("maxTotalBackups", limit(.backups))
                    $0.put("maxTotalVolumeGigabytes", limit(.gigabytes))
                    $0.put("maxTotalSnapshots", limit(.snapshots))
                    $0.put("maxTotalBackupGigabytes", limit(.backupGigabytes))
                    $0.put("totalBackupGigabytesUsed", usage["backup_gigabytes"])
                    $0.put("maxTotalVolumes", limit(.volumes))
                    $0.put("totalVolumesUsed", usage["volumes"])
                    $0.put("totalBackupsUsed", usage["backups"])
                    $0.put("totalGigabytesUsed", usage["gigabytes"])
                }
            }
        }
    }
}

extension Rule {
    static let showLimits = Rule("limits_extension:used_limits", "Show one's limits", May.reader)
}
