import API
import Base
import HTTP
import Policy
import SQL

/// Where servers may be put: zones are made of aggregates that say so, and the rest of the hosts are the usual one.
enum AvailabilityZone {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint("GET", "/os-availability-zone", "List availability zones", access: .decided(by: [.listZones]), list),
        .get(
            "/os-availability-zone/detail", "List availability zones with their hosts", may: .listZonesDetailed,
            listDetailed),
    ]

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.listZones)
        return try await reply(call, withHosts: false)
    }

    private static func listDetailed(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try await reply(call, withHosts: true)
    }

    private static func reply(_ call: Call<Compute>, withHosts: Bool) async throws(Failure) -> Reply {
        let hosts = try await call.service.database.read { try $0.computeHosts() }
        let (now, settings) = (call.service.world.now, call.service.settings)
        let zones = Dictionary(grouping: hosts, by: \.zone).sorted { $0.key < $1.key }
        return .json { json in
            json.array("availabilityZoneInfo", of: zones) { zone, json in
                json.object { json in
                    json.put("zoneName", zone.key)
                    json.object("zoneState") { $0.put("available", zone.value.contains { !$0.isDisabled }) }
                    guard withHosts else { return json.putNull("hosts") }
                    json.object("hosts") { json in
                        for host in zone.value {
                            json.object(host.name) { json in
                                json.object("nova-compute") {
                                    $0.put("available", host.isAlive(at: now, settings))
                                    $0.put("active", !host.isDisabled)
                                    $0.put("updated_at", host.seen, as: .bare)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

extension Rule {
    static let listZones = Rule("os_compute_api:os-availability-zone:list", "List availability zones", May.anyone)
    static let listZonesDetailed = Rule(
        "os_compute_api:os-availability-zone:detail", "List zones with hosts", May.admin)
}
