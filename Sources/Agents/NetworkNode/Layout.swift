import Base
import Contracts

/// How a physical network is reached from this host.
package enum Uplink: Hashable, Sendable {
    /// The host itself is its gateway: what it has there, it reaches.
    case host
    /// A device that is put into the bridge, or that its VLANs lie on.
    case device(String)
}

/// What devices a host is to have: worked out from what the cloud wants, without looking at what is there.
struct Layout: Equatable {
    struct Bridge: Equatable {
        let name: String
        let mtu: Int
        let mac: String
        /// The host's own addresses on it.
        let addresses: Set<String>
        let uplink: String?
        let vlan: Int?
    }

    /// A network's way to the other hosts that it has ports on.
    struct Tunnel: Equatable {
        let name: String
        let bridge: String
        let number: Int
        let mtu: Int
        let local: String
        let peers: [WirePeer]
    }

    /// A guest's plug.
    struct Tap: Equatable {
        let name: String
        let bridge: String
        let mtu: Int
        let isUp: Bool
    }

    /// A pair of devices: one in a bridge, the other in a namespace.
    struct Pair: Equatable {
        let outer: String
        let inner: String
        let bridge: String
        let mac: String
        let mtu: Int
        let addresses: Set<String>
    }

    /// A namespace.
    struct Space: Equatable {
        let name: String
        var pairs: [Pair]
        var routes: Set<Route>
        var isRouter: Bool
        /// What it answers for on its way out.
        var proxied: Set<String> = []
        /// The ports that are connected when it is as it should be.
        var ports: [String]
    }

    var bridges: [Bridge] = []
    var tunnels: [Tunnel] = []
    var taps: [Tap] = []
    var spaces: [Space] = []

    /// - Parameter end: the host's own end of tunnels; without one there are none.
    init(_ desired: HostNetwork, host: String, uplinks: [String: Uplink], end: String? = nil) {
        let networks = Dictionary(uniqueKeysWithValues: desired.networks.map { ($0.id, $0) })
        let own = desired.ports.filter { $0.host == host }
        let held = Set(desired.ports.flatMap { $0.fixed.map(\.address) })
        bridges = desired.networks.map { Layout.bridge($0, uplinks, held) }
        tunnels = desired.networks.compactMap { network in
            guard let end, network.type == "vxlan", let number = network.number, !network.peers.isEmpty else {
                return nil
            }
            return Tunnel(
                name: Names.tunnel(number), bridge: Names.bridge(network.id), number: number, mtu: network.mtu,
                local: end, peers: network.peers)
        }
        for port in own where port.kind == .guest {
            guard let network = networks[port.network] else { continue }
            taps.append(
                Tap(
                    name: Names.tap(port.id), bridge: Names.bridge(network.id), mtu: network.mtu, isUp: port.isUp))
        }
        for port in own where port.kind == .dhcp {
            guard let network = networks[port.network], port.isUp else { continue }
            spaces.append(Layout.dhcp(port, network))
        }
        for router in desired.routers where router.isUp {
            let ports = own.filter { $0.device == router.id && ($0.kind == .interface || $0.kind == .gateway) }
            guard !ports.isEmpty else { continue }
            spaces.append(Layout.router(router, ports.filter(\.isUp), networks))
        }
    }

    private static func bridge(_ network: WireNetwork, _ uplinks: [String: Uplink], _ held: Set<String>) -> Bridge {
        let name = Names.bridge(network.id)
        // Chosen once, so that neighbours who have learnt it needn't learn again when a port comes or goes.
        let hash = fingerprint(network.id)
        let mac = MACAddress(0x0A00_0000_0000 | hash & 0xFF_FFFF_FFFF).description
        let uplink = network.physical.flatMap { uplinks[$0] }
        guard case .device(let device)? = uplink else {
            let isOurs = uplink == .host && network.isExternal
            return Bridge(
                name: name, mtu: network.mtu, mac: mac, addresses: isOurs ? gateways(of: network, held) : [],
                uplink: nil, vlan: nil)
        }
        return Bridge(
            name: name, mtu: network.mtu, mac: mac, addresses: [], uplink: device,
            vlan: network.type == "vlan" ? network.number : nil)
    }

    /// Where no port has a subnet's gateway, the host is it.
    private static func gateways(of network: WireNetwork, _ held: Set<String>) -> Set<String> {
        Set(
            network.subnets.compactMap { subnet in
                guard let gateway = subnet.gateway, !held.contains(gateway), let cidr = IPNetwork(subnet.cidr) else {
                    return nil
                }
                return "\(gateway)/\(cidr.prefix)"
            })
    }

    private static func pair(_ port: WirePort, _ network: WireNetwork, more: [String] = []) -> Pair {
        let prefixes = Dictionary(
            network.subnets.compactMap { subnet in IPNetwork(subnet.cidr).map { (subnet.id, $0.prefix) } },
            uniquingKeysWith: { first, _ in first })
        let addresses = port.fixed.compactMap { fixed in prefixes[fixed.subnet].map { "\(fixed.address)/\($0)" } }
        return Pair(
            outer: Names.tap(port.id), inner: Names.inner(port), bridge: Names.bridge(network.id), mac: port.mac,
            mtu: network.mtu, addresses: Set(addresses + more))
    }

    private static func dhcp(_ port: WirePort, _ network: WireNetwork) -> Space {
        Space(
            name: Names.dhcp(network.id), pairs: [pair(port, network, more: ["169.254.169.254/32"])], routes: [],
            isRouter: false, ports: [port.id])
    }

    private static func router(_ router: WireRouter, _ ports: [WirePort], _ networks: [String: WireNetwork]) -> Space {
        var space = Space(
            name: Names.router(router.id), pairs: [], routes: [], isRouter: true, ports: ports.map(\.id))
        for port in ports {
            guard let network = networks[port.network] else { continue }
            guard port.kind == .gateway else {
                space.pairs.append(pair(port, network))
                continue
            }
            space.proxied = Set(router.proxied)
            let outside = (router.floating.map(\.outside) + router.forwardings.map(\.outside)).map { $0 + "/32" }
            space.pairs.append(pair(port, network, more: outside))
            let here = Set(port.fixed.map(\.subnet))
            for subnet in network.subnets where here.contains(subnet.id) {
                guard let gateway = subnet.gateway else { continue }
                space.routes.insert(
                    Route(destination: gateway.contains(":") ? "::/0" : "0.0.0.0/0", hop: gateway))
            }
        }
        for route in router.routes {
            guard let network = IPNetwork(route.destination) else { continue }
            space.routes.insert(Route(destination: network.network.description, hop: route.hop))
        }
        return space
    }
}
