import Base
import Contracts
import Programs
import Testing

@testable import NetworkNode

/// Two hosts with a wire between them, real tunnels and real packets.
@Suite(.serialized, .enabled(if: Wired.isPossible, "needs root, ip, nft, dnsmasq and busybox"))
struct TunnelLongTests {
    @Test func guestsOfTwoHostsReachOneAnother() async throws {
        try await Towns.with { towns in
            try await towns.converge()
            #expect(await towns.east.finds(towns.a, "10.9.8.2"))
            #expect(await towns.west.finds(towns.b, "10.9.8.1"))
        }
    }

    /// Whose hardware an address belongs to is known beforehand, so the question goes no further than its host.
    @Test func aKnownAddressIsNotAskedForAcrossTheWire() async throws {
        try await Towns.with { towns in
            try await towns.converge()
            // Nothing gets across any more, and the answer is there all the same.
            await House.run("ip", "-n", towns.east.space, "link", "set", "dev", "wire", "down")
            let ask = { (address: String) in
                await towns.east.inside(
                    towns.a, "busybox", "arping", "-f", "-w", "2", "-I", "eth0", address)?.status
            }
            #expect(await ask("10.9.8.2") == 0)
            #expect(await ask("10.9.8.99") != 0)
        }
    }

    @Test func aGuestIsFoundWhereItHasMovedTo() async throws {
        try await Towns.with { towns in
            try await towns.converge()
            #expect(await towns.east.finds(towns.a, "10.9.8.2"))
            await towns.west.unplug(towns.b)
            let moved = towns.guest(2, at: "east", id: towns.b.id)
            towns.ports = [towns.a, moved]
            await towns.east.plug(moved)
            try await towns.converge()
            await towns.east.settle(moved)
            #expect(await towns.east.finds(towns.a, "10.9.8.2"))
            #expect(await !towns.east.devices().contains("vxlan-77"))
            #expect(await !towns.west.devices().contains("vxlan-77"))

            await towns.east.unplug(moved)
            towns.ports = [towns.a, towns.b]
            await towns.west.plug(towns.b)
            try await towns.converge()
            await towns.west.settle(towns.b)
            #expect(await towns.east.finds(towns.a, "10.9.8.2"))
        }
    }

    @Test func aTunnelGoesWithTheLastPortBehindIt() async throws {
        try await Towns.with { towns in
            try await towns.converge()
            #expect(await towns.east.devices().contains("vxlan-77"))
            towns.ports = [towns.a]
            try await towns.converge()
            #expect(await !towns.east.devices().contains("vxlan-77"))
            #expect(await !towns.west.devices().contains("brq"))
        }
    }

    @Test func whatSomebodyHasTakenOutIsPutBack() async throws {
        try await Towns.with { towns in
            try await towns.converge()
            await House.run("ip", "-n", towns.east.space, "link", "delete", "dev", "vxlan-77")
            try await towns.converge()
            #expect(await towns.east.finds(towns.a, "10.9.8.2"))
        }
    }
}

@Suite struct NeighbourhoodTests {
    private let peers = [
        WirePeer(
            tunnel: "192.0.2.2", ports: [WirePeer.Port(mac: "fa:16:3e:00:00:02", addresses: ["10.0.0.2", "fd00::2"])]),
        WirePeer(tunnel: "192.0.2.3", ports: [WirePeer.Port(mac: "fa:16:3e:00:00:03", addresses: ["10.0.0.3"])]),
    ]

    @Test func everybodysAddressIsWrittenDown() {
        let lines = Neighbourhood(peers).ways(from: Neighbourhood(), on: "vxlan-1")
        #expect(lines.contains("fdb append 00:00:00:00:00:00 dev vxlan-1 dst 192.0.2.3 self permanent"))
        #expect(lines.contains("fdb replace fa:16:3e:00:00:02 dev vxlan-1 dst 192.0.2.2 self permanent"))
        #expect(lines.contains("fdb replace fa:16:3e:00:00:02 dev vxlan-1 master static"))
        let addresses = Neighbourhood(peers).addresses(from: Neighbourhood(), on: "brq1")
        #expect(addresses.contains("neighbour replace fd00::2 lladdr fa:16:3e:00:00:02 dev brq1 nud permanent"))
    }

    @Test func whatIsRightAlreadyIsLeftAlone() throws {
        let ways: JSON = [
            ["mac": "fa:16:3e:00:00:03", "master": "brq1", "state": "static", "flags": []],
            ["mac": "62:c9:67:bc:7d:04", "master": "brq1", "state": "permanent", "flags": []],
            ["mac": "fa:16:3e:00:00:03", "dst": "192.0.2.3", "state": "permanent", "flags": ["self"]],
            ["mac": "00:00:00:00:00:00", "dst": "192.0.2.3", "state": "permanent", "flags": ["self"]],
        ]
        let neighbours: JSON = [["dst": "10.0.0.3", "lladdr": "fa:16:3e:00:00:03", "state": ["PERMANENT"]]]
        let present = Neighbourhood(ways: ways, neighbours: neighbours)
        #expect(present == Neighbourhood([peers[1]]))
        #expect(Neighbourhood([peers[1]]).ways(from: present, on: "vxlan-1").isEmpty)
        let gone = Neighbourhood().ways(from: present, on: "vxlan-1")
        #expect(gone.contains("fdb delete fa:16:3e:00:00:03 dev vxlan-1 master"))
        #expect(Neighbourhood().addresses(from: present, on: "brq1") == ["neighbour delete 10.0.0.3 dev brq1"])
    }

    @Test func aHostWithoutAnEndHasNoTunnels() {
        var cloud = Example.cloud
        cloud.networks[0].peers = peers
        #expect(Layout(cloud, host: "here", uplinks: [:]).tunnels.isEmpty)
        let layout = Layout(cloud, host: "here", uplinks: [:], end: "192.0.2.1")
        #expect(layout.tunnels.map(\.name) == ["vxlan-1"])
        let plan = Plan.host(layout, [:], mark: "us").additions
        #expect(
            plan.contains("link add name vxlan-1 type vxlan id 1 local 192.0.2.1 dstport 4789 nolearning"))
    }
}

/// Two hosts and what the cloud wants of them.
private final class Towns {
    let east: House
    let west: House
    let network = Street.id()
    let group = Street.id()
    var ports: [WirePort] = []
    let a: WirePort
    let b: WirePort

    private static let ends = ["east": "192.0.2.1", "west": "192.0.2.2"]

    private init() async {
        east = await House("east", end: Towns.ends["east"])
        west = await House("west", end: Towns.ends["west"])
        a = Street.guest(1, on: network, at: "east", group: group)
        b = Street.guest(2, on: network, at: "west", group: group)
        ports = [a, b]
    }

    static func with(_ body: (Towns) async throws -> Void) async throws {
        let towns = await Towns()
        let (east, west) = (towns.east, towns.west)
        await House.run(
            "ip", "-n", east.space, "link", "add", "name", "wire", "type", "veth", "peer", "name", "wire", "netns",
            west.space)
        for house in [east, west] {
            await House.run(
                "ip", "-n", house.space, "address", "add", (ends[house.name] ?? "") + "/24", "dev", "wire")
            await House.run("ip", "-n", house.space, "link", "set", "dev", "wire", "up")
        }
        await east.plug(towns.a)
        await east.settle(towns.a)
        await west.plug(towns.b)
        await west.settle(towns.b)
        let result: Result<Void, any Error>
        do { result = .success(try await body(towns)) } catch { result = .failure(error) }
        await east.close()
        await west.close()
        try result.get()
    }

    func guest(_ number: Int, at host: String, id: String) -> WirePort {
        let port = Street.guest(number, on: network, at: host, group: group)
        return WirePort(
            id: id, network: port.network, mac: port.mac, fixed: port.fixed, device: port.device, owner: port.owner,
            host: host, isUp: true, isFiltered: true, groups: [group], pairs: [], options: [], isActive: false)
    }

    /// Each host is told what is its own, and who the others are.
    func converge() async throws {
        for house in [east, west] {
            let own = ports.filter { $0.host == house.name }
            let others = Dictionary(grouping: ports.filter { $0.host != house.name }, by: \.host)
            let peers = others.map { host, ports in
                WirePeer(
                    tunnel: Towns.ends[host] ?? "",
                    ports: ports.map { WirePeer.Port(mac: $0.mac, addresses: $0.fixed.map(\.address)) })
            }
            let isHere = !own.isEmpty
            try await house.converge(
                HostNetwork(
                    networks: isHere ? [Street.network(network, peers: peers)] : [], ports: own,
                    groups: isHere ? [Street.friends(group, ports)] : [], routers: []))
        }
    }
}

extension House {
    /// The bridge answers for the other host's guest, which may be a moment away from being plugged in: its first packet
    /// may be lost, and not its third.
    fileprivate func finds(_ port: WirePort, _ address: String) async -> Bool {
        for _ in 0..<3 where await reaches(port, address) { return true }
        return false
    }
}
