import API
import Base
import HTTP
import Policy
import SQL

extension Quota {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint(
            "GET", path, "Show a project's quotas", access: .decided(by: [.showQuotas]), query: [Parameter("user_id")],
            show),
        Endpoint(
            "GET", path + "/detail", "Show a project's quotas with what is used", access: .decided(by: [.detailQuotas]),
            query: [Parameter("user_id")], detail),
        Endpoint(
            "GET", path + "/defaults", "Show the quotas of a new project", access: .decided(by: [.defaultQuotas]),
            defaults),
        .put(path, "Set a project's quotas", may: .updateQuotas, takes: shape, update),
        .delete(path, "Go back to the default quotas", may: .deleteQuotas, delete),
    ]

    private static let path = "/os-quota-sets/{project_id}"

    private static let shape: Shape = .wrapped(
        "quota_set", all.map { .optional($0.name, limit, until: $0.until) } + [.optional("force", .looseBoolean)])
}

extension Rule {
    static let showQuotas = Rule("os_compute_api:os-quota-sets:show", "Show a project's quotas", May.reader)
    static let detailQuotas = Rule("os_compute_api:os-quota-sets:detail", "Show quotas with what is used", May.reader)
    static let defaultQuotas = Rule("os_compute_api:os-quota-sets:defaults", "Show the default quotas", May.anyone)
    static let updateQuotas = Rule("os_compute_api:os-quota-sets:update", "Set a project's quotas", May.admin)
    static let deleteQuotas = Rule("os_compute_api:os-quota-sets:delete", "Reset a project's quotas", May.admin)
}

// MARK: Handlers

extension Quota {
    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let project = call["project_id"]
        try call.require(.showQuotas, of: ["project_id": project])
        try await call.checkProject(project)
        let (user, settings) = (call.query["user_id"], call.service.settings)
        let limits = try await call.service.database.read { try $0.limits(of: project, user: user, settings) }
        return reply(limits, id: project, call)
    }

    private static func detail(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let project = call["project_id"]
        try call.require(.detailQuotas, of: ["project_id": project])
        try await call.checkProject(project)
        let (user, settings) = (call.query["user_id"], call.service.settings)
        let (limits, use) = try await call.service.database.read { tx in
            (try tx.limits(of: project, user: user, settings), try tx.use(of: project, user: user))
        }
        return .json { json in
            json.object("quota_set") { json in
                json.put("id", project)
                for quota in all where quota.isShown(at: call.version) {
                    json.object(quota.name) {
                        $0.put("limit", limits[quota.name])
                        $0.put("in_use", use[quota.name])
                        $0.put("reserved", 0)
                    }
                }
            }
        }
    }

    private static func defaults(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.defaultQuotas)
        let project = call["project_id"]
        try await call.checkProject(project)
        let settings = call.service.settings
        return reply(try await call.service.database.read { try $0.defaultLimits(settings) }, id: project, call)
    }

    private static func update(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (project, user, settings) = (call["project_id"], call.query["user_id"], call.service.settings)
        try await call.checkProject(project)
        let body = try call.fields("quota_set")
        let changes = changes(in: body)
        let isForced = body.boolean("force") ?? false
        let limits = try await call.service.database.write { tx in
            if !isForced { try check(changes, of: project, user: user, settings, tx) }
            try tx.setLimits(changes, of: project, user: user)
            return try tx.limits(of: project, user: user, settings)
        }
        return reply(limits, id: nil, call)
    }

    private static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let user = call.query["user_id"]
        try await call.service.database.write { try $0.deleteLimits(of: call["project_id"], user: user) }
        return Reply(202)
    }

    static func changes(in body: JSON.Object) -> [String: Int] {
        var changes: [String: Int] = [:]
        for quota in all { if let value = body.integer(quota.name) { changes[quota.name] = value } }
        return changes
    }

    /// Nobody's limit falls below what they have, and a user's doesn't rise above their project's.
    private static func check(
        _ changes: [String: Int], of project: String, user: String?, _ settings: ComputeSettings, _ tx: Transaction
    ) throws(Failure) {
        let use = try tx.use(of: project, user: user)
        let most = user == nil ? nil : try tx.limits(of: project, settings)
        for (name, value) in changes.sorted(by: { $0.key < $1.key }) {
            guard value < 0 || value >= use[name] else {
                throw .invalid(
                    "Quota limit \(value) for \(name) must be greater than or equal to already used and reserved \(use[name])."
                )
            }
            guard let most = most?[name], most >= 0 else { continue }
            guard value >= 0, value <= most else {
                throw .invalid("Quota limit \(value) for \(name) must be less than or equal to \(most).")
            }
        }
    }

    private static func reply(_ limits: QuotaLimits, id: String?, _ call: Call<Compute>) -> Reply {
        .json { json in
            json.object("quota_set") { json in
                if let id { json.put("id", id) }
                for quota in all where quota.isShown(at: call.version) { json.put(quota.name, limits[quota.name]) }
            }
        }
    }
}

extension Call<Compute> {
    /// Refuses what is no project as far as the caller can know; who may not know is believed.
    func checkProject(_ id: String) async throws(Failure) {
        guard id != caller.projectID else { return }
        do throws(Failure) {
            _ = try await service.neighbours.identity.ask("GET", "/v3/projects/\(id)", token: caller.token)
        } catch  where error.kind == .notFound {
            throw .invalid("Project ID \(id) is not a valid project.")
        } catch  where error.kind == .forbidden {
            return
        }
    }
}
