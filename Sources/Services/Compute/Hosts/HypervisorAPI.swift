import API
import Base
import HTTP
import Policy
import SQL

/// The hosts as what runs servers.
enum HypervisorAPI {
    static let endpoints: [Endpoint<Compute>] = [
        .get("/os-hypervisors", "List hypervisors", may: .listHypervisors, query: parameters, list),
        .get(
            "/os-hypervisors/detail", "List hypervisors with details", may: .listHypervisorsDetailed, query: parameters,
            listDetailed),
        .get("/os-hypervisors/statistics", "Sum up all hypervisors", may: .sumHypervisors, until: "2.87", statistics),
        .get(
            path, "Show a hypervisor", may: .showHypervisor, query: [Parameter("with_servers", since: "2.53")], show),
        .get(path + "/uptime", "Show how long a hypervisor has been up", may: .showUptime, until: "2.87", uptime),
        .get(
            path + "/search", "Find hypervisors by a part of their name", may: .searchHypervisors, until: "2.52", search
        ),
        .get(
            path + "/servers", "Find hypervisors by a part of their name, with their servers",
            may: .listHypervisorServers, until: "2.52", servers),
    ]

    private static let path = "/os-hypervisors/{hypervisor_id}"
    private static let parameters: [Parameter] = [
        Parameter("limit", .looseInteger(0...Int64(Int32.max)), since: "2.33"), Parameter("marker", since: "2.33"),
        Parameter("hypervisor_hostname_pattern", since: "2.53"), Parameter("with_servers", since: "2.53"),
    ]
}

extension Rule {
    static let listHypervisors = Rule("os_compute_api:os-hypervisors:list", "List hypervisors", May.admin)
    static let listHypervisorsDetailed = Rule(
        "os_compute_api:os-hypervisors:list-detail", "List hypervisors with details", May.admin)
    static let showHypervisor = Rule("os_compute_api:os-hypervisors:show", "Show a hypervisor", May.admin)
    static let sumHypervisors = Rule("os_compute_api:os-hypervisors:statistics", "Sum up all hypervisors", May.admin)
    static let showUptime = Rule("os_compute_api:os-hypervisors:uptime", "Show a hypervisor's uptime", May.admin)
    static let searchHypervisors = Rule("os_compute_api:os-hypervisors:search", "Find hypervisors", May.admin)
    static let listHypervisorServers = Rule(
        "os_compute_api:os-hypervisors:servers", "List hypervisors' servers", May.admin)
}

// MARK: Handlers

extension HypervisorAPI {
    /// The servers of hosts, by host: what there is to name of them.
    private typealias Residents = [String: [(id: ID<Server>, name: String)]]

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try await reply(call, at: "/os-hypervisors") { host, json, call in writeBrief(host, to: &json, call) }
    }

    private static func listDetailed(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try await reply(call, at: "/os-hypervisors/detail") { host, json, call in write(host, to: &json, call) }
    }

    private static func reply(
        _ call: Call<Compute>, at path: String,
        _ write: @escaping (ComputeHost, inout JSONWriter, Call<Compute>) -> Void
    ) async throws(Failure) -> Reply {
        let hosts = try await call.service.database.read { try $0.computeHosts() }
        let page = try page(of: hosts, call)
        let residents = try await residents(call, isAsked: call.wantsServers)
        return .json { json in
            json.array("hypervisors", of: page.things) { host, json in
                json.object {
                    write(host, &$0, call)
                    writeServers(residents?[host.name] ?? [], isAsked: residents != nil, to: &$0, call)
                }
            }
            if call.version >= "2.33" { call.writeNext("hypervisors", page.next, at: path, to: &json) }
        }
    }

    private static func page(of hosts: [ComputeHost], _ call: Call<Compute>) throws(Failure) -> Page<ComputeHost> {
        if call.version >= "2.53", let pattern = call.query["hypervisor_hostname_pattern"] {
            guard !call.query.has("limit"), !call.query.has("marker") else {
                throw .invalid(
                    "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.")
            }
            return Page(things: try matching(pattern, hosts), next: nil)
        }
        guard call.version >= "2.33" else { return Page(things: hosts, next: nil) }
        let limit = try call.limit()
        var rest = hosts[...]
        if let marker = call.query["marker"] {
            guard let place = hosts.firstIndex(where: { id(of: $0, call.version) == marker }) else {
                throw .invalid("marker [\(marker)] not found")
            }
            rest = hosts[(place + 1)...]
        }
        let things = Array(rest.prefix(limit))
        return Page(things: things, next: rest.count > limit ? things.last.map { id(of: $0, call.version) } : nil)
    }

    private static func matching(_ pattern: String, _ hosts: [ComputeHost]) throws(Failure) -> [ComputeHost] {
        let found = hosts.filter { $0.name.contains(pattern) }
        guard !found.isEmpty else { throw Failure(.notFound, "No hypervisor matching '\(pattern)' could be found.") }
        return found
    }

    private static func residents(_ call: Call<Compute>, isAsked: Bool) async throws(Failure) -> Residents? {
        guard isAsked else { return nil }
        let rows = try await call.service.database.read { tx in
            try tx.rows(
                "SELECT id, name, host FROM compute_server WHERE host IS NOT NULL AND state <> 'deleted' ORDER BY position"
            ) { row in
                (host: try row.text("host"), id: try row.id("id") as ID<Server>, name: try row.text("name"))
            }
        }
        return Dictionary(grouping: rows, by: \.host).mapValues { $0.map { (id: $0.id, name: $0.name) } }
    }

    private static func host(_ call: Call<Compute>) async throws(Failure) -> ComputeHost {
        let asked = call["hypervisor_id"]
        let absent = Failure(.notFound, "Hypervisor with ID '\(asked)' could not be found.")
        if call.version >= "2.53" {
            guard UUID(asked) != nil else { throw .invalid("Invalid uuid \(asked)") }
        } else if Int(asked) == nil {
            throw absent
        }
        let hosts = try await call.service.database.read { try $0.computeHosts() }
        guard let host = hosts.first(where: { id(of: $0, call.version) == asked }) else { throw absent }
        return host
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let host = try await host(call)
        let residents = try await residents(call, isAsked: call.wantsServers)
        return .json { json in
            json.object("hypervisor") {
                write(host, to: &$0, call)
                writeServers(residents?[host.name] ?? [], isAsked: residents != nil, to: &$0, call)
            }
        }
    }

    private static func uptime(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let host = try await host(call)
        guard host.isAlive(at: call.service.world.now, call.service.settings) else {
            throw .invalid("Compute service of \(host.name) is unavailable at this time.")
        }
        return .json { json in
            json.object("hypervisor") {
                writeBrief(host, to: &$0, call)
                $0.put("uptime", host.uptime)
            }
        }
    }

    private static func search(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let hosts = try matching(
            call["hypervisor_id"], await call.service.database.read { try $0.computeHosts() })
        return .json { json in
            json.array("hypervisors", of: hosts) { host, json in json.object { writeBrief(host, to: &$0, call) } }
        }
    }

    private static func servers(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let hosts = try matching(
            call["hypervisor_id"], await call.service.database.read { try $0.computeHosts() })
        let residents = try await residents(call, isAsked: true) ?? [:]
        return .json { json in
            json.array("hypervisors", of: hosts) { host, json in
                json.object {
                    writeBrief(host, to: &$0, call)
                    writeServers(residents[host.name] ?? [], isAsked: false, to: &$0, call)
                }
            }
        }
    }

    private static func statistics(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let hosts = try await call.service.database.read { try $0.computeHosts() }.filter { !$0.isDisabled }
        let sum = { (value: (ComputeHost) -> Int) in hosts.reduce(0) { $0 + value($1) } }
        return .json { json in
            json.object("hypervisor_statistics") { json in
                json.put("count", hosts.count)
                for (name, value) in sizes { json.put(name, sum(value)) }
            }
        }
    }
}

extension Call<Compute> {
    fileprivate var wantsServers: Bool { version >= "2.53" && Bool(loose: query["with_servers"] ?? "false") ?? false }
}

// MARK: On the wire

extension HypervisorAPI {
    /// What there was to know of a host's sizes until placement took it over.
    private static let sizes: [(String, @Sendable (ComputeHost) -> Int)] = [
        ("vcpus", { $0.vcpus }), ("vcpus_used", { $0.vcpusUsed }), ("memory_mb", { $0.memory }),
        ("memory_mb_used", { $0.memoryUsed }), ("free_ram_mb", { $0.freeMemory }), ("local_gb", { $0.disk }),
        ("local_gb_used", { $0.diskUsed }), ("free_disk_gb", { $0.freeDisk }),
        ("disk_available_least", { $0.freeDisk }), ("running_vms", { $0.servers }),
        ("current_workload", { $0.workload }),
    ]

    private static func id(of host: ComputeHost, _ version: Microversion) -> String {
        version >= "2.53" ? host.id.text : "\(host.number)"
    }

    private static func writeBrief(_ host: ComputeHost, to json: inout JSONWriter, _ call: Call<Compute>) {
        if call.version >= "2.53" { json.put("id", host.id) } else { json.put("id", host.number) }
        json.put("hypervisor_hostname", host.name)
        json.put("state", host.isAlive(at: call.service.world.now, call.service.settings) ? "up" : "down")
        json.put("status", host.isDisabled ? "disabled" : "enabled")
    }

    private static func write(_ host: ComputeHost, to json: inout JSONWriter, _ call: Call<Compute>) {
        writeBrief(host, to: &json, call)
        json.put("host_ip", host.address)
        json.put("hypervisor_type", host.hypervisor)
        json.put("hypervisor_version", host.version)
        json.object("service") {
            if call.version >= "2.53" { $0.put("id", host.serviceID) } else { $0.put("id", host.number) }
            $0.put("host", host.name)
            $0.put("disabled_reason", host.disabledReason)
        }
        guard call.version < "2.88" else { return json.put("uptime", host.uptime) }
        for (name, value) in sizes { json.put(name, value(host)) }
        if call.version >= "2.28" {
            json.put("cpu_info", host.cpuInfo)
        } else {
            json.put("cpu_info", host.cpuInfo.text)
        }
    }

    /// None are left out, until 2.75 where they were asked for.
    private static func writeServers(
        _ servers: [(id: ID<Server>, name: String)], isAsked: Bool, to json: inout JSONWriter, _ call: Call<Compute>
    ) {
        guard !servers.isEmpty || isAsked && call.version >= "2.75" else { return }
        json.array("servers", of: servers) { server, json in
            json.object {
                $0.put("name", server.name)
                $0.put("uuid", server.id)
            }
        }
    }
}
