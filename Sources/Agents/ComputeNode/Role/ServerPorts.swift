import API
import Base
import Contracts
import IO

/// A server's ports, as the network service has them: those that its user brought, and those that are made for it.
struct ServerPorts: Sendable {
    let host: String
    let service: Neighbour

    /// An interface of a server, as the conductor keeps it and the hypervisor needs it.
    struct Interface: JSONCoded {
        let port: String
        let network: String
        let networkName: String
        let mac: String
        let addresses: [String]
        let tag: String?
        /// Made for the server, so it goes with it.
        let isOurs: Bool
        /// The device on this host that the guest is plugged into; nil where the network has none here.
        let tap: String?
        let mtu: Int?

        init(
            port: String, network: String, networkName: String, mac: String, addresses: [String], tag: String?,
            isOurs: Bool, tap: String?, mtu: Int?
        ) {
            self.port = port
            self.network = network
            self.networkName = networkName
            self.mac = mac
            self.addresses = addresses
            self.tag = tag
            self.isOurs = isOurs
            self.tap = tap
            self.mtu = mtu
        }

        init(_ json: JSON) throws(Failure) {
            self.init(
                port: try json.text("port"), network: try json.text("network"),
                networkName: try json.text("network_name"), mac: try json.text("mac"),
                addresses: try json.list("addresses") { address throws(Failure) in try address.text("address") },
                tag: json["tag"]?.string, isOurs: try json.flag("ours"), tap: json["tap"]?.string,
                mtu: json["mtu"]?.integer.map { Int($0) })
        }

        var json: JSON {
            [
                "port": .string(port), "network": .string(network), "network_name": .string(networkName),
                "mac": .string(mac), "tag": JSON(tag), "ours": .bool(isOurs), "tap": JSON(tap), "mtu": JSON(mtu),
                "addresses": .array(addresses.map { ["address": .string($0), "floating": false] }),
            ]
        }
    }

    /// The mark of a port that was made for a server: a second try finds it and doesn't make another.
    private static let mark = "made_for"

    func ensure(_ server: ServerDescription, token: String, serviceToken: String) async throws(Failure) -> [Interface] {
        let groups = try await securityGroups(server, token)
        var known = try await ports(of: server.server, serviceToken)
        var interfaces: [Interface] = []
        for request in server.networks {
            if let port = request.port {
                interfaces.append(try await bind(port, request, server, token, serviceToken))
                continue
            }
            guard let network = try await network(request, server, token) else { continue }
            let place = known.firstIndex { $0["network_id"]?.string == network.id && isOurs($0, server.server) }
            let port: JSON
            if let place {
                port = known.remove(at: place)
            } else {
                port = try await make(on: network.id, request, server, groups, serviceToken)
            }
            interfaces.append(try interface(port, network, request, isOurs: true))
        }
        try await connected(interfaces, of: server.server, serviceToken)
        return interfaces
    }

    /// Lets go of a server's ports: those made for it are deleted, those that were brought are free again.
    func release(_ server: String, serviceToken token: String) async throws(Failure) {
        for port in try await ports(of: server, token) {
            let id = try port.text("id")
            do throws(Failure) {
                if isOurs(port, server) {
                    _ = try await service.ask("DELETE", "/v2.0/ports/\(id)", token: token)
                } else {
                    _ = try await service.ask(
                        "PUT", "/v2.0/ports/\(id)",
                        ["port": ["device_id": "", "device_owner": "", "binding:host_id": ""]], token: token)
                }
            } catch  where error.kind == .notFound {
                continue
            }
        }
    }

    // MARK: Ports

    private func ports(of server: String, _ token: String) async throws(Failure) -> [JSON] {
        try await service.ask("GET", "/v2.0/ports?device_id=\(server)", token: token).json["ports"]?.array ?? []
    }

    private func isOurs(_ port: JSON, _ server: String) -> Bool {
        port["binding:profile"]?[ServerPorts.mark]?.string == server
    }

    /// A port that the user brought gets the server as its device, and this host.
    private func bind(
        _ id: String, _ request: NetworkRequest, _ server: ServerDescription, _ token: String, _ serviceToken: String
    ) async throws(Failure) -> Interface {
        let port = try await service.ask("GET", "/v2.0/ports/\(id)", token: token).json.member("port")
        let owner = port["device_id"]?.string ?? ""
        guard owner.isEmpty || owner == server.server else { throw .invalid("Port \(id) is still in use.") }
        let networkID = try port.text("network_id")
        let found = try await service.ask("GET", "/v2.0/networks/\(networkID)", token: token).json.member("network")
        let bound = try await service.ask(
            "PUT", "/v2.0/ports/\(id)",
            [
                "port": [
                    "device_id": .string(server.server), "device_owner": .string("compute:\(server.zone)"),
                    "binding:host_id": .string(host),
                ]
            ], token: serviceToken
        ).json.member("port")
        return try interface(bound, Network(found), request, isOurs: false)
    }

    private func make(
        on network: String, _ request: NetworkRequest, _ server: ServerDescription, _ groups: [String], _ token: String
    ) async throws(Failure) -> JSON {
        var body = JSON.Object([
            .init(name: "network_id", value: .string(network)),
            .init(name: "project_id", value: .string(server.project)),
            .init(name: "device_id", value: .string(server.server)),
            .init(name: "device_owner", value: .string("compute:\(server.zone)")),
            .init(name: "binding:host_id", value: .string(host)),
            .init(name: "binding:profile", value: [ServerPorts.mark: .string(server.server)]),
        ])
        if !groups.isEmpty { body["security_groups"] = JSON(groups) }
        if let address = request.fixedIP { body["fixed_ips"] = [["ip_address": .string(address)]] }
        return try await service.ask("POST", "/v2.0/ports", ["port": .object(body)], token: token).json.member("port")
    }

    private func interface(
        _ port: JSON, _ network: Network, _ request: NetworkRequest, isOurs: Bool
    ) throws(Failure) -> Interface {
        let id = try port.text("id")
        // The network's agent on this host makes the device. Where it is none of the host's own, as the binding says, the
        // guest has an address and no wire.
        let device = "tap" + id.prefix(11)
        let binding = port["binding:vif_type"]?.string ?? ""
        guard binding != "binding_failed" else {
            throw .unavailable("Port \(id) cannot be connected on \(host).")
        }
        let hasDevice = binding == "bridge"
        return Interface(
            port: id, network: network.id, networkName: network.name, mac: try port.text("mac_address"),
            addresses: port["fixed_ips"]?.array?.compactMap { $0["ip_address"]?.string } ?? [], tag: request.tag,
            isOurs: isOurs, tap: hasDevice ? device : nil, mtu: network.mtu)
    }

    /// How long the host's networks may take to be ready for a guest.
    static let patience: Duration = .seconds(60)

    /// Waits until the wires are there: a guest that starts sooner asks for its address in vain.
    func connected(_ interfaces: [Interface], of server: String, _ token: String) async throws(Failure) {
        let wanted = Set(interfaces.filter { $0.tap != nil }.map(\.port))
        guard !wanted.isEmpty else { return }
        let end = Deadline.after(ServerPorts.patience)
        while true {
            let waiting = try await ports(of: server, token).filter { port in
                // What is switched off by its owner never becomes active.
                port["status"] != "ACTIVE" && port["admin_state_up"] != false
                    && wanted.contains(port["id"]?.string ?? "")
            }
            if waiting.isEmpty { return }
            guard end > .now else {
                let names = waiting.compactMap { $0["id"]?.string }.joined(separator: ", ")
                throw Failure(.timedOut, "The networks of \(host) have not connected the ports \(names) in time.")
            }
            do { try await SystemClock().sleep(for: .milliseconds(50)) } catch { throw Failure(error) }
        }
    }

    // MARK: Networks and groups

    private struct Network {
        let id: String
        let name: String
        let mtu: Int?

        init(_ json: JSON) throws(Failure) {
            id = try json.text("id")
            name = try json.text("name")
            mtu = json["mtu"]?.integer.map { Int($0) }
        }
    }

    /// The network that was asked for; without one, the only one that the project has. None at all is fine.
    private func network(
        _ request: NetworkRequest, _ server: ServerDescription, _ token: String
    ) async throws(Failure) -> Network? {
        if let id = request.network {
            return try Network(
                try await service.ask("GET", "/v2.0/networks/\(id)", token: token).json.member("network"))
        }
        let own = try await service.ask("GET", "/v2.0/networks?project_id=\(server.project)", token: token).json
        let networks = own["networks"]?.array ?? []
        guard networks.count <= 1 else {
            throw .invalid("Multiple possible networks found, use a Network ID to be more specific.")
        }
        guard let only = networks.first else { return nil }
        return try Network(only)
    }

    private func securityGroups(_ server: ServerDescription, _ token: String) async throws(Failure) -> [String] {
        let wanted = server.securityGroups.filter { $0 != "default" }
        guard !wanted.isEmpty else { return [] }
        let found =
            try await service.ask("GET", "/v2.0/security-groups", token: token).json["security_groups"]?.array ?? []
        var ids: [String] = []
        for name in server.securityGroups {
            guard let group = found.first(where: { $0["name"]?.string == name || $0["id"]?.string == name }) else {
                throw .invalid("Security group \(name) not found for project \(server.project).")
            }
            ids.append(try group.text("id"))
        }
        return ids
    }
}
