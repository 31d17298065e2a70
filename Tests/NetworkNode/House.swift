import Base
import Bus
import Contracts
import Foundation
import IO
import Programs
import Trace

@testable import NetworkNode

/// A host in a namespace of its own, and namespaces for its guests.
final class House {
    let name: String
    let space: String
    let bridges: LinuxBridges
    private let folder: String
    private var guests: [String: String] = [:]
    private let loops = Loops()

    init(_ name: String, end: String? = nil) async {
        self.name = name
        let word = String(Foundation.UUID().uuidString.lowercased().prefix(6))
        space = "house-\(word)-\(name)"
        folder = FileManager.default.temporaryDirectory.path + "/martlet-\(space)"
        let door = MetadataDoor(bus: LocalBus(clock: SystemClock()), loops: loops, world: World())
        bridges = LinuxBridges(
            host: name, folder: folder, cloud: folder, uplinks: [:], end: end, home: space, door: door, world: World(),
            log: .silent)
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        await House.run("ip", "netns", "add", space)
        await House.run("ip", "-n", space, "link", "set", "dev", "lo", "up")
    }

    /// Guests are a plug in the host and a namespace behind it.
    func plug(_ port: WirePort, mtu: Int = 1_450) async {
        let guest = "\(space)-g\(port.fixed.first?.address.split(separator: ".").last ?? "")\(guests.count)"
        guests[port.id] = guest
        let tap = Names.tap(port.id)
        await House.run("ip", "netns", "add", guest)
        await House.run(
            "ip", "-n", space, "link", "add", "name", tap, "mtu", "\(mtu)", "type", "veth", "peer", "name", "eth0",
            "address", port.mac, "netns", guest)
        await House.run("ip", "-n", space, "link", "set", "dev", tap, "alias", mark)
        await House.run("ip", "-n", guest, "link", "set", "dev", "eth0", "mtu", "\(mtu)", "up")
    }

    /// The address that it would have been given.
    func settle(_ port: WirePort) async {
        for fixed in port.fixed where !fixed.address.contains(":") {
            await House.run(
                "ip", "-n", guests[port.id] ?? "", "address", "add", fixed.address + "/24", "dev", "eth0")
        }
    }

    func unplug(_ port: WirePort) async {
        guard let guest = guests.removeValue(forKey: port.id) else { return }
        await House.run("ip", "netns", "delete", guest)
    }

    func converge(_ cloud: HostNetwork) async throws { _ = try await bridges.converge(cloud) }

    func reaches(_ port: WirePort, _ address: String, patience: Int = 2) async -> Bool {
        await inside(port, "busybox", "ping", "-c", "1", "-W", "\(patience)", address)?.status == 0
    }

    @discardableResult
    func inside(_ port: WirePort, _ words: String...) async -> Program.Outcome? {
        try? await Program("nsenter", ["--net=" + Names.place(guests[port.id] ?? "")] + words).outcome(by: "test")
    }

    func devices() async -> String { await House.run("ip", "-n", space, "-br", "link", "show") }

    func close() async {
        await bridges.rest(HostNetwork(networks: [], ports: [], groups: [], routers: []))
        for guest in guests.values { await House.run("ip", "netns", "delete", guest) }
        await House.run("ip", "netns", "delete", space)
        try? FileManager.default.removeItem(atPath: folder)
        try? FileManager.default.removeItem(atPath: "/run/martlet/networks/" + mark)
        await loops.stop()
    }

    private var mark: String { "martlet-" + fingerprintText(folder).prefix(8) }

    @discardableResult
    static func run(_ words: String...) async -> String {
        (try? await Program(words[0], Array(words.dropFirst())).outcome(by: "test").text) ?? ""
    }
}

/// Ports for tests, and a cloud around them.
enum Street {
    static func id() -> String { Foundation.UUID().uuidString.lowercased() }

    static func guest(
        _ number: Int, on network: String, at host: String, group: String, more: [WirePort.Fixed] = []
    ) -> WirePort {
        WirePort(
            id: id(), network: network, mac: "fa:16:3e:78:00:" + (number < 16 ? "0" : "") + String(number, radix: 16),
            fixed: [WirePort.Fixed(subnet: "inner", address: "10.9.8.\(number)")] + more, device: "vm\(number)",
            owner: "compute:nova", host: host, isUp: true, isFiltered: true, groups: [group], pairs: [], options: [],
            isActive: false)
    }

    /// Those in the group may reach one another, and nobody else may.
    static func friends(_ group: String, _ members: [WirePort]) -> WireGroup {
        let rule = WireGroup.Rule(
            isIngress: true, family: 4, transport: "icmp", low: nil, high: nil, prefix: nil, group: group)
        return WireGroup(
            id: group, isStateful: true, rules: [rule, Example.egress],
            members: members.flatMap { $0.fixed.map(\.address) })
    }

    static func network(_ id: String, number: Int = 77, peers: [WirePeer] = []) -> WireNetwork {
        var network = WireNetwork(
            id: id, type: "vxlan", physical: nil, number: number, mtu: 1_450, isExternal: false,
            subnets: [Example.subnet("inner", "10.9.8.0/24", "10.9.8.254", dhcp: false)])
        network.peers = peers
        return network
    }
}
