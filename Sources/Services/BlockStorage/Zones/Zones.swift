import API
import Base
import Policy
import SQL

/// Availability zones: those that the backends are in.
enum Zones {
    static let endpoints: [Endpoint<BlockStorage>] = [
        Endpoint("GET", "/os-availability-zone", "List availability zones", access: .authenticated, list)
    ]

    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let services = try await call.service.database.read { try $0.volumeServices() }
        let zones = Dictionary(grouping: services, by: \.zone).sorted { $0.key < $1.key }
        return .json { json in
            json.array("availabilityZoneInfo", of: zones) { zone, json in
                json.object { json in
                    json.put("zoneName", zone.key)
                    json.object("zoneState") { $0.put("available", zone.value.contains { !$0.isDisabled }) }
                }
            }
        }
    }
}
