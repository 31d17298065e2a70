import API
import Base
import HTTP
import Policy
import SQL

/// How many things of each kind a project may have.
enum Quotas {
    static let created = Migration(
        "create quota",
        """
        CREATE TABLE network_quota (
            project_id  VARCHAR(255) NOT NULL,
            resource    VARCHAR(64)  NOT NULL,
            quota       BIGINT       NOT NULL,
            PRIMARY KEY (project_id, resource)
        )
        """)

    static let counted: [Resource] = Network.resources.filter { $0.quota != nil }

    static let endpoints: [Endpoint<Network>] = {
        let seen = Access.decided(by: Rule.named("get_quota"))
        let changed = Access.decided(by: Rule.named("update_quota", "delete_quota"))
        let limits = Fields(counted.map { .optional($0.one, .looseInteger(-1...2_147_483_647)) } + loose)
        let body = Shape.object(Fields([.required("quota", .object(limits))]))
        return [
            Endpoint("GET", "/quotas", "List the quotas that differ from the defaults", access: seen, list),
            Endpoint("GET", "/quotas/tenant", "Show whose quota the caller's is", access: .authenticated, tenant),
            Endpoint("GET", "/quotas/project", "Show whose quota the caller's is", access: .authenticated, tenant),
            Endpoint("GET", "/quotas/{project}", "Show a project's quotas", access: seen, show),
            Endpoint("GET", "/quotas/{project}/default", "Show the quotas of every project", access: seen, defaults),
            Endpoint("GET", "/quotas/{project}/details", "Show a project's quotas and use", access: seen, details),
            Endpoint(
                "PUT", "/quotas/{project}", "Change a project's quotas", access: changed, body: .json(body), update),
            Endpoint("DELETE", "/quotas/{project}", "Go back to the default quotas", access: changed, delete),
        ]
    }()

    private static let loose: [Field] = [
        .optional("tenant_id", .any), .optional("project_id", .any), .optional("force", .any),
        .optional("check_limit", .looseBoolean),
    ]

    // MARK: Handlers

    private static func list(_ call: Call<Network>) async throws(Failure) -> Reply {
        try require("get_quota", "", call)
        let all = try await call.service.database.read { tx in
            let projects = try tx.rows("SELECT DISTINCT project_id FROM network_quota ORDER BY project_id") {
                try $0.text("project_id")
            }
            return try projects.map { (project: $0, limits: try Desk(tx, call.service, call).limits(of: $0)) }
        }
        return .json { json in
            json.array("quotas", of: all) { quota, json in
                json.object {
                    write(quota.limits, to: &$0)
                    $0.put("tenant_id", quota.project)
                    $0.put("project_id", quota.project)
                }
            }
        }
    }

    private static func tenant(_ call: Call<Network>) async throws(Failure) -> Reply {
        .json { $0.object("tenant") { $0.put("tenant_id", call.caller.projectID) } }
    }

    private static func show(_ call: Call<Network>) async throws(Failure) -> Reply {
        try requireSight(call)
        let limits = try await call.service.database.read {
            try Desk($0, call.service, call).limits(of: call["project"])
        }
        return reply(limits)
    }

    private static func defaults(_ call: Call<Network>) async throws(Failure) -> Reply {
        try requireSight(call)
        return reply(counted.map { ($0.one, call.service.usual($0)) })
    }

    private static func details(_ call: Call<Network>) async throws(Failure) -> Reply {
        try requireSight(call)
        let (limits, used) = try await call.service.database.read { tx in
            let desk = Desk(tx, call.service, call)
            let used = try counted.map { try desk.used($0, by: call["project"]) }
            return (try desk.limits(of: call["project"]), used)
        }
        return .json { json in
            json.object("quota") { json in
                for (limit, used) in zip(limits, used) {
                    json.object(limit.name) {
                        $0.put("limit", limit.quota)
                        $0.put("used", used)
                        $0.put("reserved", 0)
                    }
                }
            }
        }
    }

    private static func update(_ call: Call<Network>) async throws(Failure) -> Reply {
        try require("update_quota", call["project"], call)
        let body = try call.fields("quota")
        let limits = try await call.service.database.write { tx in
            let desk = Desk(tx, call.service, call)
            for resource in counted {
                guard let quota = body.integer(resource.one) else { continue }
                if !body.flag("force") { try desk.requireRoom(resource, quota, call["project"]) }
                try desk.setLimit(resource, of: call["project"], quota)
            }
            return try desk.limits(of: call["project"])
        }
        return reply(limits)
    }

    private static func delete(_ call: Call<Network>) async throws(Failure) -> Reply {
        try require("delete_quota", call["project"], call)
        try await call.service.database.write { tx in
            guard try tx.run("DELETE FROM network_quota WHERE project_id = \(call["project"])") > 0 else {
                throw Failure.missing(
                    "ProjectQuotaNotFound", "Quota for project \(call["project"]) could not be found.")
            }
        }
        return .noContent
    }

    // MARK: Parts

    /// Everybody may see what their own project may have.
    private static func requireSight(_ call: Call<Network>) throws(Failure) {
        guard call["project"] != call.caller.projectID else { return }
        try require("get_quota", call["project"], call)
    }

    private static func require(_ name: String, _ project: String, _ call: Call<Network>) throws(Failure) {
        guard let rule = Rule.network[name] else { return }
        try call.require(rule, of: ["project_id": project, "tenant_id": project])
    }

    private static func reply(_ limits: [(name: String, quota: Int)]) -> Reply {
        .json { $0.object("quota") { write(limits, to: &$0) } }
    }

    private static func write(_ limits: [(name: String, quota: Int)], to json: inout JSONWriter) {
        for limit in limits { json.put(limit.name, limit.quota) }
    }
}

extension Network {
    /// What a project may have of a kind of which nobody has said otherwise.
    fileprivate func usual(_ resource: Resource) -> Int { settings.quotas[resource.one] ?? resource.quota ?? -1 }

    /// The kinds of things that are counted.
    package static let countedKinds = Quotas.counted.map(\.one)
}

extension Desk {
    func limits(of project: String) throws(Failure) -> [(name: String, quota: Int)] {
        var own: [String: Int] = [:]
        try tx.each("SELECT resource, quota FROM network_quota WHERE project_id = \(project)") { row in
            own[try row.text("resource")] = try row.integer("quota")
        }
        return Quotas.counted.map { ($0.one, own[$0.one] ?? service.usual($0)) }
    }

    func limit(_ resource: Resource, of project: String) throws(Failure) -> Int {
        let own = try tx.row(
            "SELECT quota FROM network_quota WHERE project_id = \(project) AND resource = \(resource.one)"
        ) { try $0.integer("quota") }
        return own ?? service.usual(resource)
    }

    func used(_ resource: Resource, by project: String) throws(Failure) -> Int {
        try tx.count("SELECT COUNT(*) FROM \(SQL.raw(resource.table)) WHERE project_id = \(project)")
    }

    func setLimit(_ resource: Resource, of project: String, _ quota: Int) throws(Failure) {
        try tx.run("DELETE FROM network_quota WHERE project_id = \(project) AND resource = \(resource.one)")
        try tx.insert(
            into: "network_quota", ["project_id": project, "resource": resource.one, "quota": quota])
    }

    /// Counted in the transaction that makes the things, so that two requests can't both take the last place.
    func requireQuota(_ resource: Resource, _ project: String, adding count: Int) throws(Failure) {
        guard resource.quota != nil, !project.isEmpty else { return }
        let limit = try limit(resource, of: project)
        guard limit >= 0 else { return }
        guard try used(resource, by: project) + count <= limit else {
            throw Failure(.overQuota, "Quota exceeded for resources: ['\(resource.one)'].", name: "OverQuota")
        }
    }

    fileprivate func requireRoom(_ resource: Resource, _ quota: Int, _ project: String) throws(Failure) {
        let used = try used(resource, by: project)
        guard quota < 0 || used <= quota else {
            throw .wrong(
                "QuotaLimitUnderUsage",
                "Quota limit \(quota) for \(resource.one) is less than the \(used) that are in use.")
        }
    }
}
