import API
import Base
import HTTP
import Policy
import SQL

/// The hosts as they were before there were hypervisors and services: until 2.42.
enum HostAPI {
    static let endpoints: [Endpoint<Compute>] = [
        .get("/os-hosts", "List hosts", may: .listHosts, query: [Parameter("zone")], until: last, list),
        .get(path, "Show a host", may: .showHost, until: last, show),
        .put(path, "Enable or disable a host", may: .updateHost, takes: shape, until: last, update),
        .get(path + "/reboot", "Reboot a host", may: .rebootHost, until: last, power),
        .get(path + "/shutdown", "Shut a host down", may: .shutDownHost, until: last, power),
        .get(path + "/startup", "Start a host", may: .startHost, until: last, power),
    ]

    private static let path = "/os-hosts/{host_name}"
    private static let last: Microversion = "2.42"
    private static let words = ["enable", "disable", "Enable", "Disable", "ENABLE", "DISABLE"]
    private static let shape: Shape = .object(
        Fields([.optional("status", .choice(words)), .optional("maintenance_mode", .choice(words))]))
}

extension Rule {
    static let listHosts = Rule("os_compute_api:os-hosts:list", "List hosts", May.admin)
    static let showHost = Rule("os_compute_api:os-hosts:show", "Show a host", May.admin)
    static let updateHost = Rule("os_compute_api:os-hosts:update", "Enable or disable a host", May.admin)
    static let rebootHost = Rule("os_compute_api:os-hosts:reboot", "Reboot a host", May.admin)
    static let shutDownHost = Rule("os_compute_api:os-hosts:shutdown", "Shut a host down", May.admin)
    static let startHost = Rule("os_compute_api:os-hosts:start", "Start a host", May.admin)
}

// MARK: Handlers

extension HostAPI {
    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (hosts, roles) = try await call.service.database.read { tx in
            (try tx.computeHosts().filter { !$0.isDisabled }, try tx.computeRoles())
        }
        let zone = call.query["zone"] ?? ""
        let all =
            roles.map { (host: $0.host, service: $0.name, zone: ComputeRole.zone) }
            + hosts.map { (host: $0.name, service: "compute", zone: $0.zone) }
        return .json { json in
            json.array("hosts", of: all.filter { zone.isEmpty || $0.zone == zone }) { entry, json in
                json.object {
                    $0.put("host_name", entry.host)
                    $0.put("service", entry.service)
                    $0.put("zone", entry.zone)
                }
            }
        }
    }

    /// What a host has, what is in use, and by which projects: each as a resource of its own.
    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let name = call["host_name"]
        let (host, projects) = try await call.service.database.read { tx in
            (try tx.computeHost(named: name), try tx.projects(on: name))
        }
        return .json { json in
            json.array("host") { json in
                write(name, "(total)", host.vcpus, host.memory, host.disk, to: &json)
                write(name, "(used_now)", host.vcpusUsed, host.memoryUsed, host.diskUsed, to: &json)
                write(name, "(used_max)", host.vcpusUsed, host.memoryUsed, host.diskUsed, to: &json)
                for use in projects { write(name, use.project, use.vcpus, use.memory, use.disk, to: &json) }
            }
        }
    }

    private static func write(
        _ host: String, _ project: String, _ vcpus: Int, _ memory: Int, _ disk: Int, to json: inout JSONWriter
    ) {
        json.object { json in
            json.object("resource") {
                $0.put("host", host)
                $0.put("project", project)
                $0.put("cpu", vcpus)
                $0.put("memory_mb", memory)
                $0.put("disk_gb", disk)
            }
        }
    }

    private static func update(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (name, body) = (call["host_name"], call.body.object ?? JSON.Object())
        guard !body.members.isEmpty else { throw .invalid("The body must have a status or a maintenance_mode.") }
        let isDisabled = body.text("status").map { $0.lowercased() == "disable" }
        try await call.service.database.write { tx in
            var host = try tx.computeHost(named: name)
            guard !body.has("maintenance_mode") else { throw Failure.noPowerOverHosts }
            if let isDisabled { host.isDisabled = isDisabled }
            try tx.update(host)
        }
        return .json { json in
            json.put("host", name)
            if let isDisabled { json.put("status", isDisabled ? "disabled" : "enabled") }
        }
    }

    private static func power(_ call: Call<Compute>) async throws(Failure) -> Reply {
        _ = try await call.service.database.read { try $0.computeHost(named: call["host_name"]) }
        throw .noPowerOverHosts
    }
}

extension Failure {
    /// No hypervisor that we have lets a cloud switch its own machines off.
    fileprivate static let noPowerOverHosts = Failure(
        .notImplemented, "The requested functionality is not supported.")
}

extension Transaction {
    fileprivate func projects(on host: String) throws(Failure) -> [(
        project: String, vcpus: Int, memory: Int, disk: Int
    )] {
        try rows(
            """
            SELECT project_id, SUM(vcpus) AS vcpus, SUM(memory) AS memory, SUM(disk) AS disk FROM compute_server
            WHERE host = \(host) AND state <> 'deleted' GROUP BY project_id ORDER BY project_id
            """
        ) { row in
            (
                project: try row.text("project_id"), vcpus: try row.integer("vcpus"), memory: try row.integer("memory"),
                disk: try row.integer("disk")
            )
        }
    }
}
