import API
import Base
import HTTP
import Policy

/// `/os-floating-ips` and their pools, which are the networks that lead out.
enum FloatingIPProxy {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint(
            "GET", "/os-floating-ip-pools", "List pools of floating IPs", access: .decided(by: [.listPools]),
            until: Proxy.last, pools),
        Endpoint(
            "GET", "/os-floating-ips", "List floating IPs", access: .decided(by: [.listFloatingIPs]),
            until: Proxy.last, list),
        Endpoint(
            "POST", "/os-floating-ips", "Allot a floating IP", access: .decided(by: [.createFloatingIP]),
            body: .json(.nullable(.object(Fields([.optional("pool", .nullable(.text))], others: .allowed)))),
            until: Proxy.last, create),
        Endpoint(
            "GET", "/os-floating-ips/{ip_id}", "Show a floating IP", access: .decided(by: [.showFloatingIP]),
            until: Proxy.last, show),
        Endpoint(
            "DELETE", "/os-floating-ips/{ip_id}", "Give a floating IP back", access: .decided(by: [.deleteFloatingIP]),
            until: Proxy.last, delete),
    ]

    // MARK: Handlers

    private static func pools(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.listPools)
        let networks = try await external(call)
        return .json { json in
            json.array("floating_ip_pools", of: networks) { network, json in
                json.object { $0.put("name", poolName(network)) }
            }
        }
    }

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.listFloatingIPs, of: call.ownTarget)
        let project = call.caller.projectID ?? ""
        let found = try await call.network("GET", "/floatingips?project_id=\(project)")["floatingips"]?.array ?? []
        let names = try await poolNames(call)
        return .json { json in
            json.array("floating_ips", of: found) { ip, json in json.object { write(ip, names, to: &$0) } }
        }
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.showFloatingIP, of: call.ownTarget)
        return try await reply(try await floatingIP(call), call)
    }

    private static func create(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.createFloatingIP, of: call.ownTarget)
        let pool = call.body["pool"]?.string
        let networks = try await external(call)
        let chosen = pool.map { pool in networks.first { $0["name"]?.string == pool || $0["id"]?.string == pool } }
        guard let network = chosen ?? networks.first else { throw Failure(.notFound, "Floating IP pool not found.") }
        let body: JSON = ["floatingip": ["floating_network_id": network["id"] ?? .null]]
        do throws(Failure) {
            return try await reply(try await call.network("POST", "/floatingips", body)["floatingip"] ?? .null, call)
        } catch  where error.kind == .conflict || error.kind == .overQuota {
            throw .forbidden("IP allocation over quota\(pool.map { " in pool \($0)" } ?? "").")
        }
    }

    private static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.deleteFloatingIP, of: call.ownTarget)
        let ip = try await floatingIP(call)
        _ = try await call.network("DELETE", "/floatingips/\(ip["id"]?.string ?? "")")
        return Reply(202)
    }

    // MARK: What the network service has

    private static func external(_ call: Call<Compute>) async throws(Failure) -> [JSON] {
        try await call.network("GET", "/networks?router:external=true")["networks"]?.array ?? []
    }

    private static func poolName(_ network: JSON) -> String {
        let name = network["name"]?.string ?? ""
        return name.isEmpty ? network["id"]?.string ?? "" : name
    }

    private static func poolNames(_ call: Call<Compute>) async throws(Failure) -> [String: String] {
        var names: [String: String] = [:]
        for network in try await external(call) { names[network["id"]?.string ?? ""] = poolName(network) }
        return names
    }

    private static func floatingIP(_ call: Call<Compute>) async throws(Failure) -> JSON {
        let absent = Failure(.notFound, "Floating IP not found for ID \(call["ip_id"])")
        let id = try call.uuid("ip_id", absent: absent)
        do throws(Failure) { return try await call.network("GET", "/floatingips/\(id)")["floatingip"] ?? .null } catch
            where error.kind == .notFound
        {
            throw absent
        }
    }

    private static func reply(_ ip: JSON, _ call: Call<Compute>) async throws(Failure) -> Reply {
        let names = try await poolNames(call)
        return .json { $0.object("floating_ip") { write(ip, names, to: &$0) } }
    }

    private static func write(_ ip: JSON, _ names: [String: String], to json: inout JSONWriter) {
        let network = ip["floating_network_id"]?.string ?? ""
        json.put("id", ip["id"] ?? .null)
        json.put("ip", ip["floating_ip_address"] ?? .null)
        json.put("fixed_ip", ip["fixed_ip_address"] ?? .null)
        json.put("instance_id", ip["port_details"]?["device_id"] ?? .null)
        json.put("pool", names[network] ?? network)
    }
}

extension Rule {
    static let listPools = Rule("os_compute_api:os-floating-ip-pools", "List pools of floating IPs", May.anyone)
    static let listFloatingIPs = Rule("os_compute_api:os-floating-ips:list", "List floating IPs", May.reader)
    static let createFloatingIP = Rule("os_compute_api:os-floating-ips:create", "Allot a floating IP", May.member)
    static let showFloatingIP = Rule("os_compute_api:os-floating-ips:show", "Show a floating IP", May.reader)
    static let deleteFloatingIP = Rule("os_compute_api:os-floating-ips:delete", "Give a floating IP back", May.member)
}
