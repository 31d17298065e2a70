import API
import Base
import HTTP
import Policy
import SQL

extension ComputeHost {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint("GET", "/os-availability-zone", "List availability zones", access: .decided(by: [.listZones]), zones),
        .get(
            "/os-availability-zone/detail", "List availability zones with their hosts", may: .listZonesDetailed,
            zonesDetailed),
        .get(
            "/os-services", "List the services of compute", may: .listComputeServices,
            query: [Parameter("host"), Parameter("binary")], services),
        .get("/os-hypervisors", "List hypervisors", may: .listHypervisors, list),
        .get("/os-hypervisors/detail", "List hypervisors with details", may: .listHypervisorsDetailed, listDetailed),
        .get("/os-hypervisors/statistics", "Sum up all hypervisors", may: .sumHypervisors, until: "2.87", statistics),
        .get("/os-hypervisors/{hypervisor_id}", "Show a hypervisor", may: .showHypervisor, show),
    ]
}

extension Rule {
    static let listZones = Rule("os_compute_api:os-availability-zone:list", "List availability zones", May.anyone)
    static let listZonesDetailed = Rule(
        "os_compute_api:os-availability-zone:detail", "List zones with hosts", May.admin)
    static let listComputeServices = Rule("os_compute_api:os-services:list", "List the services of compute", May.admin)
    static let listHypervisors = Rule("os_compute_api:os-hypervisors:list", "List hypervisors", May.admin)
    static let listHypervisorsDetailed = Rule(
        "os_compute_api:os-hypervisors:list-detail", "List hypervisors with details", May.admin)
    static let showHypervisor = Rule("os_compute_api:os-hypervisors:show", "Show a hypervisor", May.admin)
    static let sumHypervisors = Rule("os_compute_api:os-hypervisors:statistics", "Sum up all hypervisors", May.admin)
}

// MARK: Handlers

extension ComputeHost {
    private static func all(_ call: Call<Compute>) async throws(Failure) -> [ComputeHost] {
        try await call.service.database.read { try $0.computeHosts() }
    }

    static func zones(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.listZones)
        return zoneReply(try await all(call), call, withHosts: false)
    }

    static func zonesDetailed(_ call: Call<Compute>) async throws(Failure) -> Reply {
        zoneReply(try await all(call), call, withHosts: true)
    }

    private static func zoneReply(_ hosts: [ComputeHost], _ call: Call<Compute>, withHosts: Bool) -> Reply {
        let (now, settings) = (call.service.world.now, call.service.settings)
        let zones = Dictionary(grouping: hosts, by: \.zone).sorted { $0.key < $1.key }
        return .json { json in
            json.array("availabilityZoneInfo", of: zones) { zone, json in
                json.object { json in
                    json.put("zoneName", zone.key)
                    json.object("zoneState") { $0.put("available", zone.value.contains { !$0.isDisabled }) }
                    guard withHosts else { return json.putNull("hosts") }
                    json.object("hosts") { json in
                        for host in zone.value {
                            json.object(host.name) { json in
                                json.object("nova-compute") {
                                    $0.put("available", host.isAlive(at: now, settings))
                                    $0.put("active", !host.isDisabled)
                                    $0.put("updated_at", host.seen, as: .bare)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    static func services(_ call: Call<Compute>) async throws(Failure) -> Reply {
        var hosts = try await all(call)
        if let name = call.query["host"] { hosts = hosts.filter { $0.name == name } }
        if let binary = call.query["binary"], binary != "nova-compute" { hosts = [] }
        let (now, settings) = (call.service.world.now, call.service.settings)
        return .json { json in
            json.array("services", of: hosts) { host, json in
                json.object { json in
                    if call.version >= "2.53" { json.put("id", host.serviceID) } else { json.put("id", 1) }
                    json.put("binary", "nova-compute")
                    json.put("host", host.name)
                    json.put("zone", host.zone)
                    json.put("status", host.isDisabled ? "disabled" : "enabled")
                    json.put("state", host.isAlive(at: now, settings) ? "up" : "down")
                    json.put("updated_at", host.seen, as: .bare)
                    json.put("disabled_reason", host.disabledReason)
                    if call.version >= "2.11" { json.put("forced_down", false) }
                }
            }
        }
    }

    static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let hosts = try await all(call)
        return .json { json in
            json.array("hypervisors", of: hosts) { host, json in json.object { host.writeBrief(to: &$0, call) } }
        }
    }

    static func listDetailed(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let hosts = try await all(call)
        return .json { json in
            json.array("hypervisors", of: hosts) { host, json in json.object { host.write(to: &$0, call) } }
        }
    }

    static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let id: ID<ComputeHost> = call.id("hypervisor_id")
        guard let host = try await all(call).first(where: { $0.id == id }) else {
            throw Failure(.notFound, "Hypervisor with ID '\(id)' could not be found.")
        }
        return .json { $0.object("hypervisor") { host.write(to: &$0, call) } }
    }

    static func statistics(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let hosts = try await all(call)
        let sum = { (value: (ComputeHost) -> Int) in hosts.reduce(0) { $0 + value($1) } }
        return .json { json in
            json.object("hypervisor_statistics") {
                $0.put("count", hosts.count)
                $0.put("current_workload", 0)
                $0.put("disk_available_least", sum(\.disk))
                $0.put("free_disk_gb", sum(\.disk))
                $0.put("free_ram_mb", sum(\.freeMemory))
                $0.put("local_gb", sum(\.disk))
                $0.put("local_gb_used", 0)
                $0.put("memory_mb", sum(\.memory))
                $0.put("memory_mb_used", sum(\.memoryUsed))
                $0.put("running_vms", sum(\.servers))
                $0.put("vcpus", sum(\.vcpus))
                $0.put("vcpus_used", sum(\.vcpusUsed))
            }
        }
    }
}

// MARK: On the wire

extension ComputeHost {
    private func writeBrief(to json: inout JSONWriter, _ call: Call<Compute>) {
        if call.version >= "2.53" { json.put("id", id) } else { json.put("id", 1) }
        json.put("hypervisor_hostname", name)
        json.put("state", isAlive(at: call.service.world.now, call.service.settings) ? "up" : "down")
        json.put("status", isDisabled ? "disabled" : "enabled")
    }

    private func write(to json: inout JSONWriter, _ call: Call<Compute>) {
        writeBrief(to: &json, call)
        json.put("host_ip", "127.0.0.1")
        json.put("hypervisor_type", hypervisor)
        json.put("hypervisor_version", version)
        json.object("service") {
            if call.version >= "2.53" { $0.put("id", serviceID) } else { $0.put("id", 1) }
            $0.put("host", name)
            $0.put("disabled_reason", disabledReason)
        }
        if call.version >= "2.88" { json.putNull("uptime") }
        guard call.version < "2.88" else { return }
        json.put("vcpus", vcpus)
        json.put("vcpus_used", vcpusUsed)
        json.put("memory_mb", memory)
        json.put("memory_mb_used", memoryUsed)
        json.put("free_ram_mb", freeMemory)
        json.put("local_gb", disk)
        json.put("local_gb_used", 0)
        json.put("free_disk_gb", disk)
        json.put("disk_available_least", disk)
        json.put("running_vms", servers)
        json.put("current_workload", 0)
        if call.version >= "2.28" { json.put("cpu_info", cpuInfo) } else { json.put("cpu_info", cpuInfo.text) }
    }
}
