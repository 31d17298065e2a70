import API
import Base
import HTTP
import Policy

/// `/os-security-group-rules`: what may come in, from which addresses or from whose servers.
enum SecurityGroupRuleProxy {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint(
            "POST", "/os-security-group-rules", "Create a rule", access: .decided(by: [.allowIntoGroup]),
            body: .json(shape), until: Proxy.last, create),
        Endpoint(
            "DELETE", "/os-security-group-rules/{rule_id}", "Delete a rule", access: .decided(by: [.refuseIntoGroup]),
            until: Proxy.last, delete),
    ]

    private static let shape: Shape = .wrapped(
        "security_group_rule",
        [.required("parent_group_id", .uuid), .optional("group_id", .nullable(.uuid))], others: .allowed)

    // MARK: Handlers

    private static func create(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.allowIntoGroup, of: call.ownTarget)
        let body = try call.fields("security_group_rule")
        let parent = try body.required("parent_group_id")
        let group = try await call.network("GET", "/security-groups/\(parent)")["security_group"] ?? .null
        let rule = try wanted(body)
        var names: [String: JSON] = [:]
        if let source = body.text("group_id") {
            names[source] = try await call.network("GET", "/security-groups/\(source)")["security_group"]
        }
        var asked: JSON.Object = rule
        asked["security_group_id"] = group["id"] ?? .string(parent)
        let made: JSON
        do throws(Failure) {
            made = try await call.network("POST", "/security-group-rules", ["security_group_rule": .object(asked)])
        } catch  where error.kind == .overQuota {
            throw .forbidden(error.message)
        } catch  where error.kind == .conflict {
            throw error.message.lowercased().contains("quota") ? .forbidden(error.message) : .invalid(error.message)
        }
        let known = names
        return .json {
            $0.object("security_group_rule") { write(made["security_group_rule"] ?? .null, known, to: &$0) }
        }
    }

    private static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.refuseIntoGroup, of: call.ownTarget)
        let id = try call.uuid("rule_id", absent: .invalid("Security group id should be uuid"))
        _ = try await call.network("DELETE", "/security-group-rules/\(id)")
        return Reply(202)
    }

    // MARK: From old words to new

    private static func wanted(_ body: JSON.Object) throws(Failure) -> JSON.Object {
        let proto = body.text("ip_protocol")?.lowercased()
        let source = body.text("group_id")
        var (from, to) = (body["from_port"] ?? .null, body["to_port"] ?? .null)
        if source != nil, from.isNull, to.isNull {
            if proto == "icmp" { (from, to) = (-1, -1) }
            if proto == "tcp" || proto == "udp" { (from, to) = (1, 65_535) }
        }
        var rule = JSON.Object([.init(name: "direction", value: "ingress")])
        if let proto, !from.isNull, !to.isNull {
            let ports = try ports(proto, from, to)
            rule["protocol"] = .string(proto)
            if ports.from != -1 { rule["port_range_min"] = JSON(ports.from) }
            if ports.to != -1 { rule["port_range_max"] = JSON(ports.to) }
        } else if source == nil {
            throw .invalid("Not enough parameters to build a valid rule.")
        }
        if let source {
            rule["remote_group_id"] = .string(source)
            rule["ethertype"] = "IPv4"
            return rule
        }
        let cidr = body.text("cidr").flatMap { $0.isEmpty ? nil : $0 } ?? "0.0.0.0/0"
        guard let network = IPNetwork(cidr), cidr.contains("/") else { throw .invalid("Invalid cidr \(cidr).") }
        rule["remote_ip_prefix"] = .string(cidr)
        rule["ethertype"] = network.family == .v6 ? "IPv6" : "IPv4"
        return rule
    }

    private static func ports(_ proto: String, _ from: JSON, _ to: JSON) throws(Failure) -> (from: Int, to: Int) {
        guard let first = from.looseInteger.map({ Int($0) }), let last = to.looseInteger.map({ Int($0) }) else {
            throw .invalid(
                proto == "icmp"
                    ? "Type and Code must be integers for ICMP protocol type" : "To and From ports must be integers")
        }
        let why: String?
        switch proto {
        case "tcp", "udp":
            let isInside = first >= 1 && last <= 65_535
            why =
                first > last
                ? "Former value cannot be greater than the later"
                : isInside ? nil : "Valid \(proto.uppercased()) ports should be between 1-65535"
        case "icmp":
            let isInside = (-1...255).contains(first) && (-1...255).contains(last)
            why = isInside ? nil : "For ICMP, the type:code must be valid"
        default: throw .invalid("Invalid IP protocol \(proto).")
        }
        if let why { throw .invalid("Invalid port range \(first):\(last). \(why)") }
        return (from: first, to: last)
    }

    static func write(_ rule: JSON, _ names: [String: JSON], to json: inout JSONWriter) {
        let proto = rule["protocol"]?.string
        let isForAllPorts = (rule["port_range_min"] ?? .null).isNull && (rule["port_range_max"] ?? .null).isNull
        let hasPorts = proto == "tcp" || proto == "udp"
        let all: (from: JSON, to: JSON) = hasPorts ? (1, 65_535) : (-1, -1)
        let isOpen = proto != nil && isForAllPorts
        json.put("id", rule["id"] ?? .null)
        json.put("parent_group_id", rule["security_group_id"] ?? .null)
        json.put("ip_protocol", proto)
        json.put("from_port", isOpen ? all.from : rule["port_range_min"] ?? .null)
        json.put("to_port", isOpen ? all.to : rule["port_range_max"] ?? .null)
        let source = rule["remote_group_id"]?.string.flatMap { names[$0] }
        json.object("group") {
            guard let source else { return }
            $0.put("name", source["name"] ?? .null)
            $0.put("tenant_id", source["tenant_id"] ?? .null)
        }
        json.object("ip_range") {
            guard (rule["remote_group_id"] ?? .null).isNull else { return }
            $0.put("cidr", rule["remote_ip_prefix"]?.string ?? "0.0.0.0/0")
        }
    }
}
