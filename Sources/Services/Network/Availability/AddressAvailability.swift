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
        let found = try await find(call, where: "1 = 1")
        return .json { json in
            json.array("network_ip_availabilities", of: found) { use, json in json.object { use.write(to: &$0) } }
        }
    }

    private static func show(_ call: Call<Network>) async throws(Failure) -> Reply {
        let id = call["id"]
        guard let use = try await find(call, where: "id = \(id)").first else { throw Resource.network.missing(id) }
        return .json { json in json.object("network_ip_availability") { use.write(to: &$0) } }
    }

    private static func find(_ call: Call<Network>, where condition: SQL) async throws(Failure) -> [AddressUse] {
        if let rule = Rule.network["get_network_ip_availability"] { try call.require(rule) }
        let filters = try conditions(call.query)
        let version = try call.query.integer("ip_version")
        return try await call.service.database.read { tx in
            let desk = Desk(tx, call.service, call)
            let networks = try desk.rows(.network, where: SQL.all([condition] + filters), then: " ORDER BY id")
            return try networks.map { try desk.use(of: $0, version) }
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

/// How many of a network's addresses are given. There may be more of them than any machine's integers count.
private struct AddressUse {
    struct Part {
        let subnet: Document
        let all: UInt128
        let used: Int
    }

    let network: Document
    let parts: [Part]

    func write(to json: inout JSONWriter) {
        json.put("network_id", network.id)
        json.put("network_name", network["name"] ?? "")
        json.put("tenant_id", network.project)
        json.put("project_id", network.project)
        json.put("total_ips", parts.reduce(0) { $0 + $1.all })
        json.put("used_ips", parts.reduce(0) { $0 + $1.used })
        json.array("subnet_ip_availability", of: parts) { part, json in
            json.object {
                $0.put("subnet_id", part.subnet.id)
                $0.put("subnet_name", part.subnet["name"] ?? "")
                $0.put("cidr", part.subnet["cidr"] ?? "")
                $0.put("ip_version", part.subnet["ip_version"] ?? .null)
                $0.put("total_ips", part.all)
                $0.put("used_ips", part.used)
            }
        }
    }
}

extension Desk {
    fileprivate func use(of network: Document, _ version: Int?) throws(Failure) -> AddressUse {
        var used: [String: Int] = [:]
        let sql: SQL = """
            SELECT subnet_id, COUNT(*) AS given FROM network_address WHERE network_id = \(network.id) GROUP BY subnet_id
            """
        try tx.each(sql) { row in used[try row.text("subnet_id")] = try row.integer("given") }
        var parts: [AddressUse.Part] = []
        for document in try rows(.subnet, where: "network_id = \(network.id)", then: " ORDER BY created_at, id") {
            guard let subnet = Subnet(document), version == nil || version == document.integer("ip_version") else {
                continue
            }
            let all = subnet.pools.reduce(0) { $0 + $1.count }
            parts.append(AddressUse.Part(subnet: document, all: all, used: used[subnet.id] ?? 0))
        }
        return AddressUse(network: network, parts: parts)
    }
}
