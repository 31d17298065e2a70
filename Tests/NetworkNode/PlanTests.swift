import Base
import Contracts
import Testing

@testable import NetworkNode

@Suite struct PlanTests {
    @Test func anEmptyHostGetsBridgesAndPlugs() {
        let plan = Plan.host(Example.layout(), [:], mark: "us")
        #expect(plan.removals.isEmpty)
        #expect(plan.additions.contains("tuntap add dev tapaaaaaaaa-11 mode tap"))
        #expect(plan.additions.contains("link set dev tapaaaaaaaa-11 master brq11111111-aa"))
        #expect(plan.additions.contains("link set dev brq11111111-aa mtu 1450"))
    }

    @Test func theHostIsTheGatewayOfWhatLeadsOutThroughIt() {
        let plan = Plan.host(Example.layout(), [:], mark: "us")
        #expect(plan.additions.contains("address add 203.0.113.1/24 dev brq22222222-aa"))
        #expect(!plan.additions.contains { $0.contains("10.7.0.1/24") })
    }

    @Test func whatIsRightAlreadyIsLeftAlone() {
        let layout = Example.layout()
        let links = Example.made(layout)
        #expect(Plan.host(layout, links, mark: "us") == Plan.Host())
        for space in layout.spaces { #expect(Plan.pairs(space, links, mark: "us").isEmpty) }
    }

    @Test func onlyOurOwnDevicesAreTakenAway() {
        var links = Example.made(Example.layout())
        links["tapffffffff-ff"] = Link(
            name: "tapffffffff-ff", kind: "tun", master: nil, mtu: 1_500, isUp: true, mac: "", alias: "them",
            addresses: [])
        links["eth0"] = Link(
            name: "eth0", kind: nil, master: nil, mtu: 1_500, isUp: true, mac: "", alias: nil, addresses: [])
        let empty = HostNetwork(networks: [], ports: [], groups: [], routers: [])
        let plan = Plan.host(Example.layout(empty), links, mark: "us")
        #expect(plan.additions.isEmpty)
        #expect(plan.removals.count == 6)
        #expect(!plan.removals.contains { $0.contains("tapffffffff") || $0.contains("eth0") })
    }

    @Test func aRouterHasItsAddressesAndRoutes() throws {
        let space = try #require(Example.layout().spaces.first { $0.isRouter })
        let lines = Plan.inside(space, [:], [], mark: "us")
        #expect(lines.contains("address add 10.7.0.1/24 dev qr-cccccccc-11"))
        #expect(lines.contains("address add 203.0.113.2/24 dev qg-dddddddd-11"))
        #expect(lines.contains("address add 203.0.113.3/32 dev qg-dddddddd-11"))
        #expect(lines.contains("route replace 0.0.0.0/0 via 203.0.113.1 proto static"))
        #expect(lines.contains("route replace 192.168.5.0/24 via 10.7.0.9 proto static"))
    }

    @Test func aRouteThatIsGoneIsTakenAwayBeforeOthersCome() throws {
        let space = try #require(Example.layout().spaces.first { $0.isRouter })
        let old: Set<Route> = [
            Route(destination: "0.0.0.0/0", hop: "203.0.113.1"), Route(destination: "10.99.0.0/16", hop: "10.7.0.8"),
        ]
        let lines = Plan.inside(space, [:], old, mark: "us").filter { $0.hasPrefix("route") }
        #expect(
            lines == [
                "route delete 10.99.0.0/16 via 10.7.0.8 proto static",
                "route replace 192.168.5.0/24 via 10.7.0.9 proto static",
            ])
    }

    @Test func whatIpSaysIsUnderstood() throws {
        let text = """
            [{"ifname":"lo","flags":["LOOPBACK","UP"],"mtu":65536,"address":"00:00:00:00:00:00","ifalias":"us",
              "addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host"}]},
             {"ifname":"brq1","flags":["BROADCAST"],"mtu":1450,"address":"0a:00:00:00:00:01",
              "linkinfo":{"info_kind":"bridge"},
              "addr_info":[{"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"link"},
                           {"family":"inet6","local":"fd00::1","prefixlen":64,"scope":"global"}]}]
            """
        let links = Link.read(try JSONReader.read(Array(text.utf8)))
        #expect(links["lo"]?.alias == "us")
        #expect(links["lo"]?.isUp == true)
        #expect(links["brq1"]?.kind == "bridge")
        #expect(links["brq1"]?.addresses == ["fd00::1/64"])
        #expect(links["brq1"]?.isUp == false)
    }

    @Test func aPlugThatItsOwnerSwitchedOffIsDown() {
        var cloud = Example.cloud
        let guest = Example.guest
        cloud.ports[0] = WirePort(
            id: guest.id, network: guest.network, mac: guest.mac, fixed: guest.fixed, device: guest.device,
            owner: guest.owner, host: guest.host, isUp: false, isFiltered: true, groups: guest.groups, pairs: [],
            options: [], isActive: true)
        let links = Example.made(Example.layout())
        #expect(Plan.host(Example.layout(cloud), links, mark: "us").additions == ["link set dev tapaaaaaaaa-11 down"])
    }
}
