import Base
package import Bus
import Contracts
import SQL

/// What the agents on hosts ask of this service, which alone has the tables.
extension Network {
    package func serve(_ bus: any Bus) {
        let (database, world) = (database, world)
        bus.serve(NetworkMessages.desired) { question in
            try await database.read { try HostNetwork(of: question.host, $0) }
        }
        bus.serve(NetworkMessages.owner) { question in
            try await database.read { try AddressOwner(question, $0) }
        }
        bus.serve(NetworkMessages.wired) { report in
            let isNews = try await database.read { try report.changesPorts($0) }
            try await database.write { tx in
                try report.noteAgents(tx, world)
                if isNews { try report.notePorts(tx) }
            }
            return Nothing()
        }
    }
}

// MARK: What a host's networks are to be

extension HostNetwork {
    /// A query for each kind of thing, however many there are.
    init(of host: String, _ tx: Transaction) throws(Failure) {
        self.init(networks: try Self.networks(tx), ports: [], groups: try Self.groups(tx), routers: [])
        let known = Set(networks.map(\.id))
        ports = try Self.ports(tx, seenFrom: host).filter { known.contains($0.network) }
        let members = Dictionary(
            ports.flatMap { port in port.groups.map { ($0, port.speaks) } }, uniquingKeysWith: { $0 + $1 })
        for index in groups.indices {
            groups[index].members = Set(members[groups[index].id] ?? groups[index].members).sorted()
        }
        try keepApart(tx)
        try noteLogs(tx)
        try noteMirrors(tx)
        // What other hosts have to do with their own ports is none of this one's business, except for those that it
        // gives addresses to.
        let served = Set(ports.filter { $0.host == host && $0.owner == DeviceOwner.dhcp }.map(\.network))
        let here = Set(ports.filter { $0.host == host }.map(\.network))
        try findPeers(of: host, here, tx)
        ports = ports.filter { $0.host == host || served.contains($0.network) }
        networks = networks.filter { here.contains($0.id) }
        let mentioned = Set(ports.filter { $0.host == host }.flatMap(\.groups))
        let remote = Set(groups.filter { mentioned.contains($0.id) }.flatMap { $0.rules.compactMap(\.group) })
        groups = groups.filter { mentioned.contains($0.id) || remote.contains($0.id) }
        let joined = Set(ports.filter { $0.host == host && $0.owner.hasPrefix("network:router") }.map(\.device))
        routers = try Self.routers(tx).filter { joined.contains($0.id) }
    }

    /// On private networks, whose frames may come to whom.
    private mutating func keepApart(_ tx: Transaction) throws(Failure) {
        var places: [String: (type: String, community: String?)] = [:]
        try tx.each("SELECT id, pvlan_type, pvlan_community FROM network_port WHERE pvlan_type IS NOT NULL") { row in
            places[try row.text("id")] = (try row.text("pvlan_type"), try row.optionalText("pvlan_community"))
        }
        guard !places.isEmpty else { return }
        var everybodys: [String: [String]] = [:]
        var communities: [String: [String]] = [:]
        for port in ports {
            guard let place = places[port.id] else { continue }
            let hardware = [port.mac] + port.pairs.map(\.mac)
            if place.type == "promiscuous" { everybodys[port.network, default: []] += hardware }
            if let name = place.community { communities["\(port.network) \(name)", default: []] += hardware }
        }
        for index in ports.indices {
            guard let place = places[ports[index].id], place.type != "promiscuous" else { continue }
            let network = ports[index].network
            let own = place.community.flatMap { communities["\(network) \($0)"] } ?? []
            ports[index].hears = Set((everybodys[network] ?? []) + own).sorted()
        }
    }

    /// Whose packets are to be written down: those of the project's ports that are in the group, or are the one.
    private mutating func noteLogs(_ tx: Transaction) throws(Failure) {
        var logs: [(project: String, target: String?, log: WirePort.Log)] = []
        try tx.each("SELECT * FROM network_log WHERE enabled = 1 ORDER BY id") { row in
            let event = try row.text("event")
            let log = WirePort.Log(
                id: try row.text("id"), group: try row.optionalText("resource_id"), accepted: event != "DROP",
                dropped: event != "ACCEPT")
            logs.append((try row.text("project_id"), try row.optionalText("target_id"), log))
        }
        guard !logs.isEmpty else { return }
        let owners = Dictionary(
            try tx.rows("SELECT id, project_id FROM network_port") { (try $0.text("id"), try $0.text("project_id")) },
            uniquingKeysWith: { first, _ in first })
        for index in ports.indices where !ports[index].owner.hasPrefix("network:") {
            let port = ports[index]
            let own = logs.filter { project, target, log in
                project == owners[port.id] && (target == nil || target == port.id)
                    && (log.group.map { port.groups.contains($0) } ?? true)
            }
            ports[index].logs = own.map(\.log)
        }
    }

    /// Whose traffic is copied, and to which other port of the same host.
    private mutating func noteMirrors(_ tx: Transaction) throws(Failure) {
        var mirrors: [String: [WirePort.Mirror]] = [:]
        let flows: SQL = """
            SELECT f.source_port, f.direction, f.vlan_filter, s.port_id FROM network_tap_flow f
            JOIN network_tap_service s ON s.id = f.tap_service_id JOIN network_port p ON p.id = f.source_port
            JOIN network_port d ON d.id = s.port_id WHERE p.host_id = d.host_id AND p.host_id <> '' ORDER BY f.id
            """
        try tx.each(flows) { row in
            let direction = try row.text("direction")
            mirrors[try row.text("source_port"), default: []].append(
                WirePort.Mirror(
                    to: try row.text("port_id"), incoming: direction != "OUT", outgoing: direction != "IN",
                    vlans: try row.optionalText("vlan_filter")))
        }
        guard !mirrors.isEmpty else { return }
        for index in ports.indices { ports[index].mirrors = mirrors[ports[index].id] ?? [] }
    }

    /// Who is where, on the networks that this host shares with others through tunnels.
    private mutating func findPeers(of host: String, _ here: Set<String>, _ tx: Transaction) throws(Failure) {
        let tunnelled = Set(networks.filter { here.contains($0.id) && SegmentType.isTunnel($0.type) }.map(\.id))
        let others = ports.filter { tunnelled.contains($0.network) && $0.host != host && !$0.host.isEmpty }
        guard !others.isEmpty else { return }
        var ends: [String: String] = [:]
        try tx.each("SELECT host, configurations FROM network_agent ORDER BY host") { row in
            let configurations = try JSONReader.read(Array(try row.text("configurations").utf8))
            guard let end = configurations["tunneling_ip"]?.string, !end.isEmpty else { return }
            ends[try row.text("host")] = end
        }
        var peers: [String: [String: [WirePeer.Port]]] = [:]
        for port in others {
            guard let end = ends[port.host] else { continue }
            peers[port.network, default: [:]][end, default: []] += port.known
        }
        for index in networks.indices {
            let found = (peers[networks[index].id] ?? [:]).sorted { $0.key < $1.key }
            networks[index].peers = found.map { WirePeer(tunnel: $0.key, ports: $0.value) }
        }
    }

    private static func networks(_ tx: Transaction) throws(Failure) -> [WireNetwork] {
        var subnets: [String: [WireSubnet]] = [:]
        try tx.each("SELECT * FROM network_subnet ORDER BY created_at, id") { row in
            subnets[try row.text("network_id"), default: []].append(try WireSubnet(row))
        }
        let sql: SQL = """
            SELECT n.id, n.mtu, s.network_type, s.physical_network, s.segmentation_id,
            EXISTS (SELECT 1 FROM network_rbac r WHERE r.object_id = n.id AND r.action = \(AccessPolicy.Action.external))
            AS is_external
            FROM network_network n JOIN network_segment s ON s.network_id = n.id WHERE n.admin_state_up = 1 ORDER BY n.id
            """
        return try tx.rows(sql) { row in
            let id = try row.text("id")
            let physical = try row.text("physical_network")
            let number = try row.integer("segmentation_id")
            return WireNetwork(
                id: id, type: try row.text("network_type"), physical: physical.isEmpty ? nil : physical,
                number: number == 0 ? nil : number, mtu: try row.integer("mtu"),
                isExternal: try row.bool("is_external"), subnets: subnets[id] ?? [])
        }
    }

    private static let mover = "migrating_to"

    /// - Parameter host: what is expected on that host counts as there, so that a guest that comes while it runs finds its
    ///   wires ready.
    private static func ports(_ tx: Transaction, seenFrom host: String) throws(Failure) -> [WirePort] {
        var fixed: [String: [WirePort.Fixed]] = [:]
        try tx.each("SELECT port_id, subnet_id, address FROM network_address ORDER BY place, address_key") { row in
            fixed[try row.text("port_id"), default: []].append(
                WirePort.Fixed(subnet: try row.text("subnet_id"), address: try row.text("address")))
        }
        var groups: [String: [String]] = [:]
        try tx.each("SELECT port_id, group_id FROM network_port_group ORDER BY group_id") { row in
            groups[try row.text("port_id"), default: []].append(try row.text("group_id"))
        }
        let policies = try Policies(tx)
        return try tx.rows("SELECT * FROM network_port ORDER BY id") { row in
            let id = try row.text("id")
            let profile = try row.text("profile")
            let way = profile == "{}" ? nil : try JSONReader.read(profile)[mover]?.string
            var port = try WirePort(
                row, at: way == host ? host : try row.text("host_id"), id: id, fixed: fixed[id] ?? [],
                groups: groups[id] ?? [])
            policies.apply(try row.optionalText("qos_policy_id"), to: &port)
            return port
        }
    }

    /// What policies say of how traffic goes, as far as a host can see to it.
    private struct Policies {
        private var limits: [String: [WirePort.Limit]] = [:]
        private var marks: [String: Int] = [:]
        private var networks: [String: String] = [:]

        init(_ tx: Transaction) throws(Failure) {
            let held: SQL = "SELECT id, qos_policy_id FROM network_network WHERE qos_policy_id IS NOT NULL"
            try tx.each(held) { networks[try $0.text("id")] = try $0.text("qos_policy_id") }
            try tx.each("SELECT * FROM network_qos_rule ORDER BY id") { row in
                let policy = try row.text("qos_policy_id")
                let isIngress = try row.optionalText("direction") == "ingress"
                switch try row.text("kind") {
                case "bandwidth_limit":
                    let rate = try row.integer("max_kbps") * 125
                    let burst = try row.optionalInteger("max_burst_kbps") ?? 0
                    // Where nothing is said, four fifths of a second's worth.
                    limits[policy, default: []].append(
                        WirePort.Limit(
                            isIngress: isIngress, unit: .bytes, perSecond: rate,
                            burst: max(burst > 0 ? burst * 125 : rate * 4 / 5, 1_500)))
                case "packet_rate_limit":
                    let rate = try row.integer("max_kpps") * 1_000
                    let burst = try row.optionalInteger("max_burst_kpps") ?? 0
                    limits[policy, default: []].append(
                        WirePort.Limit(
                            isIngress: isIngress, unit: .packets, perSecond: rate,
                            burst: max(burst > 0 ? burst * 1_000 : rate * 4 / 5, 1)))
                case "dscp_marking": marks[policy] = try row.integer("dscp_mark")
                default: break
                }
            }
        }

        /// A port's own policy counts more than its network's.
        func apply(_ own: String?, to port: inout WirePort) {
            guard !port.owner.hasPrefix("network:"), let policy = own ?? networks[port.network] else { return }
            port.limits = limits[policy] ?? []
            port.mark = marks[policy]
        }
    }

    private static func groups(_ tx: Transaction) throws(Failure) -> [WireGroup] {
        var rules: [String: [WireGroup.Rule]] = [:]
        try tx.each("SELECT * FROM network_security_group_rule ORDER BY id") { row in
            rules[try row.text("security_group_id"), default: []].append(
                WireGroup.Rule(
                    isIngress: try row.text("direction") == "ingress",
                    family: try row.text("ethertype") == "IPv6" ? 6 : 4, transport: try row.optionalText("protocol"),
                    low: try row.optionalInteger("port_range_min"), high: try row.optionalInteger("port_range_max"),
                    prefix: try row.optionalText("remote_ip_prefix"),
                    group: try row.optionalText("remote_group_id") ?? row.optionalText("remote_address_group_id")))
        }
        // A rule speaks of an address group as it does of a security group: by who is in it.
        let addresses = try tx.rows("SELECT id, addresses FROM network_address_group ORDER BY id") { row in
            WireGroup(
                id: try row.text("id"), isStateful: true, rules: [],
                members: try row.json("addresses").compactMap(\.string))
        }
        return try addresses
            + tx.rows("SELECT id, stateful FROM network_security_group ORDER BY id") { row in
                let id = try row.text("id")
                return WireGroup(id: id, isStateful: try row.bool("stateful"), rules: rules[id] ?? [], members: [])
            }
    }

    private static func routers(_ tx: Transaction) throws(Failure) -> [WireRouter] {
        var floating: [String: [WireRouter.Floating]] = [:]
        let sql: SQL = """
            SELECT router_id, floating_ip_address, fixed_ip_address FROM network_floatingip
            WHERE router_id IS NOT NULL AND fixed_ip_address IS NOT NULL ORDER BY id
            """
        try tx.each(sql) { row in
            floating[try row.text("router_id"), default: []].append(
                WireRouter.Floating(
                    outside: try row.text("floating_ip_address"), inside: try row.text("fixed_ip_address")))
        }
        var forwardings: [String: [WireRouter.Forwarding]] = [:]
        let forwarded: SQL = """
            SELECT f.router_id, f.floating_ip_address, p.* FROM network_port_forwarding p
            JOIN network_floatingip f ON f.id = p.floatingip_id WHERE f.router_id IS NOT NULL ORDER BY p.id
            """
        try tx.each(forwarded) { row in
            forwardings[try row.text("router_id"), default: []].append(
                WireRouter.Forwarding(
                    outside: try row.text("floating_ip_address"), transport: try row.text("protocol"),
                    outsidePort: try row.integer("external_port"), inside: try row.text("internal_ip_address"),
                    insidePort: try row.integer("internal_port")))
        }
        var proxied: [String: [String]] = [:]
        let proxies: SQL = """
            SELECT p.router_id, p.ip_address FROM network_ndp_proxy p JOIN network_router r ON r.id = p.router_id
            WHERE r.enable_ndp_proxy = 1 ORDER BY p.ip_address
            """
        try tx.each(proxies) { proxied[try $0.text("router_id"), default: []].append(try $0.text("ip_address")) }
        return try tx.rows("SELECT id, admin_state_up, enable_snat, routes FROM network_router ORDER BY id") { row in
            let id = try row.text("id")
            return WireRouter(
                id: id, isUp: try row.bool("admin_state_up"), hidesInside: try row.bool("enable_snat"),
                routes: try row.json("routes").map(WireRoute.init), floating: floating[id] ?? [],
                forwardings: forwardings[id] ?? [], proxied: proxied[id] ?? [])
        }
    }
}

extension WireSubnet {
    fileprivate init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.text("id"), cidr: try row.text("cidr"), gateway: try row.optionalText("gateway_ip"),
            hasDHCP: try row.bool("enable_dhcp"), nameservers: try row.json("dns_nameservers").compactMap(\.string),
            routes: try row.json("host_routes").map(WireRoute.init),
            announcements: try row.optionalText("ipv6_ra_mode"),
            addressMode: try row.optionalText("ipv6_address_mode"))
    }
}

extension WirePort {
    fileprivate init(
        _ row: borrowing Row, at place: String, id: String, fixed: [Fixed], groups: [String]
    ) throws(Failure) {
        self.init(
            id: id, network: try row.text("network_id"), mac: try row.text("mac_address"), fixed: fixed,
            device: try row.text("device_id"), owner: try row.text("device_owner"),
            host: place,
            isUp: try row.bool("admin_state_up"), isFiltered: try row.bool("port_security_enabled"), groups: groups,
            pairs: try row.json("allowed_address_pairs").map(Pair.init),
            options: try row.json("extra_dhcp_opts").map(Option.init),
            isActive: try row.text("status") == "ACTIVE")
    }

    /// All the addresses that may be the senders of its packets.
    fileprivate var speaks: [String] { fixed.map(\.address) + pairs.map(\.address) }

    /// What others know of it beforehand. An address that it may take over isn't its own yet.
    fileprivate var known: [WirePeer.Port] {
        let more = Set(pairs.map(\.mac)).subtracting([mac]).sorted().map { WirePeer.Port(mac: $0, addresses: []) }
        return [WirePeer.Port(mac: mac, addresses: fixed.map(\.address))] + more
    }
}

extension Row {
    fileprivate func json(_ column: StaticString) throws(Failure) -> [JSON] {
        try JSONReader.read(Array(try text(column).utf8)).array ?? []
    }
}

extension [JSON] {
    fileprivate func map<Value>(_ make: (JSON) throws(Failure) -> Value) throws(Failure) -> [Value] {
        var values: [Value] = []
        for json in self { values.append(try make(json)) }
        return values
    }
}

// MARK: Whose address

extension AddressOwner {
    fileprivate init(_ question: AddressQuestion, _ tx: Transaction) throws(Failure) {
        guard let address = IPAddress(question.address) else {
            self.init(device: nil, host: "")
            return
        }
        let networks: SQL =
            if let network = question.network {
                "a.network_id = \(network)"
            } else {
                """
                a.network_id IN (SELECT network_id FROM network_port
                WHERE device_id = \(question.router ?? "") AND device_owner = \(DeviceOwner.routerInterface))
                """
            }
        let found = try tx.row(
            """
            SELECT p.device_id, p.host_id FROM network_address a JOIN network_port p ON p.id = a.port_id
            WHERE \(networks) AND a.address_key = \(address.key) AND p.device_owner LIKE 'compute:%'
            """
        ) { (try $0.text("device_id"), try $0.text("host_id")) }
        self.init(device: found?.0, host: found?.1 ?? "")
    }
}

// MARK: Reports

extension WireReport {
    private func wrong(_ ports: [String], _ status: String) -> SQL {
        "id IN \(.list(ports)) AND host_id = \(host) AND status <> \(status)"
    }

    fileprivate func changesPorts(_ tx: Transaction) throws(Failure) -> Bool {
        if try tx.exists("SELECT 1 FROM network_port WHERE \(wrong(up, "ACTIVE"))") { return true }
        return try tx.exists("SELECT 1 FROM network_port WHERE \(wrong(down, "DOWN"))")
    }

    fileprivate func notePorts(_ tx: Transaction) throws(Failure) {
        try tx.run("UPDATE network_port SET status = 'ACTIVE' WHERE \(wrong(up, "ACTIVE"))")
        try tx.run("UPDATE network_port SET status = 'DOWN' WHERE \(wrong(down, "DOWN"))")
    }

    fileprivate func noteAgents(_ tx: Transaction, _ world: World) throws(Failure) {
        let now = world.now
        let seen = Timestamp.plain(now)
        for agent in agents {
            let own: SQL = "agent_type = \(agent.type) AND host = \(host)"
            let isKnown = try tx.exists("SELECT 1 FROM network_agent WHERE \(own)")
            if isKnown {
                try tx.run(
                    """
                    UPDATE network_agent SET configurations = \(agent.configurations.text), heartbeat_timestamp = \(seen),
                    started_at = \(Timestamp.plain(started)), seen_at = \(now.microseconds) WHERE \(own)
                    """)
            } else {
                try tx.insert(
                    into: "network_agent",
                    [
                        "id": UUID(world.chance).dashed, "agent_type": agent.type, "program": agent.program,
                        "topic": agent.topic, "host": host, "availability_zone": "nova", "admin_state_up": true,
                        "configurations": agent.configurations.text, "started_at": Timestamp.plain(started),
                        "heartbeat_timestamp": seen, "seen_at": now.microseconds,
                    ])
            }
        }
    }
}

extension Timestamp {
    /// `2026-11-21 12:00:00`, as agents' times are shown.
    fileprivate static func plain(_ moment: Moment) -> String {
        Timestamp.bareSeconds.text(moment).split(separator: "T").joined(separator: " ")
    }
}
