import API
import Base
import Contracts
import HTTP
import SQL

/// A server's ports as the network service has them, and what compute asks of it about them.
struct PortDesk: Sendable {
    let network: Neighbour

    /// The mark of a port that was made for a server, and goes with it.
    static let mark = "made_for"
    /// The mark of a port whose server is on its way to another host while it runs.
    static let way = "migrating_to"

    func ports(of server: String, token: String) async throws(Failure) -> [JSON] {
        try await network.ask("GET", "/v2.0/ports?device_id=\(server)", token: token).json["ports"]?.array ?? []
    }

    static func isOurs(_ port: JSON, of server: String) -> Bool {
        port["binding:profile"]?[mark]?.string == server
    }

    /// A port goes if it was made for the server; one that was brought is free again.
    func release(_ port: JSON, of server: String, token: String) async throws(Failure) {
        let id = try port.text("id")
        do throws(Failure) {
            if PortDesk.isOurs(port, of: server) {
                _ = try await network.ask("DELETE", "/v2.0/ports/\(id)", token: token)
            } else {
                let free: JSON = ["device_id": "", "device_owner": "", "binding:host_id": ""]
                _ = try await network.ask("PUT", "/v2.0/ports/\(id)", ["port": free], token: token)
            }
        } catch  where error.kind == .notFound {
            return
        }
    }

    /// The server's interfaces with what the network service says of their addresses today, floating ones among them.
    func refreshed(_ server: Server, token: String) async throws(Failure) -> [Interface] {
        let ports = try await ports(of: server.id.text, token: token)
        let floating =
            try await network.ask("GET", "/v2.0/floatingips?project_id=\(server.project)", token: token)
            .json["floatingips"]?.array ?? []
        var interfaces: [Interface] = []
        for known in server.interfaces {
            guard let port = ports.first(where: { $0["id"]?.string == known.port }) else { continue }
            var interface = known
            let fixed = port["fixed_ips"]?.array?.compactMap { $0["ip_address"]?.string } ?? []
            let outer = floating.filter { $0["port_id"]?.string == known.port }
                .compactMap { $0["floating_ip_address"]?.string }
            interface.addresses =
                fixed.map { Interface.Address(address: $0, isFloating: false) }
                + outer.map { Interface.Address(address: $0, isFloating: true) }
            interfaces.append(interface)
        }
        return interfaces
    }
}

extension Compute {
    func refreshInterfaces(of id: ID<Server>) async throws(Failure) {
        let server = try await database.read { try $0.server(id) }
        let token = try await tokens.serviceToken()
        let interfaces = try await PortDesk(network: neighbours.network).refreshed(server, token: token)
        let now = world.now
        try await database.write { tx in
            guard try tx.server(id).interfaces != interfaces else { return }
            try tx.change(id, at: now) { $0.interfaces = interfaces }
        }
    }
}

extension ServerTools {
    var ports: PortDesk { PortDesk(network: neighbours.network) }

    /// For a server that is on no host, so that nobody else lets go of its ports.
    func releasePorts(of id: ID<Server>) async throws(Failure) {
        let token = try await tokens.serviceToken()
        for port in try await ports.ports(of: id.text, token: token) {
            try await ports.release(port, of: id.text, token: token)
        }
    }

    /// The server's ports are bound to the host that it is on from now on.
    func movePorts(of id: ID<Server>, to host: String) async throws(Failure) {
        let token = try await tokens.serviceToken()
        for port in try await ports.ports(of: id.text, token: token) {
            var change = JSON.Object()
            if port["binding:host_id"]?.string != host { change["binding:host_id"] = .string(host) }
            if var profile = port["binding:profile"]?.object, profile[PortDesk.way] != nil {
                profile[PortDesk.way] = nil
                change["binding:profile"] = .object(profile)
            }
            try await set(change, of: port, token)
        }
    }

    /// Says to which host the server is on its way while it runs, or that it stays where it is.
    func announcePorts(of id: ID<Server>, to host: String?) async throws(Failure) {
        let token = try await tokens.serviceToken()
        for port in try await ports.ports(of: id.text, token: token) {
            var profile = port["binding:profile"]?.object ?? JSON.Object()
            guard profile[PortDesk.way]?.string != host else { continue }
            profile[PortDesk.way] = host.map { .string($0) }
            try await set(JSON.Object([.init(name: "binding:profile", value: .object(profile))]), of: port, token)
        }
    }

    private func set(_ change: JSON.Object, of port: JSON, _ token: String) async throws(Failure) {
        guard !change.members.isEmpty else { return }
        let path = "/v2.0/ports/\(try port.text("id"))"
        _ = try await neighbours.network.ask("PUT", path, ["port": .object(change)], token: token)
    }
}
