import API
import Base
import HTTP
import Policy
import SQL

/// How long servers of which sizes ran in a time, by project.
enum UsageAPI {
    static let endpoints: [Endpoint<Compute>] = [
        .get("/os-simple-tenant-usage", "List projects' usage", may: .listUsage, query: parameters, list),
        Endpoint(
            "GET", "/os-simple-tenant-usage/{project_id}", "Show a project's usage", access: .decided(by: [.showUsage]),
            query: parameters, show),
    ]

    private static let parameters: [Parameter] = [
        Parameter("start"), Parameter("end"), Parameter("detailed"), Parameter("limit", since: "2.40"),
        Parameter("marker", since: "2.40"),
    ]
}

extension Rule {
    static let listUsage = Rule("os_compute_api:os-simple-tenant-usage:list", "List projects' usage", May.admin)
    static let showUsage = Rule("os_compute_api:os-simple-tenant-usage:show", "Show a project's usage", May.reader)
}

// MARK: Handlers

extension UsageAPI {
    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let period = try Period(call)
        let isDetailed = call.query["detailed"] == "1"
        let page = try await page(period, project: nil, call)
        let projects = period.sums(page.things)
        return .json { json in
            json.array("tenant_usages", of: projects) { sum, json in
                json.object { sum.write(to: &$0, period, isDetailed: isDetailed) }
            }
            if call.version >= "2.40" {
                call.writeNext("tenant_usages", page.next, at: "/os-simple-tenant-usage", to: &json)
            }
        }
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let project = call["project_id"]
        try call.require(.showUsage, of: ["project_id": project])
        let period = try Period(call)
        let page = try await page(period, project: project, call)
        let sum = period.sums(page.things).first
        return .json { json in
            json.object("tenant_usage") { sum?.write(to: &$0, period, isDetailed: true) }
            if call.version >= "2.40" {
                call.writeNext("tenant_usage", page.next, at: "/os-simple-tenant-usage/\(project)", to: &json)
            }
        }
    }

    private static func page(
        _ period: Period, project: String?, _ call: Call<Compute>
    ) async throws(Failure) -> Page<ServerUse> {
        let isPaged = call.version >= "2.40"
        let (limit, marker) = (isPaged ? try call.limit() : Int.max - 1, isPaged ? call.query["marker"] : nil)
        let uses = try await call.service.database.read { try $0.serverUses(period, project: project) }
        var rest = uses[...]
        if let marker {
            guard let place = uses.firstIndex(where: { $0.server.text == marker }) else {
                throw .invalid("marker [\(marker)] not found")
            }
            rest = uses[(place + 1)...]
        }
        let things = Array(rest.prefix(limit))
        return Page(things: things, next: rest.count > limit ? things.last?.server.text : nil)
    }
}
