import API
import Base
import HTTP
import Policy
import SQL

/// Where floating IPs come from: the IPv4 subnets of networks that lead out.
enum FloatingIPPools {
    private static let rule = "get_floatingip_pool"

    /// Clients spell the path in either way.
    static let endpoints: [Endpoint<Network>] = ["/floatingip-pools", "/floatingip_pools"].map { path in
        Endpoint("GET", path, "List where floating IPs come from", access: .decided(by: Rule.named(rule))) { call in
            try await list(call)
        }
    }

    private static func list(_ call: Call<Network>) async throws(Failure) -> Reply {
        if let rule = Rule.network[rule] { try call.require(rule) }
        let found = try await call.service.database.read { try pools(Desk($0, call.service, call)) }
        return .json { json in
            json.array("floatingip_pools", of: found) { pool, json in
                json.object { for member in pool.members { $0.put(member.name, member.value) } }
            }
        }
    }

    private static func pools(_ desk: Desk) throws(Failure) -> [Document] {
        let outside = try desk.documents(.network, where: "\(desk.reach(.network))", then: " ORDER BY id").filter {
            $0.flag("router:external")
        }
        let names = Dictionary(outside.map { ($0.id, $0["name"] ?? "") }, uniquingKeysWith: { first, _ in first })
        let subnets = try desk.rows(
            .subnet, where: "network_id IN \(.list(names.keys.sorted())) AND ip_version = 4", then: " ORDER BY id")
        return subnets.map { subnet in
            Document([
                .init(name: "subnet_id", value: .string(subnet.id)),
                .init(name: "subnet_name", value: subnet["name"] ?? ""),
                .init(name: "tenant_id", value: subnet["tenant_id"] ?? ""),
                .init(name: "project_id", value: subnet["tenant_id"] ?? ""),
                .init(name: "network_id", value: subnet["network_id"] ?? ""),
                .init(name: "network_name", value: names[subnet.text("network_id") ?? ""] ?? ""),
                .init(name: "cidr", value: subnet["cidr"] ?? ""),
            ])
        }
    }
}
