import API
import Base
import Contracts
import HTTP
import Policy
import SQL
import Workflow

/// What other services tell compute of servers: that a port has come up, that a network has changed, that a volume has
/// grown.
enum ExternalEventAPI {
    static let endpoints: [Endpoint<Compute>] = [
        .post("/os-server-external-events", "Tell of events", may: .createExternalEvents, takes: shape, take)
    ]

    private static let names: [(name: String, since: Microversion?)] = [
        ("network-changed", nil), ("network-vif-plugged", nil), ("network-vif-unplugged", nil),
        ("network-vif-deleted", nil), ("volume-extended", "2.51"), ("power-update", "2.76"),
        ("accelerator-request-bound", "2.82"), ("volume-reimaged", "2.93"),
    ]
    private static let needTags: Set<String> = ["volume-extended", "power-update", "accelerator-request-bound"]

    private static let event: Shape = .object(
        Fields([
            .required("server_uuid", .uuid), .required("name", .choice(names.map(\.name))),
            .optional("status", .choice(["failed", "completed", "in-progress"])), .optional("tag", .text(1...255)),
        ]))
    private static let shape: Shape = .object(Fields([.required("events", .list(of: event, count: 1...1_000))]))

    private struct Event: Sendable {
        let server: ID<Server>
        let name: String
        let status: String
        let tag: String?
        var code = 200
    }
}

extension Rule {
    static let createExternalEvents = Rule(
        "os_compute_api:os-server-external-events:create", "Tell of events", May.serviceRole)
}

// MARK: Handlers

extension ExternalEventAPI {
    private static func take(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let asked = try events(call)
        let servers: [Server] = try await call.service.database.read { tx in
            try tx.rows(
                "SELECT * FROM compute_server WHERE id IN \(SQL.list(asked.map(\.server))) AND state <> 'deleted'")
        }
        let known = Dictionary(servers.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var events: [Event] = []
        for event in asked { events.append(judged(event, known[event.server])) }
        for (index, event) in events.enumerated() where event.code == 200 {
            do throws(Failure) { try await follow(event, call.service) } catch  where error.kind == .notFound {
                events[index].code = 404
            }
        }
        let done = events
        return .json(done.allSatisfy { $0.code == 200 } ? 200 : 207) { json in
            json.array("events", of: done) { event, json in
                json.object {
                    $0.put("server_uuid", event.server)
                    $0.put("name", event.name)
                    $0.put("status", event.code == 200 ? "completed" : "failed")
                    if let tag = event.tag { $0.put("tag", tag) }
                    $0.put("code", event.code)
                }
            }
        }
    }

    private static func events(_ call: Call<Compute>) throws(Failure) -> [Event] {
        var events: [Event] = []
        for (index, json) in (call.body["events"]?.array ?? []).enumerated() {
            let name = json["name"]?.string ?? ""
            let since = names.first { $0.name == name }?.since
            guard since.map({ call.version >= $0 }) ?? true else {
                throw .field("events[\(index)].name", "is not known in this version")
            }
            events.append(
                Event(
                    server: ID(json["server_uuid"]?.string ?? ""), name: name,
                    status: json["status"]?.string ?? "completed", tag: json["tag"]?.string))
        }
        return events
    }

    private static func judged(_ event: Event, _ server: Server?) -> Event {
        var event = event
        if server == nil {
            event.code = 404
        } else if needTags.contains(event.name), event.tag == nil {
            event.code = 400
        } else if server?.host == nil || event.name == "network-changed" && server?.state == .building {
            // What its networks are is written down at the end of its boot; before, there is nothing to refresh.
            event.code = 422
        }
        return event
    }

    private static func follow(_ event: Event, _ service: Compute) async throws(Failure) {
        switch event.name {
        case "network-changed", "network-vif-deleted": try await service.refreshAddresses(of: event.server)
        case "power-update": try await service.note(isOn: event.tag?.uppercased() == "POWER_ON", event.server)
        default:
            // A run that waits for this looks again at once.
            service.runner.nudge()
        }
    }
}

extension Compute {
    /// Makes a server's addresses what its network service says that they are.
    func refreshAddresses(of id: ID<Server>) async throws(Failure) {
        let token = try await tokens.serviceToken()
        let network = neighbours.network
        // One that comes while the network service is asked is none that it says is gone.
        let before = Set(try await database.read { try $0.server(id) }.interfaces.map(\.port))
        let ports = try await network.ask("GET", "/v2.0/ports?device_id=\(id)", token: token).json["ports"]?.array ?? []
        let conditions = ports.compactMap { $0["id"]?.string }.map { "port_id=\($0)" }
        let floating =
            conditions.isEmpty
            ? []
            : try await network.ask(
                "GET", "/v2.0/floatingips?" + conditions.joined(separator: "&"), token: token
            ).json["floatingips"]?.array ?? []
        let now = world.now
        try await database.write { tx in
            try tx.change(id, at: now) { server in
                server.interfaces = server.interfaces.compactMap { interface in
                    guard let port = ports.first(where: { $0["id"]?.string == interface.port }) else {
                        return before.contains(interface.port) ? nil : interface
                    }
                    return interface.refreshed(port, floating)
                }
            }
            return
        }
    }

    fileprivate func note(isOn: Bool, _ id: ID<Server>) async throws(Failure) {
        let now = world.now
        try await database.write { tx in
            try tx.change(id, at: now) { server in
                guard server.task == nil, server.state == .active || server.state == .stopped else { return }
                server.power = isOn ? .running : .shutDown
                server.state = isOn ? .active : .stopped
            }
            return
        }
    }
}

extension Interface {
    fileprivate func refreshed(_ port: JSON, _ floating: [JSON]) -> Interface {
        var interface = self
        interface.addresses = (port["fixed_ips"]?.array ?? []).compactMap { $0["ip_address"]?.string }.map {
            Address(address: $0, isFloating: false)
        }
        for ip in floating where ip["port_id"]?.string == interface.port {
            guard let address = ip["floating_ip_address"]?.string else { continue }
            interface.addresses.append(Address(address: address, isFloating: true))
        }
        return interface
    }
}
