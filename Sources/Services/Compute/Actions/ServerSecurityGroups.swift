import API
import Base
import Policy
import SQL

/// Which security groups hold for a server: those of its ports, all of them alike.
enum ServerSecurityGroups {
    static let endpoints: [Endpoint<Compute>] = [
        .get(
            "/servers/{server_id}/os-security-groups", "List a server's security groups", may: .listServerGroupsOfRules,
            list)
    ]

    private static let shape: Shape = .object(Fields([.required("name", .text(1...255))]))

    static let actions: [ServerAction] = [
        ServerAction(
            name: "addSecurityGroup", rule: .addServerSecurityGroup, shape: shape, states: [],
            handle: { call, id, body throws(Failure) in try await add(call, id, body["name"]?.string ?? "") }),
        ServerAction(
            name: "removeSecurityGroup", rule: .removeServerSecurityGroup, shape: shape, states: [],
            handle: { call, id, body throws(Failure) in try await remove(call, id, body["name"]?.string ?? "") }),
    ]

    private static func ports(_ call: Call<Compute>, _ id: String) async throws(Failure) -> [JSON] {
        try await call.service.neighbours.network.ask("GET", "/v2.0/ports?device_id=\(id)", token: call.caller.token)
            .json["ports"]?.array ?? []
    }

    private static func groups(_ call: Call<Compute>) async throws(Failure) -> [JSON] {
        try await call.service.neighbours.network.ask("GET", "/v2.0/security-groups", token: call.caller.token)
            .json["security_groups"]?.array ?? []
    }

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await call.service.database.read { try $0.server(call.id("server_id"), in: call.scope) }
        let used = try await ports(call, server.id.text).flatMap {
            $0["security_groups"]?.array?.compactMap(\.string) ?? []
        }
        let found = try await groups(call).filter { used.contains($0["id"]?.string ?? "") }
        return .json { json in
            json.array("security_groups", of: found) { group, json in
                json.object { json in
                    json.put("id", group["id"]?.string ?? "")
                    json.put("name", group["name"]?.string ?? "")
                    json.put("description", group["description"]?.string ?? "")
                    json.put("tenant_id", group["project_id"]?.string ?? group["tenant_id"]?.string ?? "")
                    let rules = group["security_group_rules"]?.array ?? []
                    json.array("rules", of: rules) { rule, json in json.object { write(rule, of: group, to: &$0) } }
                }
            }
        }
    }

    /// As rules looked before networks were a service of their own.
    private static func write(_ rule: JSON, of group: JSON, to json: inout JSONWriter) {
        json.put("id", rule["id"]?.string ?? "")
        json.put("parent_group_id", group["id"]?.string ?? "")
        json.put("ip_protocol", rule["protocol"]?.string)
        json.put("from_port", rule["port_range_min"] ?? .null)
        json.put("to_port", rule["port_range_max"] ?? .null)
        json.object("group") { _ in }
        json.object("ip_range") { json in
            if let range = rule["remote_ip_prefix"]?.string { json.put("cidr", range) }
        }
    }

    private static func group(_ name: String, _ call: Call<Compute>) async throws(Failure) -> (id: String, name: String)
    {
        let found = try await groups(call).filter { $0["id"]?.string == name || $0["name"]?.string == name }
        let own = found.filter { $0["project_id"]?.string == call.caller.projectID }
        guard let group = own.first ?? found.first else {
            throw Failure(.notFound, "Security group \(name) not found for project \(call.caller.projectID ?? "").")
        }
        return (try group.text("id"), try group.text("name"))
    }

    private static func add(_ call: Call<Compute>, _ id: ID<Server>, _ name: String) async throws(Failure) -> Reply {
        let group = try await group(name, call)
        for port in try await ports(call, id.text) {
            let now = port["security_groups"]?.array?.compactMap(\.string) ?? []
            guard !now.contains(group.id) else { continue }
            try await set(now + [group.id], port, call)
        }
        return try await keep(call, id) { names in if !names.contains(group.name) { names.append(group.name) } }
    }

    private static func remove(_ call: Call<Compute>, _ id: ID<Server>, _ name: String) async throws(Failure) -> Reply {
        let group = try await group(name, call)
        var isFound = false
        for port in try await ports(call, id.text) {
            let now = port["security_groups"]?.array?.compactMap(\.string) ?? []
            guard now.contains(group.id) else { continue }
            isFound = true
            try await set(now.filter { $0 != group.id }, port, call)
        }
        guard isFound else {
            throw Failure(.notFound, "Security group \(name) not associated with the instance \(id)")
        }
        return try await keep(call, id) { names in names.removeAll { $0 == group.name || $0 == group.id } }
    }

    private static func set(_ groups: [String], _ port: JSON, _ call: Call<Compute>) async throws(Failure) {
        _ = try await call.service.neighbours.network.ask(
            "PUT", "/v2.0/ports/\(try port.text("id"))", ["port": ["security_groups": JSON(groups)]],
            token: call.caller.token)
    }

    private static func keep(
        _ call: Call<Compute>, _ id: ID<Server>, _ change: @escaping @Sendable (inout [String]) -> Void
    ) async throws(Failure) -> Reply {
        let now = call.service.world.now
        _ = try await call.service.database.write { tx in
            try tx.change(id, at: now) { change(&$0.securityGroups) }
        }
        return Reply(202)
    }
}

extension Rule {
    static let listServerGroupsOfRules = Rule(
        "os_compute_api:os-security-groups:list", "List a server's security groups", May.reader)
    static let addServerSecurityGroup = Rule(
        "os_compute_api:os-security-groups:add", "Add a security group to a server", May.member)
    static let removeServerSecurityGroup = Rule(
        "os_compute_api:os-security-groups:remove", "Take a security group from a server", May.member)
}
