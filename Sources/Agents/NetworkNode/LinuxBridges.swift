package import Base
package import Contracts
import Glibc
import IO
import Programs
package import Trace

/// Networks out of what the kernel has: a bridge for each, taps for guests, pairs of devices into namespaces for routers
/// and address servers, nft for who may speak with whom.
///
/// The truth is in the kernel. Nothing here is remembered that couldn't be read again; what is remembered (`settled`)
/// only saves looking at the same namespace each time that something else changes.
package actor LinuxBridges: Wires {
    private let host: String
    /// The folder of the whole cloud, which tells it from others on this machine.
    private let cloud: String
    /// Where files of address servers are.
    private let folder: String
    /// By which the devices of this cloud are known, among those of others on the same machine.
    private let mark: String
    private let table: String
    private let uplinks: [String: Uplink]
    /// The host's own end of tunnels to others.
    private let end: String?
    /// The namespace that the host's bridges are in; nil: the one that this program is in.
    private let home: String?
    private let door: MetadataDoor
    private let servers = AddressServer(actor: LinuxBridges.name)
    private let world: World
    private let log: Log

    private static let name = "network-node"
    /// After so long a namespace is looked at again though nothing about it is to change.
    private static let trust: Duration = .seconds(60)

    private struct Settled {
        let wanted: String
        let until: Moment
    }

    private var settled: [String: Settled] = [:]
    private var hasBridgeFilters = false
    /// What was last loaded; nil: who knows what an earlier process left.
    private var mirrors: String?
    private var mirrorTurn = 0
    private var isRegistered = false

    package init(
        host: String, folder: String, cloud: String, uplinks: [String: Uplink], end: String? = nil,
        home: String? = nil, door: MetadataDoor, world: World, log: Log, isRegistered: Bool = false
    ) {
        self.isRegistered = isRegistered
        self.host = host
        self.folder = folder
        self.cloud = cloud
        mark = "martlet-" + fingerprintText(cloud).prefix(8)
        table = "martlet_" + fingerprintText(cloud).prefix(8)
        self.uplinks = uplinks
        self.end = end
        self.home = home
        self.door = door
        self.world = world
        self.log = log
    }

    package nonisolated var agents: [WireReport.Agent] {
        var mappings = JSON.Object()
        for (physical, uplink) in uplinks.sorted(by: { $0.key < $1.key }) {
            if case .device(let device) = uplink {
                mappings[physical] = .string(device)
            } else {
                mappings[physical] = "host"
            }
        }
        return [
            WireReport.Agent(
                type: "Linux bridge agent", program: "neutron-linuxbridge-agent", topic: "N/A",
                configurations: [
                    "interface_mappings": .object(mappings), "tunnel_types": end == nil ? [] : ["vxlan"],
                    "tunneling_ip": .string(end ?? ""), "l2_population": .bool(end != nil), "extensions": [],
                ])
        ] + WireReport.Agent.shared([:])
    }

    /// Whether this process may make devices here, and has what it takes.
    package static func areUsable() async -> Bool {
        for path in ["/usr/sbin/nft", "/usr/sbin/dnsmasq", "/usr/bin/nsenter"] where !Files.exists(path) {
            return false
        }
        let probe = "martlet-probe"
        let made = try? await Program("ip", "link", "add", "name", probe, "type", "bridge").outcome(by: name)
        guard made?.status == 0 else { return false }
        return (try? await Program("ip", "link", "delete", "dev", probe).outcome(by: name))?.status == 0
    }

    // MARK: Making it so

    package func converge(_ desired: HostNetwork) async throws(Failure) -> Set<String> {
        if !isRegistered { try await register() }
        let layout = Layout(desired, host: host, uplinks: uplinks, end: end)
        var links = Link.read(try await read(["-j", "-d", "address", "show"]))
        let plan = Plan.host(layout, links, mark: mark)
        // A pair goes at once with either of its ends, and only some time later with a namespace.
        try await batch(plan.removals)
        try await removeSpaces(besides: layout)
        try await filter(desired)
        try await batch(plan.additions)
        if !plan.additions.isEmpty { await quieten(layout.bridges) }
        try await mirror(desired, plan.additions)
        for tunnel in layout.tunnels { try await settle(tunnel, isNew: links[tunnel.name] == nil) }
        var connected = Set(
            desired.ports.filter { $0.host == host && $0.kind == .guest && $0.isUp }.map(\.id))
        links = links.filter { name, _ in !plan.removals.contains { $0.hasSuffix(" " + name) } }
        for space in layout.spaces {
            do throws(Failure) {
                try await settle(space, desired, links)
                connected.formUnion(space.ports)
            } catch {
                settled[space.name] = nil
                log.warning("The namespace \(space.name) is not as it should be: \(error)")
            }
        }
        return connected
    }

    private func filter(_ desired: HostNetwork) async throws(Failure) {
        if !hasBridgeFilters {
            try await set(["net/bridge/bridge-nf-call-iptables": "1", "net/bridge/bridge-nf-call-ip6tables": "1"])
            hasBridgeFilters = true
        }
        let (rules, revision) = Filter(desired, host: host, table: table).text()
        try await load(rules, revision, family: "bridge", table: table)
    }

    /// After the devices, by which it goes. One that was made anew under its old name has lost what was said of it.
    private func mirror(_ desired: HostNetwork, _ additions: [String]) async throws(Failure) {
        let wanted = Mirrors(desired, host: host, table: table)
        let isAnew = additions.contains { line in wanted.devices.contains { line.hasPrefix("tuntap add dev \($0) ") } }
        if isAnew { mirrorTurn += 1 }
        let (rules, revision) = wanted.text(turn: mirrorTurn)
        guard revision != mirrors else { return }
        try await load(rules, revision, family: "netdev", table: table)
        mirrors = revision
    }

    /// The whole table in one transaction, so that there is no moment without rules; nothing where it is loaded already.
    private func load(
        _ rules: String, _ revision: String, family: String, table: String, in space: String? = nil
    ) async throws(Failure) {
        let enter = (space ?? home).map { ["nsenter", "--net=\(Names.place($0))"] } ?? []
        let ask = enter + ["nft", "-j", "list", "chains", family]
        let chains = try await Program(ask[0], Array(ask.dropFirst())).run(by: LinuxBridges.name).output
        let found = (try JSONReader.read(chains)["nftables"]?.array ?? []).contains { entry in
            entry["chain"]?["table"]?.string == table && entry["chain"]?["name"]?.string == revision
        }
        guard !found else { return }
        let tell = enter + ["nft", "-f", "-"]
        var program = Program(tell[0], Array(tell.dropFirst()))
        program.input = Array(rules.utf8)
        try await program.run(by: LinuxBridges.name)
    }

    /// The host has no business on its guests' networks but to carry them.
    private func quieten(_ bridges: [Layout.Bridge]) async {
        for bridge in bridges where !bridge.addresses.contains(where: { $0.contains(":") }) {
            try? await set(["net/ipv6/conf/\(bridge.name)/disable_ipv6": "1"])
        }
    }

    /// Settings of the kernel where the host is.
    private func set(_ settings: [String: String]) async throws(Failure) {
        if let home { return try await Spaces.set(settings, in: home) }
        for (name, value) in settings.sorted(by: { $0.key < $1.key }) { try Kernel.set(name, value) }
    }

    /// Tells a tunnel who is behind it.
    private func settle(_ tunnel: Layout.Tunnel, isNew: Bool) async throws(Failure) {
        let wanted = "\(tunnel)"
        if !isNew, let known = settled[tunnel.name], known.wanted == wanted, known.until > world.now { return }
        settled[tunnel.name] = nil
        let table = try await tool("bridge", ["-j", "fdb", "show", "dev", tunnel.name]).run(by: LinuxBridges.name)
        let present = Neighbourhood(
            ways: table.output.isEmpty ? [] : try JSONReader.read(table.output),
            neighbours: try await read(["-j", "neighbour", "show", "dev", tunnel.bridge, "nud", "permanent"]))
        let neighbourhood = Neighbourhood(tunnel.peers)
        let ways = neighbourhood.ways(from: present, on: tunnel.name)
        if !ways.isEmpty {
            var program = tool("bridge", ["-batch", "-"])
            program.input = Array((ways.joined(separator: "\n") + "\n").utf8)
            try await program.run(by: LinuxBridges.name)
        }
        try await batch(neighbourhood.addresses(from: present, on: tunnel.bridge))
        settled[tunnel.name] = Settled(wanted: wanted, until: world.now + LinuxBridges.trust)
    }

    private func settle(
        _ space: Layout.Space, _ desired: HostNetwork, _ links: [String: Link]
    ) async throws(Failure) {
        let router = desired.routers.first { Names.router($0.id) == space.name }
        let ports = desired.ports.filter { space.ports.contains($0.id) }
        let addresses =
            space.isRouter ? AddressPlan(announcing: space, ports, desired, folder) : addressPlan(space, desired)
        let translation = router.map { Translation(router: $0, ports: ports).text() }
        let wanted = "\(space) \(translation?.revision ?? "") \(addresses.map { "\($0)" } ?? "")"
        if let known = settled[space.name], known.wanted == wanted, known.until > world.now { return }
        if !Files.exists(Names.place(space.name)) {
            try await run(["netns", "add", space.name])
        }
        try await batch(Plan.pairs(space, links, mark: mark))
        if space.isRouter {
            try await Spaces.set(
                [
                    "net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1",
                    "net/ipv4/conf/all/arp_ignore": "1",
                    "net/ipv4/conf/all/arp_announce": "2",
                ], in: space.name)
        }
        let inside = Link.read(try await read(["-n", space.name, "-j", "-d", "address", "show"]))
        var routes = Route.read(
            try await read(["-n", space.name, "-j", "route", "show"]), everything: "0.0.0.0/0")
        if space.routes.contains(where: { $0.hop.contains(":") }) {
            routes.formUnion(
                Route.read(try await read(["-n", space.name, "-j", "-6", "route", "show"]), everything: "::/0"))
        }
        try await batch(Plan.inside(space, inside, routes, mark: mark), in: space.name)
        if space.isRouter { try await answer(for: space) }
        if let translation {
            try await load(translation.rules, translation.revision, family: "ip", table: "martlet", in: space.name)
        }
        if let addresses {
            try await servers.ensure(addresses)
        } else if space.isRouter {
            try await forgetAnnouncements(space.name)
        }
        try await door.ensureOpen(space)
        await forgetNeighbours(space, inside)
        settled[space.name] = Settled(wanted: wanted, until: world.now + LinuxBridges.trust)
    }

    /// Answers on the way out for addresses that are inside, and for none that were.
    private func answer(for space: Layout.Space) async throws(Failure) {
        guard let out = space.pairs.first(where: { $0.inner.hasPrefix("qg-") }) else { return }
        let known = try await read(["-n", space.name, "-j", "-6", "neighbour", "show", "proxy"]).array ?? []
        let present = Set(
            known.filter { $0["dev"]?.string == out.inner }.compactMap { $0["dst"]?.string }.compactMap {
                IPAddress($0)?.description
            })
        guard present != space.proxied else { return }
        if !space.proxied.isEmpty {
            try await Spaces.set(["net/ipv6/conf/\(out.inner)/proxy_ndp": "1"], in: space.name)
        }
        try await batch(
            present.subtracting(space.proxied).sorted().map { "neighbour delete proxy \($0) dev \(out.inner)" }
                + space.proxied.subtracting(present).sorted().map { "neighbour add proxy \($0) dev \(out.inner)" },
            in: space.name)
    }

    private func addressPlan(_ space: Layout.Space, _ desired: HostNetwork) -> AddressPlan? {
        guard !space.isRouter, let network = desired.networks.first(where: { Names.dhcp($0.id) == space.name }),
            let port = desired.ports.first(where: { space.ports.contains($0.id) })
        else { return nil }
        return AddressPlan(network, port, among: desired.ports, folder: folder + "/dhcp/" + network.id)
    }

    /// An address that has come to another router is not looked for at the old one's hardware.
    private func forgetNeighbours(_ space: Layout.Space, _ before: [String: Link]) async {
        for pair in space.pairs where pair.inner.hasPrefix("qg-") {
            let new = pair.addresses.subtracting(before[pair.inner]?.addresses ?? [])
            for address in new.compactMap({ IPNetwork($0)?.address }) where address.family == .v4 {
                _ = try? await tool("ip", ["neighbour", "flush", "to", address.description, "dev", pair.bridge])
                    .outcome(by: LinuxBridges.name)
            }
        }
    }

    // MARK: Taking it away

    private func removeSpaces(besides layout: Layout) async throws(Failure) {
        let wanted = Set(layout.spaces.map(\.name))
        for name in Folders.names(in: "/run/netns") where name.hasPrefix("qdhcp-") || name.hasPrefix("qrouter-") {
            guard !wanted.contains(name) else { continue }
            let links = try? Link.read(await read(["-n", name, "-j", "-d", "address", "show"]))
            guard links?["lo"]?.alias == mark else { continue }
            try await remove(name)
        }
    }

    private func remove(_ space: String) async throws(Failure) {
        settled[space] = nil
        door.close(space)
        if space.hasPrefix("qdhcp-") {
            let own = folder + "/dhcp/" + space.dropFirst("qdhcp-".count)
            try await servers.stop(own)
            try await Program("rm", "-rf", "--", own).run(by: LinuxBridges.name)
        }
        if space.hasPrefix("qrouter-") { try await forgetAnnouncements(space) }
        try await run(["netns", "delete", space])
    }

    private func forgetAnnouncements(_ space: String) async throws(Failure) {
        let own = AddressPlan.announcements(of: space, folder)
        guard Files.exists(own) else { return }
        try await servers.stop(own)
        try await Program("rm", "-rf", "--", own).run(by: LinuxBridges.name)
    }

    /// Without guests nothing is left behind.
    package func rest(_ desired: HostNetwork) async {
        guard !desired.ports.contains(where: { $0.host == host && $0.kind == .guest }) else { return }
        // The task is cancelled by now, and what is tidied up here must not be.
        await Task.detached { await self.takeDown() }.value
    }

    private func takeDown() async {
        do throws(Failure) {
            _ = try await converge(HostNetwork(networks: [], ports: [], groups: [], routers: []))
            for family in ["inet", "bridge", "netdev"] {
                try await tool("nft", ["delete", "table", family, table]).run(by: LinuxBridges.name)
            }
            unlink(LinuxBridges.register + "/" + mark)
        } catch {
            log.warning("Some of the networks' devices are left: \(error)")
        }
    }

    // MARK: Other clouds

    /// Where clouds on this machine say whose folder stands behind which mark.
    private static let register = "/run/martlet/networks"

    /// Says that this cloud has devices here, and takes away those of clouds whose folder is gone: nobody else would.
    private func register() async throws(Failure) {
        try Folders.make(LinuxBridges.register)
        for name in Folders.names(in: LinuxBridges.register) where name != mark {
            guard let bytes = try? Files.read(LinuxBridges.register + "/" + name) else { continue }
            let folder = String(decoding: bytes, as: UTF8.self)
            guard !folder.isEmpty, !Files.exists(folder) else { continue }
            log.info("The cloud in \(folder) is gone: its networks' devices are taken away")
            await LinuxBridges(
                host: host, folder: folder + "/networks", cloud: folder, uplinks: [:], door: door, world: world,
                log: log, isRegistered: true
            ).takeDown()
        }
        try Files.write(cloud, to: LinuxBridges.register + "/" + mark)
        isRegistered = true
    }

    // MARK: ip

    /// A program at work where the host's bridges are.
    private func tool(_ name: String, _ arguments: [String]) -> Program {
        guard let home else { return Program(name, arguments) }
        return Program("nsenter", ["--net=" + Names.place(home), name] + arguments)
    }

    private func read(_ arguments: [String]) async throws(Failure) -> JSON {
        let output = try await tool("ip", arguments).run(by: LinuxBridges.name).output
        return output.isEmpty ? [] : try JSONReader.read(output)
    }

    private func run(_ arguments: [String]) async throws(Failure) {
        try await tool("ip", arguments).run(by: LinuxBridges.name)
    }

    private func batch(_ lines: [String], in space: String? = nil) async throws(Failure) {
        guard !lines.isEmpty else { return }
        var program = tool("ip", (space.map { ["-n", $0] } ?? []) + ["-batch", "-"])
        program.input = Array((lines.joined(separator: "\n") + "\n").utf8)
        let outcome = try await program.outcome(by: LinuxBridges.name)
        guard outcome.status == 0 else {
            let first = outcome.complaint.split(separator: "\n").joined(separator: "; ")
            throw .unavailable("ip could not carry out \(lines.count) lines: \(first)")
        }
    }
}
