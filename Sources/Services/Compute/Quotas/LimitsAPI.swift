import API
import Base
import HTTP
import Policy
import SQL

/// What one may have and has, as clients ask for it before they try.
enum Limits {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint(
            "GET", "/limits", "Show one's limits and what is used", access: .decided(by: [.showLimits]),
            query: [Parameter("tenant_id"), Parameter("reserved")], show)
    ]

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.showLimits)
        let other = call.query["tenant_id"]
        if other != nil { try call.require(.showOthersLimits) }
        let (project, settings) = (other ?? call.caller.projectID ?? "", call.service.settings)
        let (limits, use) = try await call.service.database.read { tx in
            (try tx.limits(of: project, settings), try tx.use(of: project))
        }
        return .json { json in
            json.object("limits") { json in
                json.array("rate") { _ in }
                json.object("absolute") { json in
                    for quota in Quota.all {
                        for name in quota.limits where name.until.map({ call.version <= $0 }) ?? true {
                            json.put(name.text, limits[quota.name])
                        }
                        if let used = quota.used, quota.isShown(at: call.version) { json.put(used, use[quota.name]) }
                    }
                }
            }
        }
    }
}

extension Rule {
    static let showLimits = Rule("os_compute_api:limits", "Show one's limits", May.anyone)
    static let showOthersLimits = Rule(
        "os_compute_api:limits:other_project", "Show another project's limits", May.admin)
}
