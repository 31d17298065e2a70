import API
import Base
import Contracts
import Policy
import SQL
import Workflow

/// A server's interfaces, each a port of the network service's.
enum ServerInterfaces {
    static let endpoints: [Endpoint<Compute>] = [
        .get(path, "List a server's interfaces", may: .listInterfaces, list),
        .get(path + "/{port_id}", "Show a server's interface", may: .showInterface, show),
        .post(path, "Attach an interface to a server", may: .attachInterface, takes: shape, attach),
        .delete(path + "/{port_id}", "Detach an interface from a server", may: .detachInterface, detach),
    ]

    private static let path = "/servers/{server_id}/os-interface"
    private static let states: [ServerState] = [.active, .paused, .stopped]

    private static let shape: Shape = .object(
        Fields([
            .optional(
                "interfaceAttachment",
                .object(
                    Fields([
                        .optional("net_id", .text(1...255)), .optional("port_id", .uuid),
                        .optional(
                            "fixed_ips",
                            .list(
                                of: .object(Fields([.required("ip_address", .text(2...45, format: .ipAddress))])),
                                count: 1...1)),
                        .optional("tag", .text(1...60, format: .tag), since: "2.49"),
                    ])))
        ]))

    // MARK: Handlers

    private static func server(_ call: Call<Compute>) async throws(Failure) -> Server {
        try await call.service.database.read { try $0.server(call.id("server_id"), in: call.scope) }
    }

    private static func ports(_ server: Server, _ call: Call<Compute>) async throws(Failure) -> [JSON] {
        let token = try await call.service.tokens.serviceToken()
        return try await PortDesk(network: call.service.neighbours.network).ports(of: server.id.text, token: token)
    }

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await server(call)
        let ports = try await ports(server, call)
        return .json { json in
            json.array("interfaceAttachments", of: ports) { port, json in
                json.object { write(port, of: server, call, to: &$0) }
            }
        }
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await server(call)
        let id = call["port_id"]
        guard let port = try await ports(server, call).first(where: { $0["id"]?.string == id }) else {
            throw Failure(.notFound, "Port id \(id) could not be found.")
        }
        return one(port, of: server, call)
    }

    private static func one(_ port: JSON, of server: Server, _ call: Call<Compute>) -> Reply {
        .json { $0.object("interfaceAttachment") { write(port, of: server, call, to: &$0) } }
    }

    private static func write(_ port: JSON, of server: Server, _ call: Call<Compute>, to json: inout JSONWriter) {
        json.put("net_id", port["network_id"]?.string ?? "")
        json.put("port_id", port["id"]?.string ?? "")
        json.put("mac_addr", port["mac_address"]?.string ?? "")
        json.put("port_state", port["status"]?.string ?? "")
        json.array("fixed_ips", of: port["fixed_ips"]?.array ?? []) { address, json in
            json.object {
                $0.put("subnet_id", address["subnet_id"]?.string ?? "")
                $0.put("ip_address", address["ip_address"]?.string ?? "")
            }
        }
        guard call.version >= "2.70" else { return }
        json.put("tag", server.interfaces.first { $0.port == port["id"]?.string }?.tag)
    }

    private static func attach(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await server(call)
        try server.allowWhenLocked(call)
        let body = call.body["interfaceAttachment"]?.object ?? JSON.Object()
        let address = body["fixed_ips"]?.array?.first?["ip_address"]?.string
        guard body.text("net_id") == nil || body.text("port_id") == nil else {
            throw .invalid("Must not input both network_id and port_id")
        }
        guard address == nil || body.text("net_id") != nil else {
            throw .invalid("Must input network_id when request IP address")
        }
        if let port = body.text("port_id") { try await check(port, server, call) }
        let request = NetworkRequest(
            network: body.text("net_id"), port: body.text("port_id"), fixedIP: address, tag: body.text("tag"))
        let mark = UUID(call.service.world.chance).dashed
        let begun = try await call.begin(
            "attach_interface", on: server.id, from: states, as: nil, AttachInterface.self,
            { AttachInterface.State(server: $0.id, request: request, mark: mark) })
        let run = try await call.service.outcome(of: begun.run, limit: .seconds(120))
        let id = try run.state.text("port")
        let after = try await call.service.database.read { try $0.server(server.id) }
        guard let port = try await ports(after, call).first(where: { $0["id"]?.string == id }) else {
            throw Failure(.notFound, "Port id \(id) could not be found.")
        }
        return one(port, of: after, call)
    }

    /// What the user brings has to be theirs, and free.
    private static func check(_ port: String, _ server: Server, _ call: Call<Compute>) async throws(Failure) {
        let found: JSON
        do throws(Failure) {
            found =
                try await call.service.neighbours.network.ask(
                    "GET", "/v2.0/ports/\(port)", token: call.caller.token
                ).json["port"] ?? .null
        } catch  where error.kind == .notFound {
            throw Failure(.notFound, "Port id \(port) could not be found.")
        }
        let owner = found["device_id"]?.string ?? ""
        guard owner.isEmpty else { throw .invalid("Port \(port) is still in use.") }
        guard found["fixed_ips"]?.array?.isEmpty == false || found["ip_allocation"]?.string == "none" else {
            throw .invalid("Port \(port) requires a FixedIP in order to be used.")
        }
    }

    private static func detach(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await server(call)
        try server.allowWhenLocked(call)
        let id = call["port_id"]
        try server.allow("detach_interface", from: states)
        guard server.interfaces.contains(where: { $0.port == id }) else {
            throw Failure(.notFound, "Port \(id) is not attached to the instance \(server.id).")
        }
        try await call.begin("detach_interface", on: server.id, from: states, as: nil, DetachInterface.self) {
            DetachInterface.State(server: $0.id, port: id)
        }
        return Reply(202)
    }
}

/// Addresses on a network that the server is on already.
enum FixedAddresses {
    static let actions: [ServerAction] = [
        ServerAction(
            name: "addFixedIp", rule: .addFixedAddress,
            shape: .object(Fields([.required("networkId", .either([.text(1...255), .integer(0...Int64.max)]))])),
            states: [.active, .paused, .stopped, .suspended], until: "2.43",
            handle: { call, id, body throws(Failure) in try await add(call, id, body["networkId"]?.string ?? "") }),
        ServerAction(
            name: "removeFixedIp", rule: .removeFixedAddress,
            shape: .object(Fields([.required("address", .text(2...45, format: .ipAddress))])),
            states: [.active, .paused, .stopped, .suspended], until: "2.43",
            handle: { call, id, body throws(Failure) in try await remove(call, id, body["address"]?.string ?? "") }),
    ]

    private static func add(_ call: Call<Compute>, _ id: ID<Server>, _ network: String) async throws(Failure) -> Reply {
        let desk = PortDesk(network: call.service.neighbours.network)
        let token = try await call.service.tokens.serviceToken()
        let ports = try await desk.ports(of: id.text, token: token)
        guard let port = ports.first(where: { $0["network_id"]?.string == network }) else {
            throw .invalid("The server \(id) has no port on network \(network).")
        }
        let fixed = port["fixed_ips"]?.array ?? []
        guard let subnet = fixed.first?["subnet_id"] else {
            throw .invalid("The port \(try port.text("id")) has no subnet.")
        }
        try await set(fixed + [["subnet_id": subnet]], port, id, call)
        return Reply(202)
    }

    private static func remove(_ call: Call<Compute>, _ id: ID<Server>, _ address: String) async throws(Failure)
        -> Reply
    {
        let desk = PortDesk(network: call.service.neighbours.network)
        let token = try await call.service.tokens.serviceToken()
        for port in try await desk.ports(of: id.text, token: token) {
            let fixed = port["fixed_ips"]?.array ?? []
            guard fixed.contains(where: { $0["ip_address"]?.string == address }) else { continue }
            try await set(fixed.filter { $0["ip_address"]?.string != address }, port, id, call)
            return Reply(202)
        }
        throw .invalid("Fixed IP \(address) is not associated with instance \(id).")
    }

    private static func set(
        _ addresses: [JSON], _ port: JSON, _ id: ID<Server>, _ call: Call<Compute>
    ) async throws(Failure) {
        let token = try await call.service.tokens.serviceToken()
        _ = try await call.service.neighbours.network.ask(
            "PUT", "/v2.0/ports/\(try port.text("id"))", ["port": ["fixed_ips": .array(addresses)]], token: token)
        try await call.service.refreshInterfaces(of: id)
    }
}

extension Rule {
    static let listInterfaces = Rule(
        "os_compute_api:os-attach-interfaces:list", "List a server's interfaces", May.reader)
    static let showInterface = Rule(
        "os_compute_api:os-attach-interfaces:show", "Show a server's interface", May.reader)
    static let attachInterface = Rule(
        "os_compute_api:os-attach-interfaces:create", "Attach an interface to a server", May.member)
    static let detachInterface = Rule(
        "os_compute_api:os-attach-interfaces:delete", "Detach an interface from a server", May.member)
    static let addFixedAddress = Rule(
        "os_compute_api:os-multinic:add", "Give a server one more address on a network", May.member)
    static let removeFixedAddress = Rule(
        "os_compute_api:os-multinic:remove", "Take an address from a server", May.member)
}
