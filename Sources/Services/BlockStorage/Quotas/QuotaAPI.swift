import API
import Base
import Policy
import SQL

/// Quotas of projects and of classes of them.
enum QuotaAPI {
    static let endpoints: [Endpoint<BlockStorage>] = [
        Endpoint(
            "GET", "/os-quota-sets/{project_id}", "Show a project's quotas", access: .decided(by: [.showQuotas]),
            query: [Parameter("usage", .looseBoolean)], show),
        Endpoint(
            "GET", "/os-quota-sets/{project_id}/defaults", "Show the quotas of a new project",
            access: .decided(by: [.showQuotas]), defaults),
        .put(
            "/os-quota-sets/{project_id}", "Set a project's quotas", may: .updateQuotas, takes: shape("quota_set"),
            update),
        .delete("/os-quota-sets/{project_id}", "Give a project the usual quotas again", may: .deleteQuotas, delete),
        .get("/os-quota-class-sets/{class}", "Show the quotas of a class", may: .showQuotaClass, showClass),
        .put(
            "/os-quota-class-sets/{class}", "Set the quotas of a class", may: .updateQuotaClass,
            takes: shape("quota_class_set"), updateClass),
    ]

    private static func shape(_ name: String) -> Shape {
        .object(Fields([.required(name, .map(name: 1...255, value: .any))]))
    }

    /// The limits that a body sets. What isn't the name of a limit is said to be none.
    private static func wanted(_ call: Call<BlockStorage>, _ name: String, _ known: [String: Int]) throws(Failure) -> [(
        String, Int
    )] {
        var limits: [(String, Int)] = []
        for member in try call.fields(name).members where member.name != "tenant_id" && member.name != "force" {
            guard known[member.name] != nil else {
                throw .invalid("Invalid input for field/attribute \(name). Bad key(s) in quota set: \(member.name)")
            }
            guard let limit = member.value.looseInteger, limit >= -1, limit <= Int64(Int32.max) else {
                throw .invalid(
                    "Invalid input for field/attribute \(member.name). \(member.name) must be an integer of at least -1."
                )
            }
            limits.append((member.name, Int(limit)))
        }
        return limits
    }

    private static func write(
        _ name: String, _ owner: String, _ limits: [String: Int], _ usage: QuotaUsage? = nil, withID: Bool = true
    ) -> Reply {
        .json { json in
            json.object(name) { json in
                if withID { json.put("id", owner) }
                for key in limits.keys.sorted() {
                    guard let usage else {
                        json.put(key, limits[key] ?? -1)
                        continue
                    }
                    json.object(key) {
                        $0.put("limit", limits[key] ?? -1)
                        $0.put("in_use", usage[key])
                        $0.put("reserved", 0)
                        $0.put("allocated", 0)
                    }
                }
            }
        }
    }

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let project = call["project_id"]
        try call.require(.showQuotas, of: ["project_id": project])
        let (wantsUsage, settings) = (try call.query.boolean("usage") ?? false, call.service.settings)
        let (limits, usage) = try await call.service.database.read { tx in
            (try tx.limits(ofProject: project, settings), wantsUsage ? try tx.usage(of: project) : nil)
        }
        return write("quota_set", project, limits, usage)
    }

    private static func defaults(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (project, settings) = (call["project_id"], call.service.settings)
        try call.require(.showQuotas, of: ["project_id": project])
        return write("quota_set", project, try await call.service.database.read { try $0.defaultLimits(settings) })
    }

    private static func update(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (project, settings) = (call["project_id"], call.service.settings)
        let limits = try await call.service.database.write { tx in
            let usage = try tx.usage(of: project)
            let known = try tx.defaultLimits(settings)
            for (name, limit) in try wanted(call, "quota_set", known) {
                guard limit == -1 || limit >= usage[name] else {
                    throw Failure.invalid(
                        "Quota \(name) limit must be equal or greater than existing resources. Current usage is"
                            + " \(usage[name]) and the requested limit is \(limit).")
                }
                try tx.setLimit(project, name, limit)
            }
            return try tx.limits(ofProject: project, settings)
        }
        return write("quota_set", project, limits, withID: false)
    }

    private static func delete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let project = call["project_id"]
        _ = try await call.service.database.write { try $0.run("DELETE FROM volume_quota WHERE owner = \(project)") }
        return Reply(200)
    }

    // MARK: Classes

    /// Only the default class counts for anybody; the others are kept for who asks for them.
    private static func classLimits(
        _ name: String, _ settings: BlockStorageSettings, _ tx: Transaction
    ) throws(Failure) -> [String: Int] {
        try tx.defaultLimits(settings).merging(try tx.limits(of: QuotaLimit.owner(ofClass: name))) { $1 }
    }

    private static func showClass(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (name, settings) = (call["class"], call.service.settings)
        return write(
            "quota_class_set", name, try await call.service.database.read { try classLimits(name, settings, $0) })
    }

    private static func updateClass(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (name, settings) = (call["class"], call.service.settings)
        let limits = try await call.service.database.write { tx in
            for (key, limit) in try wanted(call, "quota_class_set", try tx.defaultLimits(settings)) {
                try tx.setLimit(QuotaLimit.owner(ofClass: name), key, limit)
            }
            return try classLimits(name, settings, tx)
        }
        return write("quota_class_set", name, limits, withID: false)
    }
}

extension Rule {
    static let showQuotas = Rule("volume_extension:quotas:show", "Show a project's quotas", May.reader)
    static let updateQuotas = Rule("volume_extension:quotas:update", "Set a project's quotas", May.admin)
    static let deleteQuotas = Rule("volume_extension:quotas:delete", "Reset a project's quotas", May.admin)
    static let showQuotaClass = Rule("volume_extension:quota_classes:get", "Show the quotas of a class", May.admin)
    static let updateQuotaClass = Rule("volume_extension:quota_classes:update", "Set the quotas of a class", May.admin)
}
