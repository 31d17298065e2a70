import API
import Base
import Bus
import Contracts
import Crypto
import HTTP
import Policy
import SQL

/// A server's screen and its serial port, from afar: asking for one gives an address that is good once.
enum RemoteConsole {
    static let endpoints: [Endpoint<Compute>] = [
        .post(
            "/servers/{server_id}/remote-consoles", "Ask for a server's console", may: .openConsole,
            takes: .wrapped(
                "remote_console",
                [
                    .required("protocol", .choice(["vnc", "spice", "serial", "rdp", "mks"])),
                    .required(
                        "type",
                        .choice(["novnc", "xvpvnc", "spice-html5", "serial", "rdp-html5", "webmks", "spice-direct"])),
                ]), since: "2.6", create),
        .get(
            "/os-console-auth-tokens/{token}", "Show where a console's token leads", may: .showConsoleToken,
            since: "2.31", show),
    ]

    static let actions: [ServerAction] = [
        action("os-getVNCConsole", ["novnc", "xvpvnc"]), action("os-getSPICEConsole", ["spice-html5"]),
        action("os-getSerialConsole", ["serial"]), action("os-getRDPConsole", ["rdp-html5"]),
    ]

    private static func action(_ name: String, _ types: [String]) -> ServerAction {
        ServerAction(
            name: name, rule: .openConsole, shape: .object(Fields([.required("type", .choice(types))])), states: [],
            until: "2.5",
            handle: { call, id, body throws(Failure) in
                let type = body["type"]?.string ?? ""
                let url = try await open(type, id, call)
                return .json { json in
                    json.object("console") {
                        $0.put("type", type)
                        $0.put("url", url)
                    }
                }
            })
    }

    private static func create(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let body = try call.fields("remote_console")
        let (scheme, type) = (try body.required("protocol"), try body.required("type"))
        let known = [
            "novnc": "vnc", "xvpvnc": "vnc", "serial": "serial", "spice-html5": "spice", "spice-direct": "spice",
            "rdp-html5": "rdp", "webmks": "mks",
        ]
        guard known[type] == scheme else { throw .invalid("Invalid console type \(type)") }
        let server = try await call.service.database.read { try $0.server(call.id("server_id"), in: call.scope) }
        let url = try await open(type, server.id, call)
        return .json { json in
            json.object("remote_console") {
                $0.put("protocol", scheme)
                $0.put("type", type)
                $0.put("url", url)
            }
        }
    }

    /// Makes a ticket for it, when the server's host has such a console at all.
    private static func open(_ type: String, _ id: ID<Server>, _ call: Call<Compute>) async throws(Failure) -> String {
        guard let kind = ConsoleTicket.Kind(rawValue: type) else {
            throw .invalid("Unavailable console type \(type).")
        }
        let service = call.service
        let server = try await service.database.read { try $0.server(id) }
        guard let host = server.host, server.state != .building else {
            throw .conflict("Instance \(id) is not ready")
        }
        let request = ScreenRequest(server: id.text, isSerial: kind == .serial)
        do throws(Failure) {
            _ = try await service.bus.call(ComputeMessages.screen, on: host, request, deadline: .seconds(30))
        } catch  where error.kind == .notImplemented {
            throw .invalid("Unavailable console type \(type).")
        } catch  where error.kind == .notFound {
            throw .conflict("Instance \(id) is not ready")
        }
        let secret = Base64.url.unpadded.text(service.world.chance.bytes(24))
        let ticket = ConsoleTicket(
            digest: ConsoleTicket.digest(of: secret), server: id, kind: kind, host: host,
            expires: service.world.now + ConsoleTicket.lifetime)
        try await service.database.write { try $0.insert(ticket) }
        return ConsoleAddress(base: service.settings.consoleAddress ?? call.link("")).url(kind, secret)
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (secret, now) = (call["token"], call.service.world.now)
        guard let ticket = try await call.service.database.read({ try $0.consoleTicket(secret, at: now) }) else {
            throw Failure(.notFound, "Token not found")
        }
        let request = ScreenRequest(server: ticket.server.text, isSerial: ticket.kind == .serial)
        let place = try await call.service.bus.call(
            ComputeMessages.screen, on: ticket.host, request, deadline: .seconds(30))
        return .json { json in
            json.object("console") {
                $0.put("instance_uuid", ticket.server)
                $0.put("host", ticket.host)
                $0.putNull("port")
                if call.version >= "2.99" { $0.putNull("tls_port") }
                $0.put("internal_access_path", place["socket"]?.string)
            }
        }
    }
}

/// Where consoles are served: beside the services, behind the gateway.
struct ConsoleAddress {
    /// Of the console service, or of compute, whose neighbour it is.
    let base: String

    func url(_ kind: ConsoleTicket.Kind, _ secret: String) -> String {
        let root = base.hasSuffix("/compute") ? String(base.dropLast("/compute".count)) + "/console" : base
        let path = (root.split(separator: "/").dropFirst(2).joined(separator: "/") + "/websockify").drop { $0 == "/" }
        switch kind {
        case .novnc:
            return "\(root)/vnc_lite.html?path=\(PercentCoding.encode("\(path)?token=\(secret)"))"
        case .serial:
            return "ws" + root.dropFirst("http".count) + "/websockify?token=\(secret)"
        }
    }
}

extension Rule {
    static let openConsole = Rule("os_compute_api:os-remote-consoles", "Open a server's console", May.member)
    static let showConsoleToken = Rule(
        "os_compute_api:os-console-auth-tokens", "Show where a console's token leads", May.admin)
}
