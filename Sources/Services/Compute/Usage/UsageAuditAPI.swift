import API
import Base
import HTTP
import Policy
import SQL

/// Which hosts have audited their servers' usage in the last whole month. Audits are a thing of notifications, which
/// nobody has asked for here, so none has: that is what is told.
enum UsageAuditAPI {
    static let endpoints: [Endpoint<Compute>] = [
        .get("/os-instance_usage_audit_log", "Show the last audit", may: .listUsageAudits, latest),
        .get("/os-instance_usage_audit_log/{before}", "Show the audit before a time", may: .showUsageAudit, before),
    ]

    private static func latest(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try await reply("instance_usage_audit_logs", before: call.service.world.now, call)
    }

    private static func before(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let text = call["before"]
        guard text.utf8.count >= 19, let moment = Moment(iso8601: text) else {
            throw .invalid("Invalid timestamp for date \(text)")
        }
        return try await reply("instance_usage_audit_log", before: moment, call)
    }

    private static func reply(
        _ name: String, before moment: Moment, _ call: Call<Compute>
    ) async throws(Failure) -> Reply {
        let hosts = try await call.service.database.read { try $0.computeHosts() }.map(\.name)
        let (start, end) = month(before: moment)
        return .json { json in
            json.object(name) { json in
                json.put("period_beginning", text(start))
                json.put("period_ending", text(end))
                json.put("num_hosts", hosts.count)
                json.put("num_hosts_done", 0)
                json.put("num_hosts_running", 0)
                json.put("num_hosts_not_run", hosts.count)
                json.put("hosts_not_run", hosts)
                json.put("total_instances", 0)
                json.put("total_errors", 0)
                json.put(
                    "overall_status",
                    hosts.isEmpty ? "ALL hosts done. 0 errors." : "0 of \(hosts.count) hosts done. 0 errors.")
                json.object("log") { _ in }
            }
        }
    }

    /// The last month that was over.
    private static func month(before moment: Moment) -> (start: Moment, end: Moment) {
        let today = CivilDate(daysSince1970: moment.seconds / 86_400)
        let end = CivilDate(year: today.year, month: today.month, day: 1)
        let isJanuary = today.month == 1
        let start = CivilDate(
            year: isJanuary ? today.year - 1 : today.year, month: isJanuary ? 12 : today.month - 1, day: 1)
        return (Moment(seconds: start.daysSince1970 * 86_400), Moment(seconds: end.daysSince1970 * 86_400))
    }

    private static func text(_ moment: Moment) -> String {
        Timestamp.bareSeconds.text(moment).replacing("T", with: " ")
    }
}

extension Rule {
    static let listUsageAudits = Rule(
        "os_compute_api:os-instance-usage-audit-log:list", "Show the last audit", May.admin)
    static let showUsageAudit = Rule("os_compute_api:os-instance-usage-audit-log:show", "Show an audit", May.admin)
}
