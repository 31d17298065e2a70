import Base
import Contracts

/// Who may speak with a host's guests, in the words of nft.
///
/// The bridge's own tables know ports but no connections, the routed ones know connections but no ports. So a packet that
/// answers one that was allowed gets a mark from the latter, and everything else is decided in the former. Only answers
/// are marked: a rule that is taken away stops at once what it allowed, also connections that are under way.
///
/// Networks of different projects may have the same addresses, so each has a zone of connections of its own.
struct Filter {
    let table: String
    /// The bit that says: this is an answer.
    static let answer = "0x00010000"

    private let networks: [WireNetwork]
    private let ports: [WirePort]
    /// Those whose policy says how their traffic goes.
    private let governed: [WirePort]
    private let groups: [String: WireGroup]

    init(_ desired: HostNetwork, host: String, table: String) {
        self.table = table
        networks = desired.networks.sorted { $0.id < $1.id }
        let guests = desired.ports.filter { $0.host == host && $0.kind == .guest }.sorted { $0.id < $1.id }
        ports = guests.filter(\.isFiltered)
        governed = guests.filter { !$0.limits.isEmpty || $0.mark != nil }
        groups = Dictionary(uniqueKeysWithValues: desired.groups.map { ($0.id, $0) })
    }

    /// The rules, and the name of the chain by which they are found to be loaded already.
    func text() -> (rules: String, revision: String) {
        let body = connections + bridge + speed
        let revision = "rev_" + fingerprintText(body.joined(separator: "\n"))
        var lines: [String] = []
        for family in ["inet", "bridge"] {
            lines += ["table \(family) \(table) {}", "delete table \(family) \(table)"]
        }
        lines += ["table inet \(table) {"] + connections + ["}"]
        lines += ["table bridge \(table) {", "chain \(revision) {", "}"] + bridge + speed + ["}", ""]
        return (lines.joined(separator: "\n"), revision)
    }

    // MARK: Connections

    private var connections: [String] {
        guard !networks.isEmpty else { return [] }
        let zones = Filter.zones(networks.map(\.id))
        let pairs = networks.map { "\"\(Names.bridge($0.id))\" : \(zones[$0.id] ?? 1)" }.joined(separator: ", ")
        let names = networks.map { "\"\(Names.bridge($0.id))\"" }.joined(separator: ", ")
        return [
            "chain zone {", "type filter hook prerouting priority raw; policy accept;",
            "ct zone set iifname map { \(pairs) }", "}",
            "chain answers {", "type filter hook prerouting priority mangle; policy accept;",
            "iifname { \(names) } ct state established,related ct direction reply meta mark set meta mark or \(Filter.answer)",
            "iifname { \(names) } ct state related meta mark set meta mark or \(Filter.answer)", "}",
        ]
    }

    /// A number for each network that the others haven't, which stays for as long as nobody else would have it too.
    static func zones(_ networks: [String]) -> [String: Int] {
        var zones: [String: Int] = [:]
        var taken: Set<Int> = []
        for network in networks.sorted() {
            var zone = Int(fingerprint(network) % 65_534) + 1
            while taken.contains(zone) { zone = zone % 65_534 + 1 }
            taken.insert(zone)
            zones[network] = zone
        }
        return zones
    }

    // MARK: Speed

    private var speed: [String] {
        guard !governed.isEmpty else { return [] }
        var lines = ["chain speed {", "type filter hook forward priority 10; policy accept;"]
        for port in governed {
            let name = "\"\(Names.tap(port.id))\""
            for limit in port.limits {
                let side = limit.isIngress ? "oifname" : "iifname"
                let amount =
                    limit.unit == .bytes
                    ? "\(limit.perSecond) bytes/second burst \(limit.burst) bytes"
                    : "\(limit.perSecond)/second burst \(limit.burst) packets"
                lines.append(
                    limit.perSecond == 0 ? "\(side) \(name) drop" : "\(side) \(name) limit rate over \(amount) drop")
            }
            if let mark = port.mark {
                lines.append("iifname \(name) ether type ip ip dscp set \(mark)")
                lines.append("iifname \(name) ether type ip6 ip6 dscp set \(mark)")
            }
        }
        return lines + ["}"]
    }

    // MARK: Ports

    private var bridge: [String] {
        guard !ports.isEmpty else { return [] }
        var lines: [String] = []
        let remote = Set(ports.flatMap { rules(of: $0).compactMap(\.group) }).sorted()
        for group in remote { lines += sets(group) }
        for port in ports { lines += chain("from", port, honest(port)) }
        for port in ports { lines += chain("out", port, leaving(port)) }
        for port in ports { lines += chain("in", port, entering(port)) }
        lines += [
            "chain honest {", "type filter hook prerouting priority -300; policy accept;",
            "iifname vmap { \(jumps("from")) }", "}",
            "chain groups {", "type filter hook forward priority 0; policy accept;",
            "iifname vmap { \(jumps("out")) }", "oifname vmap { \(jumps("in")) }", "}",
        ]
        return lines
    }

    private func chain(_ word: String, _ port: WirePort, _ rules: [String]) -> [String] {
        ["chain \(word)_\(Names.plain(port.id)) {"] + rules + ["}"]
    }

    private func jumps(_ word: String) -> String {
        ports.map { "\"\(Names.tap($0.id))\" : jump \(word)_\(Names.plain($0.id))" }.joined(separator: ", ")
    }

    private func rules(of port: WirePort) -> [WireGroup.Rule] { port.groups.flatMap { groups[$0]?.rules ?? [] } }

    /// The addresses of a group's members, by family.
    private func sets(_ id: String) -> [String] {
        let members = groups[id]?.members ?? []
        return [(4, "ipv4_addr"), (6, "ipv6_addr")].flatMap { family, type in
            let own = members.filter { $0.contains(":") == (family == 6) }
            let elements = own.isEmpty ? [] : ["elements = { \(own.joined(separator: ", ")) }"]
            return ["set \(Filter.set(id, family)) {", "type \(type)", "flags interval", "auto-merge"] + elements + [
                "}"
            ]
        }
    }

    private static func set(_ group: String, _ family: Int) -> String { "g\(family)_\(Names.plain(group))" }

    /// Only as oneself: what comes with somebody else's addresses goes no further.
    private func honest(_ port: WirePort) -> [String] {
        var lines = [
            "ether type ip udp sport 67 udp dport 68 drop", "ether type ip6 udp sport 547 udp dport 546 drop",
            "ether type ip6 icmpv6 type nd-router-advert drop",
        ]
        var owners: [String: [String]] = [port.mac: port.fixed.map(\.address)]
        for pair in port.pairs { owners[pair.mac, default: []].append(pair.address) }
        for (mac, addresses) in owners.sorted(by: { $0.key < $1.key }) {
            let fourth = (addresses.filter { !$0.contains(":") } + ["0.0.0.0"]).joined(separator: ", ")
            lines.append("ether saddr \(mac) ether type arp arp saddr ether \(mac) arp saddr ip { \(fourth) } accept")
            let own = addresses.filter { !$0.contains(":") }.joined(separator: ", ")
            if !own.isEmpty { lines.append("ether saddr \(mac) ether type ip ip saddr { \(own) } accept") }
            lines.append("ether saddr \(mac) ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept")
            var sixth = addresses.filter { $0.contains(":") } + ["::"]
            if let link = Filter.linkLocal(mac) { sixth.append(link) }
            lines.append(
                "ether saddr \(mac) ether type ip6 ip6 saddr { \(sixth.joined(separator: ", ")) } accept")
        }
        return lines + ["drop"]
    }

    /// The address that a machine with this hardware gives itself on its link.
    static func linkLocal(_ mac: String) -> String? {
        guard let number = MACAddress(mac)?.number else { return nil }
        let high = (number >> 24) ^ 0x02_0000
        let bits = UInt128(high) << 40 | UInt128(0xFFFE) << 24 | UInt128(number & 0xFF_FFFF)
        return IPAddress(.v6, UInt128(0xFE80) << 112 | bits).description
    }

    private func leaving(_ port: WirePort) -> [String] {
        var lines = answers(port, "return")
        lines += [
            "ether type arp return", "ether type ip udp sport 68 udp dport 67 return",
            "ether type ip6 udp sport 546 udp dport 547 return",
            "ether type ip6 icmpv6 type { 131, 132, 133, 135, 136, 143 } return",
        ]
        lines += passing(port, isIngress: false, "return")
        return lines + dropping(port)
    }

    private func entering(_ port: WirePort) -> [String] {
        var lines: [String] = []
        // On a private network this goes before everything, also before answers.
        if let heard = port.hears {
            lines.append(heard.isEmpty ? "drop" : "ether saddr != { \(heard.joined(separator: ", ")) } drop")
        }
        lines += answers(port, "accept")
        lines += [
            "ether type arp accept", "ether type ip udp sport 67 udp dport 68 accept",
            "ether type ip6 udp sport 547 udp dport 546 accept",
            "ether type ip6 icmpv6 type { 130, 131, 132, 134, 135, 136 } accept",
        ]
        lines += passing(port, isIngress: true, "accept")
        return lines + dropping(port)
    }

    // MARK: Verdicts

    /// What the port's groups let pass; each rule is said twice where it is to be written down.
    private func passing(_ port: WirePort, isIngress: Bool, _ verdict: String) -> [String] {
        port.groups.flatMap { group in
            let own = groups[group]?.rules.filter { $0.isIngress == isIngress } ?? []
            let logs = port.logs.filter { $0.accepted && ($0.group == nil || $0.group == group) }
            return own.flatMap { rule in
                logs.map { "\(condition(rule)) \(Filter.note("ACCEPT", $0))" } + ["\(condition(rule)) \(verdict)"]
            }
        }
    }

    private func dropping(_ port: WirePort) -> [String] {
        port.logs.filter(\.dropped).map { Filter.note("DROP", $0) } + ["drop"]
    }

    /// Into the kernel's log, and no more than it can take.
    private static func note(_ event: String, _ log: WirePort.Log) -> String {
        "limit rate 100/second burst 25 packets log prefix \"martlet \(event) \(log.id) \""
    }

    /// A group may ask not to remember connections; then answers need a rule like everything else.
    private func answers(_ port: WirePort, _ verdict: String) -> [String] {
        guard port.groups.allSatisfy({ groups[$0]?.isStateful ?? true }) else { return [] }
        return ["meta mark and \(Filter.answer) == \(Filter.answer) \(verdict)"]
    }

    // MARK: Rules

    private func condition(_ rule: WireGroup.Rule) -> String {
        let family = rule.family == 6 ? "ip6" : "ip"
        var words = ["ether type \(family)"]
        let side = rule.isIngress ? "saddr" : "daddr"
        if let prefix = rule.prefix, let network = IPNetwork(prefix) {
            if network.prefix > 0 { words.append("\(family) \(side) \(network.network)") }
        } else if let group = rule.group {
            words.append("\(family) \(side) @\(Filter.set(group, rule.family))")
        }
        return (words + Filter.transport(rule)).joined(separator: " ")
    }

    private static let numbers: [String: Int] = [
        "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "igmp": 2, "ipip": 4,
        "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43,
        "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
    ]
    private static let withPorts: [Int: String] = [6: "tcp", 17: "udp", 33: "dccp", 132: "sctp", 136: "udplite"]

    private static func transport(_ rule: WireGroup.Rule) -> [String] {
        guard let name = rule.transport, var number = numbers[name] ?? Int(name) else { return [] }
        // "icmp" on IPv6 means its own kind.
        if number == 1, rule.family == 6 { number = 58 }
        if number == 1 || number == 58 {
            let word = number == 1 ? "icmp" : "icmpv6"
            guard let type = rule.low else { return ["meta l4proto \(number)"] }
            return ["\(word) type \(type)"] + (rule.high.map { ["\(word) code \($0)"] } ?? [])
        }
        guard let low = rule.low, let high = rule.high, let word = withPorts[number] else {
            return ["meta l4proto \(number)"]
        }
        return ["\(word) dport \(low)-\(high)"]
    }
}

/// A router's translations.
struct Translation {
    let router: WireRouter
    let ports: [WirePort]

    func text() -> (rules: String, revision: String) {
        let body = chains
        let revision = "rev_" + fingerprintText(body.joined(separator: "\n"))
        let lines =
            ["table ip martlet {}", "delete table ip martlet", "table ip martlet {", "chain \(revision) {", "}"] + body
            + ["}"] + Translation.silence + [""]
        return (lines.joined(separator: "\n"), revision)
    }

    /// What announces a router would answer requests for addresses, too, and those are another's to answer.
    private static let silence = [
        "table ip6 martlet {}", "delete table ip6 martlet", "table ip6 martlet {", "chain addresses {",
        "type filter hook input priority filter; policy accept;", "udp dport 547 drop", "}", "}",
    ]

    private var chains: [String] {
        var before = [
            "chain before {", "type nat hook prerouting priority dstnat; policy accept;",
            "iifname \"qr-*\" ip daddr 169.254.169.254 tcp dport 80 redirect to :\(MetadataDoor.routerPort)",
        ]
        var after = ["chain after {", "type nat hook postrouting priority srcnat; policy accept;"]
        if let gateway = ports.first(where: { $0.kind == .gateway }) {
            let outside = "\"\(Names.inner(gateway))\""
            let own = gateway.fixed.map(\.address).first { !$0.contains(":") }
            if !router.floating.isEmpty {
                let inward = router.floating.map { "\($0.outside) : \($0.inside)" }.joined(separator: ", ")
                let outward = router.floating.map { "\($0.inside) : \($0.outside)" }.joined(separator: ", ")
                before.append("dnat to ip daddr map { \(inward) }")
                after.append("oifname \(outside) snat to ip saddr map { \(outward) }")
            }
            for forwarding in router.forwardings {
                before.append(
                    "ip daddr \(forwarding.outside) \(forwarding.transport) dport \(forwarding.outsidePort) dnat to \(forwarding.inside):\(forwarding.insidePort)"
                )
            }
            if let own {
                // From inside to an address outside that is inside again: answers have to come back this way.
                after.append("iifname != \(outside) oifname != \(outside) ct status dnat snat to \(own)")
                if router.hidesInside { after.append("oifname \(outside) ip saddr != \(own) snat to \(own)") }
            }
        }
        return before + ["}"] + after + ["}"]
    }
}
