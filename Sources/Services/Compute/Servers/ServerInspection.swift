import API
import Base
import Bus
import Contracts
import Policy
import SQL

/// A look at a server from outside: how its guest does, how it lies in its host, what it told as its password.
enum ServerInspection {
    static let endpoints: [Endpoint<Compute>] = [
        .get("/servers/{server_id}/diagnostics", "Show how a server's guest does", may: .diagnoseServer, diagnostics),
        .get(
            "/servers/{server_id}/topology", "Show how a server lies in its host", may: .showTopology, since: "2.78",
            topology),
        .get("/servers/{server_id}/os-server-password", "Show a server's password", may: .showServerPassword, password),
        .delete(
            "/servers/{server_id}/os-server-password", "Forget a server's password", may: .clearServerPassword,
            clearPassword),
    ]

    private static func server(_ call: Call<Compute>) async throws(Failure) -> Server {
        try await call.service.database.read { try $0.server(call.id("server_id"), in: call.scope) }
    }

    private static func diagnostics(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await server(call)
        if call.version >= "2.48" {
            let states: [ServerState] = [.active, .paused, .suspended, .stopped]
            guard states.contains(server.state) else {
                throw .conflict(
                    "Cannot 'get_diagnostics' instance \(server.id) while it is in vm_state \(server.state.rawValue)")
            }
        }
        guard let host = server.host else { throw .conflict("Instance \(server.id) is not ready") }
        let found = try await call.service.bus.call(
            ComputeMessages.diagnose, on: host, ServerReference(server: server.id.text), deadline: .seconds(30))
        guard call.version >= "2.48" else {
            return .json { json in
                json.put("vcpus", found["vcpus"] ?? .null)
                json.put("memory", found["memory"]?.integer.map { .integer($0 * 1_024) } ?? .null)
            }
        }
        return .json { write(found, to: &$0) }
    }

    /// What the host doesn't measure is null.
    private static func write(_ found: JSON, to json: inout JSONWriter) {
        let nics = found["nics"]?.array?.compactMap(\.string) ?? []
        let (cpus, disks) = (Int(found["vcpus"]?.integer ?? 0), Int(found["disks"]?.integer ?? 0))
        json.put("state", states[found["state"]?.string ?? ""] ?? "pending")
        json.put("driver", "libvirt")
        json.put("hypervisor", found["hypervisor"]?.string?.lowercased())
        json.putNull("hypervisor_os")
        json.putNull("uptime")
        json.put("config_drive", found["has_config_drive"]?.bool ?? false)
        json.put("num_cpus", cpus)
        json.put("num_nics", nics.count)
        json.put("num_disks", disks)
        json.array("cpu_details") { json in
            for index in 0..<cpus {
                json.object {
                    $0.put("id", index)
                    $0.putNull("time")
                    $0.putNull("utilisation")
                }
            }
        }
        json.array("disk_details") { json in
            for _ in 0..<disks {
                json.object { json in
                    for name in ["read_bytes", "read_requests", "write_bytes", "write_requests", "errors_count"] {
                        json.putNull(name)
                    }
                }
            }
        }
        json.array("nic_details", of: nics) { mac, json in
            json.object { json in
                json.put("mac_address", mac)
                for way in ["rx", "tx"] {
                    for name in ["octets", "errors", "drop", "packets", "rate"] { json.putNull("\(way)_\(name)") }
                }
            }
        }
        json.object("memory_details") {
            $0.put("maximum", found["memory"] ?? .null)
            $0.putNull("used")
        }
    }

    private static let states = [
        "running": "running", "paused": "paused", "stopped": "shutdown", "crashed": "crashed", "suspended": "suspended",
    ]

    /// Guests here have the memory and processors of their host as they come, and no nodes of their own.
    private static func topology(_ call: Call<Compute>) async throws(Failure) -> Reply {
        _ = try await server(call)
        return .json { json in
            json.array("nodes") { _ in }
            json.putNull("pagesize_kb")
        }
    }

    private static func password(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await server(call)
        return .json { $0.put("password", server.particulars.password) }
    }

    private static func clearPassword(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let now = call.service.world.now
        try await call.service.database.write { tx in
            try tx.change(call.id("server_id"), in: call.scope, at: now) { $0.particulars.password = "" }
            return
        }
        return .noContent
    }
}

extension Rule {
    static let diagnoseServer = Rule(
        "os_compute_api:os-server-diagnostics", "Show how a server's guest does", May.admin)
    static let showTopology = Rule("compute:server:topology:index", "Show how a server lies in its host", May.reader)
    static let showServerPassword = Rule(
        "os_compute_api:os-server-password:show", "Show a server's password", May.reader)
    static let clearServerPassword = Rule(
        "os_compute_api:os-server-password:clear", "Forget a server's password", May.member)
}
