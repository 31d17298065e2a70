import API
import Base
import HTTP
import Policy

/// `/os-networks` and `/os-tenant-networks`: names and ids; the rest was another network service's.
enum NetworkProxy {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint(
            "GET", "/os-networks", "List networks", access: .decided(by: [.listNetworks]), until: Proxy.last, list),
        Endpoint(
            "GET", "/os-networks/{network_id}", "Show a network", access: .decided(by: [.showNetwork]),
            until: Proxy.last, show),
        Endpoint(
            "GET", "/os-tenant-networks", "List a project's networks", access: .decided(by: [.listTenantNetworks]),
            until: Proxy.last, listOfProject),
        Endpoint(
            "GET", "/os-tenant-networks/{network_id}", "Show a project's network",
            access: .decided(by: [.showTenantNetwork]), until: Proxy.last, showOfProject),
    ]

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.listNetworks, of: call.ownTarget)
        return try await reply(call) { write($0, to: &$1, call) }
    }

    private static func listOfProject(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.listTenantNetworks, of: call.ownTarget)
        return try await reply(call) { writeBrief($0, to: &$1) }
    }

    private static func reply(
        _ call: Call<Compute>, _ write: (JSON, inout JSONWriter) -> Void
    ) async throws(Failure) -> Reply {
        let networks = try await call.network("GET", "/networks")["networks"]?.array ?? []
        return .json { json in
            json.array("networks", of: networks) { network, json in json.object { write(network, &$0) } }
        }
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.showNetwork, of: call.ownTarget)
        let network = try await network(call)
        return .json { $0.object("network") { write(network, to: &$0, call) } }
    }

    private static func showOfProject(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.showTenantNetwork, of: call.ownTarget)
        let network = try await network(call)
        return .json { $0.object("network") { writeBrief(network, to: &$0) } }
    }

    private static func network(_ call: Call<Compute>) async throws(Failure) -> JSON {
        let absent = Failure(.notFound, "Network not found")
        let id = try call.uuid("network_id", absent: absent)
        do throws(Failure) { return try await call.network("GET", "/networks/\(id)")["network"] ?? .null } catch
            where error.kind == .notFound
        {
            throw absent
        }
    }

    private static func writeBrief(_ network: JSON, to json: inout JSONWriter) {
        json.put("id", network["id"] ?? .null)
        json.put("cidr", "None")
        json.put("label", network["name"] ?? .null)
    }

    private static let unknown = [
        "cidr", "netmask", "gateway", "broadcast", "dns1", "dns2", "cidr_v6", "gateway_v6", "netmask_v6",
    ]
    private static let unknownToUsers = [
        "created_at", "updated_at", "deleted_at", "deleted", "injected", "bridge", "vlan", "vpn_public_address",
        "vpn_public_port", "vpn_private_address", "dhcp_start", "project_id", "host", "bridge_interface", "multi_host",
        "priority", "rxtx_base", "mtu", "dhcp_server", "enable_dhcp", "share_address",
    ]

    private static func write(_ network: JSON, to json: inout JSONWriter, _ call: Call<Compute>) {
        json.put("id", network["id"] ?? .null)
        json.put("label", network["name"] ?? .null)
        for name in unknown + (call.caller.isAdmin ? unknownToUsers : []) { json.putNull(name) }
    }
}

extension Rule {
    static let listNetworks = Rule("os_compute_api:os-networks:list", "List networks", May.reader)
    static let showNetwork = Rule("os_compute_api:os-networks:show", "Show a network", May.reader)
    static let listTenantNetworks = Rule(
        "os_compute_api:os-tenant-networks:list", "List a project's networks", May.reader)
    static let showTenantNetwork = Rule(
        "os_compute_api:os-tenant-networks:show", "Show a project's network", May.reader)
}
