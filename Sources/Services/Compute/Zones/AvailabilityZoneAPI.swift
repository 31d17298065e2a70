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
        let (hosts, roles) = try await call.service.database.read { tx in
            (try tx.computeHosts(), withHosts ? try tx.computeRoles() : [])
        }
        let (now, settings) = (call.service.world.now, call.service.settings)
        let zones = Dictionary(grouping: hosts, by: \.zone).sorted { $0.key < $1.key }
        return .json { json in
            json.array("availabilityZoneInfo") { json in
                if !roles.isEmpty { json.object { writeInternal(roles, to: &$0, call) } }
                for (name, hosts) in zones {
                    json.object { json in
                        json.put("zoneName", name)
                        json.object("zoneState") { $0.put("available", hosts.contains { !$0.isDisabled }) }
                        guard withHosts else { return json.putNull("hosts") }
                        json.object("hosts") { json in
                            for host in hosts {
                                json.object(host.name) {
                                    let isAlive = host.isAlive(at: now, settings)
                                    write("nova-compute", isAlive, !host.isDisabled, host.seen, to: &$0)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Where the roles are that run no servers.
    private static func writeInternal(_ roles: [ComputeRole], to json: inout JSONWriter, _ call: Call<Compute>) {
        let (now, settings) = (call.service.world.now, call.service.settings)
        json.put("zoneName", ComputeRole.zone)
        json.object("zoneState") { $0.put("available", true) }
        json.object("hosts") { json in
            for (host, roles) in Dictionary(grouping: roles, by: \.host).sorted(by: { $0.key < $1.key }) {
                json.object(host) { json in
                    for role in roles {
                        write(role.binary, role.isAlive(at: now, settings), true, role.seen, to: &json)
                    }
                }
            }
        }
    }

    private static func write(
        _ binary: String, _ isAlive: Bool, _ isActive: Bool, _ seen: Moment, to json: inout JSONWriter
    ) {
        json.object(binary) {
            $0.put("available", isAlive)
            $0.put("active", isActive)
            $0.put("updated_at", seen, as: .bare)
        }
    }
}

extension Rule {
    static let listZones = Rule("os_compute_api:os-availability-zone:list", "List availability zones", May.anyone)
    static let listZonesDetailed = Rule(
        "os_compute_api:os-availability-zone:detail", "List zones with hosts", May.admin)
}
