import API
import Base
import HTTP
import Policy
import SQL

/// The zones that the agents say they stand in.
enum AvailabilityZones {
    static let endpoints: [Endpoint<Network>] = [
        Endpoint(
            "GET", "/availability_zones", "List availability zones",
            access: .decided(by: Rule.named("get_availability_zone")), list)
    ]

    private struct Zone: Sendable {
        let name: String
        let resource: String
        let isAvailable: Bool

        var attributes: Document {
            Document([
                .init(name: "name", value: .string(name)), .init(name: "resource", value: .string(resource)),
                .init(name: "state", value: isAvailable ? "available" : "unavailable"),
            ])
        }
    }

    private static func list(_ call: Call<Network>) async throws(Failure) -> Reply {
        if let rule = Rule.network["get_availability_zone"] { try call.require(rule) }
        let zones = try await call.service.database.read { tx in
            try tx.rows(
                """
                SELECT availability_zone, agent_type, MAX(admin_state_up) AS is_up FROM network_agent
                WHERE availability_zone <> '' GROUP BY availability_zone, agent_type ORDER BY availability_zone
                """
            ) { row in
                Zone(
                    name: try row.text("availability_zone"),
                    resource: try row.text("agent_type").hasPrefix("DHCP") ? "network" : "router",
                    isAvailable: try row.bool("is_up"))
            }
        }
        let wanted = zones.map(\.attributes).filter { zone in
            call.query.items.allSatisfy { zone[$0.name] == nil || zone.text($0.name) == $0.value }
        }
        return .json { json in
            json.array("availability_zones", of: wanted) { $1.value(.object($0)) }
        }
    }
}
