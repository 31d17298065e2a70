import API
import Base
import HTTP
import Policy
import SQL
import Workflow

/// The backends as the scheduler sees them, by several names that came one after the other.
enum Pools {
    static let endpoints: [Endpoint<BlockStorage>] = [
        .get(
            "/scheduler-stats/get_pools", "List the backends' pools", may: .listPools, query: [Parameter("detail")],
            pools),
        .get("/capabilities/{host}", "Show what a backend can do", may: .showCapabilities, capabilities),
        .get("/os-hosts", "List hosts", may: .manageHosts, query: [Parameter("zone")], hosts),
        .get("/os-hosts/{host}", "Show what lies on a host", may: .manageHosts, host),
        .put(
            "/os-hosts/{host}", "Enable or disable a host", may: .manageHosts,
            takes: .map(name: 1...255, value: .text(0...255)),
            updateHost),
        .get("/clusters", "List clusters", may: .listClusters, since: "3.7", clusters),
        .get("/clusters/detail", "List clusters with details", may: .listClusters, since: "3.7", clusters),
        .get("/clusters/{name}", "Show a cluster", may: .showCluster, since: "3.7") { call in
            throw Failure.noSuch("Cluster", call["name"])
        },
        .put("/clusters/enable", "Enable a cluster", may: .updateCluster, takes: clusterShape, since: "3.7", noCluster),
        .put(
            "/clusters/disable", "Disable a cluster", may: .updateCluster, takes: clusterShape, since: "3.7", noCluster),
        .post(
            "/workers/cleanup", "Go on with what was left behind", may: .cleanUp, takes: cleanUpShape, since: "3.24",
            cleanUp),
    ]

    private static let clusterShape: Shape = .object(
        Fields([
            .required("name", .name), .optional("binary", .looseName), .optional("disabled_reason", .looseName),
        ]))
    private static let cleanUpShape: Shape = .object(
        Fields([
            .optional("cluster_name", .looseName), .optional("disabled", .looseBoolean), .optional("host", .looseName),
            .optional("is_up", .looseBoolean), .optional("binary", .choice(["cinder-volume", "cinder-scheduler"])),
            .optional("resource_id", .uuidOrNull), .optional("resource_type", .looseName),
            .optional("service_id", .nullable(.looseInteger(0...Int64(Int32.max)))),
        ]))

    private static func backends(_ call: Call<BlockStorage>) async throws(Failure) -> [VolumeServiceRow] {
        try await call.service.database.read { try $0.volumeServices("cinder-volume") }
    }

    private static func pools(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let isDetailed = try call.query.boolean("detail") ?? false
        let (now, settings) = (call.service.world.now, call.service.settings)
        var all = try await backends(call).filter { $0.isUp(at: now, settings) }
        if call.version >= "3.28", let name = call.query["name"] {
            all = all.filter { "\($0.host)#\($0.pool)" == name }
        }
        let used = try await call.service.database.read { try $0.provisioned() }
        let found = all
        return .json { json in
            json.array("pools", of: found) { backend, json in
                json.object { json in
                    json.put("name", "\(backend.host)#\(backend.pool)")
                    guard isDetailed else { return }
                    json.object("capabilities") { json in
                        json.put("pool_name", backend.pool)
                        json.put("total_capacity_gb", backend.totalGB)
                        json.put("free_capacity_gb", backend.freeGB)
                        json.put("provisioned_capacity_gb", used[backend.host] ?? 0)
                        json.put("allocated_capacity_gb", used[backend.host] ?? 0)
                        json.put("max_over_subscription_ratio", "20.0")
                        json.put("reserved_percentage", 0)
                        json.put("driver_version", "1.0.0")
                        json.put("location_info", backend.host)
                        json.put("backend_state", "up")
                        json.put("timestamp", backend.seen, as: .bare)
                        for member in backend.capabilities.object?.members ?? [] { json.put(member.name, member.value) }
                    }
                }
            }
        }
    }

    private static func capabilities(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let wanted = call["host"]
        let found = try await backends(call).first { $0.host == wanted || "\($0.host)#\($0.pool)" == wanted }
        guard let backend = found else {
            throw Failure(.notFound, "Service \(wanted) could not be found.")
        }
        let have = backend.capabilities
        return .json { json in
            json.put("namespace", "OS::Storage::Capabilities::\(wanted)")
            json.put("vendor_name", have["vendor_name"]?.string)
            json.put("volume_backend_name", have["volume_backend_name"]?.string)
            json.put("pool_name", backend.pool)
            json.put("driver_version", "1.0.0")
            json.put("storage_protocol", have["storage_protocol"]?.string)
            json.put("display_name", "Capabilities of Martlet's \(backend.pool) backend")
            json.put("description", "These are volume type options provided by Martlet's \(backend.pool) backend.")
            json.put("visibility", "public")
            json.array("replication_targets") { _ in }
            json.object("properties") { json in
                for (name, title) in [
                    ("thin_provisioning_support", "Thin Provisioning"), ("multiattach", "Multiattach"),
                    ("QoS_support", "QoS"), ("replication_enabled", "Replication"),
                ] {
                    json.object(name == "replication_enabled" ? "replication_enabled" : name) {
                        $0.put("title", title)
                        $0.put("description", "Whether the backend has it: \(Capability.text(have[name])).")
                        $0.put("type", "boolean")
                    }
                }
            }
        }
    }

    // MARK: Hosts

    private static func hosts(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        var all = try await call.service.database.read { try $0.volumeServices() }
        if let zone = call.query["zone"] { all = all.filter { $0.zone == zone } }
        let (now, settings, found) = (call.service.world.now, call.service.settings, all)
        return .json { json in
            json.array("hosts", of: found) { service, json in
                json.object {
                    $0.put("host_name", service.host)
                    $0.put("service", service.binary)
                    $0.put("zone", service.zone)
                    $0.put("service-status", service.isUp(at: now, settings) ? "available" : "unavailable")
                    $0.put("service-state", service.isDisabled ? "disabled" : "enabled")
                    $0.put("last-update", service.seen, as: .bare)
                }
            }
        }
    }

    private static func host(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let wanted = call["host"]
        let sums = try await call.service.database.read { tx in
            guard try tx.volumeServices("cinder-volume").contains(where: { $0.host == wanted }) else {
                throw Failure(.notFound, "Host \(wanted) could not be found.")
            }
            return try tx.contents(of: wanted)
        }
        return .json { json in
            json.array("host", of: sums) { sum, json in
                json.object { json in
                    json.object("resource") {
                        $0.put("host", wanted)
                        $0.put("project", sum.project)
                        $0.put("volume_count", String(sum.volumes))
                        $0.put("total_volume_gb", String(sum.volumeGB))
                        $0.put("snapshot_count", String(sum.snapshots))
                        $0.put("total_snapshot_gb", String(sum.snapshotGB))
                    }
                }
            }
        }
    }

    private static func updateHost(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (wanted, body) = (call["host"], call.body.object ?? JSON.Object())
        guard body.members.count == 1, let status = body.text("status")?.lowercased(),
            status == "enable" || status == "disable"
        else { throw .invalid("Invalid update setting: '\(body.names.joined(separator: ", "))'") }
        let isDisabled = status == "disable"
        let met = try await call.service.database.write { tx in
            try tx.run("UPDATE volume_service SET disabled = \(isDisabled) WHERE host = \(wanted)")
        }
        guard met > 0 else { throw Failure(.notFound, "Host \(wanted) could not be found.") }
        return .json { json in
            json.put("host", wanted)
            json.put("status", isDisabled ? "disabled" : "enabled")
        }
    }

    // MARK: Clusters and workers

    /// Every controller can carry on what another left, so no service is grouped into clusters.
    private static func clusters(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        .json { $0.array("clusters") { _ in } }
    }

    private static func noCluster(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        throw .noSuch("Cluster", call.body["name"]?.string ?? "")
    }

    /// What a controller left behind is gone on with anyway; this only makes it quick.
    private static func cleanUp(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        call.service.runner.nudge()
        return .json(202) { json in
            json.array("cleaning") { _ in }
            json.array("unavailable") { _ in }
        }
    }
}

/// What a project has on a host.
private struct HostSum: Sendable {
    let project: String
    var volumes = 0
    var volumeGB = 0
    var snapshots = 0
    var snapshotGB = 0
}

extension Transaction {
    /// What was promised of each backend, in GB.
    fileprivate func provisioned() throws(Failure) -> [String: Int] {
        var used: [String: Int] = [:]
        try each("SELECT host, SUM(size) AS gigabytes FROM volume_volume WHERE host IS NOT NULL GROUP BY host") { row in
            used[Place(try row.text("host")).backend, default: 0] += try row.optionalInteger("gigabytes") ?? 0
        }
        return used
    }

    /// All of it first, and then each project's.
    fileprivate func contents(of backend: String) throws(Failure) -> [HostSum] {
        let here: SQL = "volume_volume.host \(.like(.starting(backend + "#")))"
        var sums: [String: HostSum] = [:]
        var total = HostSum(project: "(total)")
        try each(
            "SELECT project_id, COUNT(*) AS things, SUM(size) AS gigabytes FROM volume_volume WHERE \(here) GROUP BY project_id"
        ) { row in
            let project = try row.text("project_id")
            let (things, gigabytes) = (try row.integer("things"), try row.optionalInteger("gigabytes") ?? 0)
            sums[project] = HostSum(project: project, volumes: things, volumeGB: gigabytes)
            total.volumes += things
            total.volumeGB += gigabytes
        }
        try each(
            """
            SELECT volume_snapshot.project_id AS project_id, COUNT(*) AS things, SUM(volume_snapshot.size) AS gigabytes
            FROM volume_snapshot JOIN volume_volume ON volume_volume.id = volume_snapshot.volume_id
            WHERE \(here) GROUP BY volume_snapshot.project_id
            """
        ) { row in
            let project = try row.text("project_id")
            let (things, gigabytes) = (try row.integer("things"), try row.optionalInteger("gigabytes") ?? 0)
            sums[project, default: HostSum(project: project)].snapshots += things
            sums[project, default: HostSum(project: project)].snapshotGB += gigabytes
            total.snapshots += things
            total.snapshotGB += gigabytes
        }
        return [total] + sums.values.sorted { $0.project < $1.project }
    }
}

extension Rule {
    static let listPools = Rule("scheduler_extension:scheduler_stats:get_pools", "List pools", May.admin)
    static let showCapabilities = Rule("volume_extension:capabilities", "Show what a backend can do", May.admin)
    static let manageHosts = Rule("volume_extension:hosts", "See and switch hosts", May.admin)
    static let listClusters = Rule("clusters:get_all", "List clusters", May.admin)
    static let showCluster = Rule("clusters:get", "Show a cluster", May.admin)
    static let updateCluster = Rule("clusters:update", "Update a cluster", May.admin)
    static let cleanUp = Rule("workers:cleanup", "Go on with what was left behind", May.admin)
}
