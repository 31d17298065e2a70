import API
import Base
import HTTP
import Policy
import SQL

/// How many addresses each network has, and how many are given.
enum AddressAvailability {
    static let endpoints: [Endpoint<Network>] = {
        let access = Access.decided(by: Rule.named("get_network_ip_availability"))
        return [
            Endpoint("GET", "/network-ip-availabilities", "List the use of addresses", access: access, list),
            Endpoint(
                "GET", "/network-ip-availabilities/{id}", "Show a network's use of addresses", access: access, show),
        ]
    }()

    private static func list(_ call: Call<Network>) async throws(Failure) -> Reply {
        let documents = try await documents(call, where: "1 = 1")
        return .json { $0.array("network_ip_availabilities", of: documents) { $1.value(.object($0)) } }
    }

    private static func show(_ call: Call<Network>) async throws(Failure) -> Reply {
        let id = call["id"]
        guard let document = try await documents(call, where: "id = \(id)").first else {
            throw Resource.network.missing(id)
        }
        return .json { $0.put("network_ip_availability", .object(document)) }
    }

    private static func documents(_ call: Call<Network>, where condition: SQL) async throws(Failure) -> [Document] {
        if let rule = Rule.network["get_network_ip_availability"] { try call.require(rule) }
        let filters = try conditions(call.query)
        let version = try call.query.integer("ip_version")
        return try await call.service.database.read { tx in
            let desk = Desk(tx, call.service, call)
            let networks = try desk.rows(.network, where: SQL.all([condition] + filters), then: " ORDER BY id")
            return try networks.map { try desk.availability(of: $0, version) }
        }
    }

    private static func conditions(_ query: Parameters) throws(Failure) -> [SQL] {
        let columns: [String: StaticString] = [
            "network_id": "id", "network_name": "name", "tenant_id": "project_id", "project_id": "project_id",
        ]
        var conditions: [SQL] = []
        for name in Set(query.items.map(\.name)).sorted() where name != "fields" && name != "ip_version" {
            guard let column = columns[name] else {
                throw .wrong("HTTPBadRequest", "['\(name)'] is invalid attribute for filtering")
            }
            conditions.append("\(SQL.raw(column)) IN \(.list(query.all(name)))")
        }
        return conditions
    }
}

extension Desk {
    fileprivate func availability(of network: Document, _ version: Int?) throws(Failure) -> Document {
        var used: [String: Int] = [:]
        let sql: SQL = """
            SELECT subnet_id, COUNT(*) AS given FROM network_address WHERE network_id = \(network.id) GROUP BY subnet_id
            """
        try tx.each(sql) { row in used[try row.text("subnet_id")] = try row.integer("given") }
        var parts: [JSON] = []
        var totals = (all: 0.0, used: 0)
        for document in try rows(.subnet, where: "network_id = \(network.id)", then: " ORDER BY created_at, id") {
            guard let subnet = Subnet(document), version == nil || version == document.integer("ip_version") else {
                continue
            }
            let count = subnet.pools.reduce(0.0) { $0 + Double($1.count) }
            totals.all += count
            totals.used += used[subnet.id] ?? 0
            parts.append([
                "subnet_id": .string(subnet.id), "subnet_name": document["name"] ?? "", "cidr": document["cidr"] ?? "",
                "ip_version": document["ip_version"] ?? .null, "total_ips": .count(count),
                "used_ips": .number(used[subnet.id] ?? 0),
            ])
        }
        return Document([
            .init(name: "network_id", value: .string(network.id)),
            .init(name: "network_name", value: network["name"] ?? ""),
            .init(name: "tenant_id", value: .string(network.project)),
            .init(name: "project_id", value: .string(network.project)),
            .init(name: "total_ips", value: .count(totals.all)), .init(name: "used_ips", value: .number(totals.used)),
            .init(name: "subnet_ip_availability", value: .array(parts)),
        ])
    }
}

extension JSON {
    /// A count that may be beyond what integers hold, as those of IPv6 subnets are.
    fileprivate static func count(_ count: Double) -> JSON {
        Int64(exactly: count).map { .integer($0) } ?? .number(count)
    }
}
