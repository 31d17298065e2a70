import API
import Base
import HTTP
import Policy
import SQL

/// What a project may have, and what it has: the limits of the settings, which hold for every project alike.
struct Quotas: Sendable {
    let settings: ComputeSettings

    /// The names under which they are shown. What network and volumes have taken over is no longer among them.
    var limits: [(name: String, limit: Int)] {
        [
            ("cores", settings.cores), ("instances", settings.instances), ("key_pairs", settings.keypairs),
            ("metadata_items", settings.metadataItems), ("ram", settings.memory),
            ("server_group_members", settings.serverGroupMembers), ("server_groups", settings.serverGroups),
        ]
    }

    func used(_ usage: ServerUsage, _ name: String) -> Int {
        switch name {
        case "cores": usage.cores
        case "instances": usage.instances
        case "ram": usage.memory
        default: 0
        }
    }

    static let endpoints: [Endpoint<Compute>] = [
        Endpoint(
            "GET", "/limits", "Show one's limits and what is used", access: .decided(by: [.showLimits]),
            query: [Parameter("tenant_id"), Parameter("reserved")], showLimits),
        Endpoint(
            "GET", "/os-quota-sets/{project_id}", "Show a project's quotas", access: .decided(by: [.showQuotas]),
            query: [Parameter("user_id")], show),
        Endpoint(
            "GET", "/os-quota-sets/{project_id}/detail", "Show a project's quotas with what is used",
            access: .decided(by: [.detailQuotas]), query: [Parameter("user_id")], detail),
        Endpoint(
            "GET", "/os-quota-sets/{project_id}/defaults", "Show the quotas of a new project",
            access: .decided(by: [.defaultQuotas]), defaults),
    ]
}

extension Rule {
    static let showLimits = Rule("os_compute_api:limits", "Show one's limits", May.anyone)
    static let showOthersLimits = Rule(
        "os_compute_api:limits:other_project", "Show another project's limits", May.admin)
    static let showQuotas = Rule("os_compute_api:os-quota-sets:show", "Show a project's quotas", May.reader)
    static let detailQuotas = Rule("os_compute_api:os-quota-sets:detail", "Show quotas with what is used", May.reader)
    static let defaultQuotas = Rule("os_compute_api:os-quota-sets:defaults", "Show the default quotas", May.anyone)
}

// MARK: Handlers

extension Quotas {
    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.showQuotas, of: ["project_id": call["project_id"]])
        return reply(call)
    }

    private static func defaults(_ call: Call<Compute>) async throws(Failure) -> Reply { reply(call) }

    private static func reply(_ call: Call<Compute>) -> Reply {
        let quotas = Quotas(settings: call.service.settings)
        return .json { json in
            json.object("quota_set") { json in
                json.put("id", call["project_id"])
                for (name, limit) in quotas.limits { json.put(name, limit) }
            }
        }
    }

    private static func detail(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let project = call["project_id"]
        try call.require(.detailQuotas, of: ["project_id": project])
        let quotas = Quotas(settings: call.service.settings)
        let usage = try await call.service.database.read { try $0.usage(of: project) }
        return .json { json in
            json.object("quota_set") { json in
                json.put("id", project)
                for (name, limit) in quotas.limits {
                    json.object(name) {
                        $0.put("limit", limit)
                        $0.put("in_use", quotas.used(usage, name))
                        $0.put("reserved", 0)
                    }
                }
            }
        }
    }

    private static func showLimits(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let own = call.caller.projectID ?? ""
        let project = call.query["tenant_id"] ?? own
        if project != own { try call.require(.showOthersLimits) }
        let settings = call.service.settings
        let usage = try await call.service.database.read { try $0.usage(of: project) }
        return .json { json in
            json.object("limits") { json in
                json.array("rate") { _ in }
                json.object("absolute") {
                    $0.put("maxServerMeta", settings.metadataItems)
                    $0.put("maxTotalInstances", settings.instances)
                    $0.put("maxTotalCores", settings.cores)
                    $0.put("maxTotalRAMSize", settings.memory)
                    $0.put("maxTotalKeypairs", settings.keypairs)
                    $0.put("maxServerGroups", settings.serverGroups)
                    $0.put("maxServerGroupMembers", settings.serverGroupMembers)
                    if call.version < "2.39" { $0.put("maxImageMeta", settings.metadataItems) }
                    $0.put("totalInstancesUsed", usage.instances)
                    $0.put("totalCoresUsed", usage.cores)
                    $0.put("totalRAMUsed", usage.memory)
                    $0.put("totalServerGroupsUsed", 0)
                }
            }
        }
    }
}
