import Base
import Contracts

@testable import NetworkNode

/// A small cloud as an agent is told of it: a network with a guest, its address server, a router and the way out.
enum Example {
    static let home = "11111111-aaaa-4000-8000-000000000001"
    static let outside = "22222222-aaaa-4000-8000-000000000002"
    static let router = "33333333-aaaa-4000-8000-000000000003"
    static let group = "44444444-aaaa-4000-8000-000000000004"

    static func port(
        _ id: String, on network: String, _ address: String, owner: String, device: String = "", mac: String
    ) -> WirePort {
        WirePort(
            id: id, network: network, mac: mac,
            fixed: [WirePort.Fixed(subnet: network == home ? "inner" : "outer", address: address)], device: device,
            owner: owner, host: "here", isUp: true, isFiltered: owner.hasPrefix("compute"),
            groups: owner.hasPrefix("compute") ? [group] : [], pairs: [], options: [], isActive: false)
    }

    static let guest = port(
        "aaaaaaaa-1111-4000-8000-000000000000", on: home, "10.7.0.3", owner: "compute:nova", device: "vm",
        mac: "fa:16:3e:00:00:03")

    static func subnet(_ id: String, _ cidr: String, _ gateway: String, dhcp: Bool) -> WireSubnet {
        WireSubnet(
            id: id, cidr: cidr, gateway: gateway, hasDHCP: dhcp, nameservers: [], routes: [], announcements: nil,
            addressMode: nil)
    }

    static let networks = [
        WireNetwork(
            id: home, type: "vxlan", physical: nil, number: 1, mtu: 1_450, isExternal: false,
            subnets: [subnet("inner", "10.7.0.0/24", "10.7.0.1", dhcp: true)]),
        WireNetwork(
            id: outside, type: "flat", physical: "public", number: nil, mtu: 1_500, isExternal: true,
            subnets: [subnet("outer", "203.0.113.0/24", "203.0.113.1", dhcp: false)]),
    ]

    static let ingress = WireGroup.Rule(
        isIngress: true, family: 4, transport: "tcp", low: 22, high: 23, prefix: "198.51.100.7/24", group: nil)
    static let egress = WireGroup.Rule(
        isIngress: false, family: 4, transport: nil, low: nil, high: nil, prefix: nil, group: nil)
    static let friends = WireGroup.Rule(
        isIngress: true, family: 4, transport: "icmp", low: 8, high: 0, prefix: nil, group: group)

    static let cloud = HostNetwork(
        networks: networks,
        ports: [
            guest,
            port(
                "bbbbbbbb-1111-4000-8000-000000000000", on: home, "10.7.0.2", owner: "network:dhcp",
                mac: "fa:16:3e:00:00:02"),
            port(
                "cccccccc-1111-4000-8000-000000000000", on: home, "10.7.0.1", owner: "network:router_interface",
                device: router, mac: "fa:16:3e:00:00:01"),
            port(
                "dddddddd-1111-4000-8000-000000000000", on: outside, "203.0.113.2", owner: "network:router_gateway",
                device: router, mac: "fa:16:3e:00:00:04"),
        ],
        groups: [WireGroup(id: group, isStateful: true, rules: [ingress, egress, friends], members: ["10.7.0.3"])],
        routers: [
            WireRouter(
                id: router, isUp: true, hidesInside: true,
                routes: [WireRoute(destination: "192.168.5.0/24", hop: "10.7.0.9")],
                floating: [WireRouter.Floating(outside: "203.0.113.3", inside: "10.7.0.3")])
        ])

    static func layout(_ cloud: HostNetwork = cloud) -> Layout {
        Layout(cloud, host: "here", uplinks: ["public": .host])
    }

    /// The host's devices as they are once the plan was carried out.
    static func made(_ layout: Layout) -> [String: Link] {
        var links: [String: Link] = [:]
        for bridge in layout.bridges {
            links[bridge.name] = Link(
                name: bridge.name, kind: "bridge", master: nil, mtu: bridge.mtu, isUp: true, mac: bridge.mac,
                alias: "us", addresses: bridge.addresses)
        }
        for tap in layout.taps {
            links[tap.name] = Link(
                name: tap.name, kind: "tun", master: tap.bridge, mtu: tap.mtu, isUp: tap.isUp, mac: "", alias: "us",
                addresses: [])
        }
        for pair in layout.spaces.flatMap(\.pairs) {
            links[pair.outer] = Link(
                name: pair.outer, kind: "veth", master: pair.bridge, mtu: pair.mtu, isUp: true, mac: "", alias: "us",
                addresses: [])
        }
        return links
    }
}
