import Base
import Bus
import Contracts
import Foundation
import IO
import Programs
import Testing
import Trace

@testable import NetworkNode

/// Real devices and real packets, where this process may make them.
@Suite(.serialized, .enabled(if: Wired.isPossible, "needs root, ip, nft, dnsmasq and busybox"))
struct LinuxBridgesLongTests {
    @Test func guestsGetTheirAddressesAndSpeakAsTheirGroupsAllow() async throws {
        try await Wired.with { wired in
            #expect(try await wired.converge().count == 5)
            #expect(await wired.askForAddress("a") == wired.address("a"))
            #expect(await wired.askForAddress("b") == wired.address("b"))
            #expect(await wired.reaches("a", wired.address("b")))

            wired.cloud.groups[0].rules.removeAll { $0.isIngress }
            try await wired.converge()
            #expect(await !wired.reaches("a", wired.address("b")))
        }
    }

    @Test func aGuestWithAnotherAddressIsNotHeard() async throws {
        try await Wired.with { wired in
            try await wired.converge()
            _ = await wired.askForAddress("b")
            await wired.run("ip", "-n", wired.space("a"), "address", "add", "10.9.7.99/24", "dev", "eth0")
            #expect(await !wired.reaches("a", wired.address("b")))
            await wired.run("ip", "-n", wired.space("a"), "address", "delete", "10.9.7.99/24", "dev", "eth0")
            await wired.run("ip", "-n", wired.space("a"), "address", "add", wired.address("a") + "/24", "dev", "eth0")
            #expect(await wired.reaches("a", wired.address("b")))
        }
    }

    @Test func aFloatingAddressLeadsInAndNothingElseDoes() async throws {
        try await Wired.with { wired in
            try await wired.converge()
            _ = await wired.askForAddress("a")
            #expect(await wired.isReachable("198.18.77.10"))
            #expect(await wired.reaches("a", "198.18.77.1"))
            wired.cloud.routers[0].floating = []
            try await wired.converge()
            #expect(await !wired.isReachable("198.18.77.10"))
            // Out it may still go, under the router's own address.
            #expect(await wired.reaches("a", "198.18.77.1"))
        }
    }

    /// Half of what is sent at once is more than may pass.
    @Test func aLimitedGuestIsHeardLessOften() async throws {
        try await Wired.with { wired in
            try await wired.converge()
            _ = await wired.askForAddress("a")
            _ = await wired.askForAddress("b")
            #expect(await wired.reaches("a", wired.address("b")))
            wired.cloud.ports[0].limits = [
                WirePort.Limit(isIngress: false, unit: .packets, perSecond: 1, burst: 2)
            ]
            try await wired.converge()
            var answers = 0
            for _ in 0..<10 where await wired.reaches("a", wired.address("b"), patience: "1") { answers += 1 }
            #expect(answers < 10)
            wired.cloud.ports[0].limits = []
            try await wired.converge()
            #expect(await wired.reaches("a", wired.address("b")))
        }
    }

    @Test func aForwardedPortLeadsToItsGuest() async throws {
        try await Wired.with { wired in
            let ssh = WireGroup.Rule(
                isIngress: true, family: 4, transport: "tcp", low: 8_022, high: 8_022, prefix: nil, group: nil)
            wired.cloud.groups[0].rules.append(ssh)
            wired.cloud.routers[0].floating = []
            wired.cloud.routers[0].forwardings = [
                WireRouter.Forwarding(
                    outside: "198.18.77.20", transport: "tcp", outsidePort: 2_222, inside: wired.address("a"),
                    insidePort: 8_022)
            ]
            try await wired.converge()
            _ = await wired.askForAddress("a")
            #expect(await wired.greets("a", at: 8_022, through: "198.18.77.20", port: 2_222))
        }
    }

    @Test func whoComesAfterFindsEverythingAndDropsNothing() async throws {
        try await Wired.with { wired in
            try await wired.converge()
            _ = await wired.askForAddress("a")
            let before = await wired.identities()
            try await wired.another().converge()
            #expect(await wired.identities() == before)
            #expect(await wired.isReachable("198.18.77.10"))
        }
    }

    @Test func whatSomebodyBrokeIsMended() async throws {
        try await Wired.with { wired in
            try await wired.converge()
            _ = await wired.askForAddress("a")
            await wired.run("ip", "netns", "delete", Names.router(wired.router))
            await wired.run("nft", "delete", "table", "bridge", wired.table)
            try await wired.another().converge()
            #expect(await wired.isReachable("198.18.77.10"))
        }
    }

    @Test func nothingIsLeft() async throws {
        try await Wired.with { wired in
            try await wired.converge()
            await wired.bridges.rest(HostNetwork(networks: [], ports: [], groups: [], routers: []))
            let links = await wired.run("ip", "-br", "link", "show")
            for port in wired.cloud.ports { #expect(!links.contains(Names.tap(port.id))) }
            for network in wired.cloud.networks { #expect(!links.contains(Names.bridge(network.id))) }
            #expect(!Files.exists(Names.place(Names.router(wired.router))))
            #expect(!(await wired.run("nft", "list", "tables")).contains(wired.table))
        }
    }
}

/// A small cloud on this machine, with namespaces for guests.
final class Wired {
    var cloud: HostNetwork
    let bridges: LinuxBridges
    let router: String
    private let folder: String
    private let guests: [String: WirePort]
    private let door: MetadataDoor
    private let loops = Loops()

    static var isPossible: Bool {
        geteuid() == 0
            && ["/usr/sbin/nft", "/usr/sbin/dnsmasq", "/usr/bin/nsenter", "/usr/bin/busybox"].allSatisfy {
                FileManager.default.fileExists(atPath: $0)
            }
    }

    private init() {
        func id() -> String { Foundation.UUID().uuidString.lowercased() }
        let (home, outside, router, group) = (id(), id(), id(), id())
        func port(_ network: String, _ address: String, _ owner: String, _ number: Int) -> WirePort {
            let isGuest = owner.hasPrefix("compute")
            return WirePort(
                id: id(), network: network, mac: "fa:16:3e:77:00:0\(number)",
                fixed: [WirePort.Fixed(subnet: network == home ? "inner" : "outer", address: address)],
                device: owner.hasPrefix("network:router") ? router : "", owner: owner, host: "here", isUp: true,
                isFiltered: isGuest, groups: isGuest ? [group] : [], pairs: [], options: [], isActive: false)
        }
        let (a, b) = (port(home, "10.9.7.11", "compute:nova", 1), port(home, "10.9.7.12", "compute:nova", 2))
        guests = ["a": a, "b": b]
        self.router = router
        let ping = WireGroup.Rule(
            isIngress: true, family: 4, transport: "icmp", low: nil, high: nil, prefix: nil, group: nil)
        cloud = HostNetwork(
            networks: [
                WireNetwork(
                    id: home, type: "vxlan", physical: nil, number: 1, mtu: 1_450, isExternal: false,
                    subnets: [Example.subnet("inner", "10.9.7.0/24", "10.9.7.1", dhcp: true)]),
                WireNetwork(
                    id: outside, type: "flat", physical: "public", number: nil, mtu: 1_500, isExternal: true,
                    subnets: [Example.subnet("outer", "198.18.77.0/24", "198.18.77.1", dhcp: false)]),
            ],
            ports: [
                a, b, port(home, "10.9.7.2", "network:dhcp", 3), port(home, "10.9.7.1", "network:router_interface", 4),
                port(outside, "198.18.77.2", "network:router_gateway", 5),
            ],
            groups: [WireGroup(id: group, isStateful: true, rules: [ping, Example.egress], members: [])],
            routers: [
                WireRouter(
                    id: router, isUp: true, hidesInside: true, routes: [],
                    floating: [WireRouter.Floating(outside: "198.18.77.10", inside: "10.9.7.11")])
            ])
        folder = FileManager.default.temporaryDirectory.path + "/martlet-wires-" + home
        door = MetadataDoor(bus: LocalBus(clock: SystemClock()), loops: loops, world: World())
        bridges = LinuxBridges(
            host: "here", folder: folder, cloud: folder, uplinks: ["public": .host], door: door, world: World(),
            log: .silent)
    }

    static func with(_ body: (Wired) async throws -> Void) async throws {
        let wired = Wired()
        try FileManager.default.createDirectory(atPath: wired.folder, withIntermediateDirectories: true)
        for (name, port) in wired.guests {
            await wired.run("ip", "netns", "add", wired.space(name))
            await wired.run(
                "ip", "link", "add", "name", Names.tap(port.id), "mtu", "1450", "type", "veth", "peer", "name", "eth0",
                "address", port.mac, "netns", wired.space(name))
            await wired.run("ip", "link", "set", "dev", Names.tap(port.id), "alias", wired.mark)
            await wired.run("ip", "-n", wired.space(name), "link", "set", "dev", "eth0", "mtu", "1450", "up")
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body(wired)) } catch { result = .failure(error) }
        await wired.bridges.rest(HostNetwork(networks: [], ports: [], groups: [], routers: []))
        for name in wired.guests.keys { await wired.run("ip", "netns", "delete", wired.space(name)) }
        try? FileManager.default.removeItem(atPath: wired.folder)
        await wired.loops.stop()
        try result.get()
    }

    var mark: String { "martlet-" + fingerprintText(folder).prefix(8) }
    var table: String { "martlet_" + fingerprintText(folder).prefix(8) }
    func space(_ guest: String) -> String { "guest-\(guest)-" + String(folder.suffix(12)) }
    func address(_ guest: String) -> String { guests[guest]?.fixed[0].address ?? "" }

    @discardableResult
    func converge() async throws -> Set<String> { try await bridges.converge(cloud) }

    /// The program as it is after a restart: it remembers nothing.
    func another() -> Another {
        let door = MetadataDoor(bus: LocalBus(clock: SystemClock()), loops: loops, world: World())
        for space in [Names.router(router)] + cloud.networks.map({ Names.dhcp($0.id) }) { self.door.close(space) }
        return Another(
            bridges: LinuxBridges(
                host: "here", folder: folder, cloud: folder, uplinks: ["public": .host], door: door, world: World(),
                log: .silent), cloud: cloud)
    }

    struct Another {
        let bridges: LinuxBridges
        let cloud: HostNetwork
        @discardableResult
        func converge() async throws -> Set<String> { try await bridges.converge(cloud) }
    }

    @discardableResult
    func run(_ words: String...) async -> String {
        (try? await Program(words[0], Array(words.dropFirst())).outcome(by: "test").text) ?? ""
    }

    private func inside(_ guest: String, _ words: String...) async -> Program.Outcome? {
        try? await Program("nsenter", ["--net=" + Names.place(space(guest))] + words).outcome(by: "test")
    }

    /// What the network's address server gives it, which it then has.
    func askForAddress(_ guest: String) async -> String {
        let script = folder + "/lease"
        let text =
            "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\nip a add $ip/$mask dev eth0; ip r add default via $router\necho ADDRESS $ip\n"
        try? Data(text.utf8).write(to: URL(fileURLWithPath: script))
        chmod(script, 0o700)
        let outcome = await inside(
            guest, "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "20", "-T", "1", "-s", script)
        let words = (outcome?.text ?? "").split(whereSeparator: \.isWhitespace)
        return words.firstIndex(of: "ADDRESS").map { String(words[$0 + 1]) } ?? ""
    }

    func reaches(_ guest: String, _ address: String, patience: String = "2") async -> Bool {
        await inside(guest, "busybox", "ping", "-c", "1", "-W", patience, address)?.status == 0
    }

    /// Whether what a guest says at a port of its own is heard at another one outside.
    func greets(_ guest: String, at port: Int, through address: String, port outside: Int) async -> Bool {
        let program = "(echo hello | timeout 10 busybox nc -l -p \(port)) >/dev/null 2>&1 </dev/null &"
        _ = await inside(guest, "sh", "-c", program)
        let listen =
            "for i in 1 2 3 4 5 6; do busybox nc -w 2 \(address) \(outside) </dev/null && break; sleep 0.5; done"
        let heard = await run("timeout", "9", "sh", "-c", listen)
        return heard.contains("hello")
    }

    func isReachable(_ address: String) async -> Bool {
        (try? await Program("busybox", "ping", "-c", "1", "-W", "2", address).outcome(by: "test"))?.status == 0
    }

    /// The numbers that devices and processes keep for as long as nobody makes them anew.
    func identities() async -> [String] {
        let links = await run("ip", "-o", "link", "show").split(separator: "\n").map { line in
            line.split(separator: ":").prefix(2).joined(separator: ":")
        }
        let own = cloud.ports.map { Names.tap($0.id) } + cloud.networks.map { Names.bridge($0.id) }
        let pids = cloud.networks.compactMap { AddressServer.pid(folder + "/dhcp/" + $0.id) }.map { "\($0)" }
        return links.filter { link in own.contains { link.contains($0) } } + pids
    }
}
