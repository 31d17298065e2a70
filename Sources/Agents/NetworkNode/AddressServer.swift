import Base
import Contracts
import Glibc
import Programs

/// What dnsmasq is told for a network: how each machine there gets its address, its name and the way out.
struct AddressPlan: Equatable {
    let folder: String
    let space: String
    /// What it reads once, when it starts.
    let configuration: String
    /// What it reads again when it is asked to.
    let hosts: String
    let options: String
    let names: String
    /// The machines that have an address by now, as leases name them: `mac address`.
    let known: Set<String>

    static let domain = "openstacklocal"

    init(_ network: WireNetwork, _ port: WirePort, among ports: [WirePort], folder: String) {
        self.folder = folder
        space = Names.dhcp(network.id)
        let served = network.subnets.filter { $0.hasDHCP }
        let others = ports.filter { $0.network == network.id && $0.kind == .guest }.sorted { $0.id < $1.id }
        configuration = Self.configuration(network, port, served, folder)
        let ids = Set(served.map(\.id))
        let given = served.filter { !$0.cidr.contains(":") || !["slaac", "dhcpv6-stateless"].contains($0.addressMode) }
        hosts = Self.hosts(others, Set(given.map(\.id)))
        names = Self.names(ports.filter { $0.network == network.id }.sorted { $0.id < $1.id }, ids)
        options = Self.options(network, port, served, others)
        known = Set(
            others.flatMap { other in
                other.fixed.filter { ids.contains($0.subnet) }.map { "\(other.mac) \($0.address)" }
            })
    }

    private static func configuration(
        _ network: WireNetwork, _ port: WirePort, _ subnets: [WireSubnet], _ folder: String
    ) -> String {
        var lines = [
            "pid-file=\(folder)/pid", "dhcp-leasefile=\(folder)/leases", "dhcp-hostsfile=\(folder)/hosts",
            "dhcp-optsfile=\(folder)/options", "addn-hosts=\(folder)/names", "interface=\(Names.inner(port))",
            "except-interface=lo", "bind-interfaces", "no-hosts", "no-resolv", "no-ping", "no-poll",
            "dhcp-authoritative", "domain=\(domain)", "local=/\(domain)/", "user=root", "group=root",
            "dhcp-option-force=option:mtu,\(network.mtu)",
        ]
        for subnet in subnets {
            guard let cidr = IPNetwork(subnet.cidr) else { continue }
            let tag = "set:" + label(subnet)
            switch cidr.family {
            case .v4: lines.append("dhcp-range=\(tag),\(cidr.first),static,\(mask(cidr)),86400s")
            // Who makes its address itself has nothing to ask for here.
            case .v6 where subnet.addressMode == "slaac": continue
            case .v6: lines.append("dhcp-range=\(tag),\(cidr.first),static,\(cidr.prefix),86400s")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func mask(_ network: IPNetwork) -> IPAddress {
        let bits = network.prefix == 0 ? 0 : UInt32.max << UInt32(32 - network.prefix)
        return IPAddress(.v4, UInt128(bits))
    }

    private static func label(_ subnet: WireSubnet) -> String { "subnet-" + subnet.id }
    private static func label(_ port: WirePort) -> String { "port-" + port.id }

    private static func name(of address: String) -> String {
        "host-" + String(address.map { $0 == "." || $0 == ":" ? "-" : $0 })
    }

    private static func hosts(_ ports: [WirePort], _ subnets: Set<String>) -> String {
        var lines = ""
        for port in ports {
            for fixed in port.fixed where subnets.contains(fixed.subnet) {
                let address = fixed.address.contains(":") ? "[\(fixed.address)]" : fixed.address
                lines += "\(port.mac),set:\(label(port)),\(name(of: fixed.address)).\(domain),\(address)\n"
            }
        }
        return lines
    }

    private static func names(_ ports: [WirePort], _ subnets: Set<String>) -> String {
        var lines = ""
        for fixed in ports.flatMap(\.fixed) where subnets.contains(fixed.subnet) {
            let name = name(of: fixed.address)
            lines += "\(fixed.address) \(name).\(domain) \(name)\n"
        }
        return lines
    }

    private static func options(
        _ network: WireNetwork, _ own: WirePort, _ subnets: [WireSubnet], _ ports: [WirePort]
    ) -> String {
        var lines = ""
        for subnet in subnets where !subnet.cidr.contains(":") {
            let tag = "tag:" + label(subnet)
            let server = own.fixed.first { $0.subnet == subnet.id }?.address
            let nameservers = subnet.nameservers.isEmpty ? [server].compactMap { $0 } : subnet.nameservers
            if !nameservers.isEmpty { lines += "\(tag),option:dns-server,\(nameservers.joined(separator: ","))\n" }
            var routes = subnet.routes.filter { !$0.destination.contains(":") }.map { "\($0.destination),\($0.hop)" }
            // The metadata service is where this server is, also where no router is.
            if let server { routes.append("169.254.169.254/32,\(server)") }
            if let gateway = subnet.gateway {
                lines += "\(tag),option:router,\(gateway)\n"
                routes.append("0.0.0.0/0,\(gateway)")
            } else {
                lines += "\(tag),option:router\n"
            }
            guard !routes.isEmpty else { continue }
            // By its number of old, too, which some guests go by.
            let all = routes.joined(separator: ",")
            lines += "\(tag),option:classless-static-route,\(all)\n\(tag),249,\(all)\n"
        }
        for subnet in subnets where subnet.cidr.contains(":") && !subnet.nameservers.isEmpty {
            let servers = subnet.nameservers.map { "[\($0)]" }.joined(separator: ",")
            lines += "tag:\(label(subnet)),option6:dns-server,\(servers)\n"
        }
        for port in ports {
            for option in port.options {
                let word = option.version == 6 ? "option6" : "option"
                let name = Int(option.name) == nil ? "\(word):\(option.name)" : option.name
                lines += "tag:\(label(port)),\(name),\(option.value)\n"
            }
        }
        return lines
    }
}

/// What a router says of itself on its networks, where their subnets want that: which prefixes there are, and whether
/// guests make their addresses themselves. The same program does it, which knows how to say it.
extension AddressPlan {
    static func announcements(of space: String, _ folder: String) -> String { folder + "/routers/" + space }

    /// Nil where nothing is to be announced.
    init?(announcing space: Layout.Space, _ ports: [WirePort], _ desired: HostNetwork, _ folder: String) {
        let networks = Dictionary(
            desired.networks.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let folder = AddressPlan.announcements(of: space.name, folder)
        var lines = [
            "port=0", "pid-file=\(folder)/pid", "leasefile-ro", "except-interface=lo", "no-hosts", "no-resolv",
            "enable-ra", "user=root", "group=root", "dhcp-duid=1,00",
        ]
        var isNeeded = false
        for port in ports.sorted(by: { $0.id < $1.id }) where port.kind == .interface {
            guard let network = networks[port.network] else { continue }
            let own = Set(port.fixed.map(\.subnet))
            let announced = network.subnets.filter { own.contains($0.id) && $0.announcements != nil }
            guard !announced.isEmpty else { continue }
            isNeeded = true
            let name = Names.inner(port)
            lines += ["interface=\(name)", "ra-param=\(name),mtu:\(network.mtu),30,1800"]
            for subnet in announced { lines += AddressPlan.announcement(of: subnet) }
        }
        guard isNeeded else { return nil }
        self.folder = folder
        self.space = space.name
        configuration = lines.joined(separator: "\n") + "\n"
        (hosts, options, names, known) = ("", "", "", [])
    }

    private static func announcement(of subnet: WireSubnet) -> [String] {
        guard let cidr = IPNetwork(subnet.cidr), cidr.family == .v6 else { return [] }
        let mode =
            switch subnet.announcements {
            case "slaac": "ra-only"
            case "dhcpv6-stateless": "ra-stateless"
            default: "static"
            }
        var lines = ["dhcp-range=set:\(label(subnet)),\(cidr.first),\(mode),\(cidr.prefix)"]
        let servers = subnet.nameservers.filter { $0.contains(":") }.map { "[\($0)]" }
        if !servers.isEmpty {
            lines.append("dhcp-option=tag:\(label(subnet)),option6:dns-server,\(servers.joined(separator: ","))")
        }
        return lines
    }
}

/// The processes that give out addresses: each outlives this program, and is found again by what it was told.
struct AddressServer {
    let actor: String

    /// Makes it run as planned: left alone where nothing changed, told to read again where that is enough.
    func ensure(_ plan: AddressPlan) async throws(Failure) {
        try Folders.make(plan.folder)
        let path = plan.folder + "/dnsmasq.conf"
        let isSame = text(path) == plan.configuration
        var isNews = false
        for (name, content) in [("hosts", plan.hosts), ("options", plan.options), ("names", plan.names)] {
            guard text("\(plan.folder)/\(name)") != content else { continue }
            try Files.write(content, to: "\(plan.folder)/\(name)")
            isNews = true
        }
        let pid = AddressServer.pid(plan.folder)
        let stale = leases(plan).stale
        if let pid, isSame, stale.isEmpty {
            if isNews { kill(pid, SIGHUP) }
            return
        }
        try await stop(plan.folder)
        if !isSame { try Files.write(plan.configuration, to: path) }
        // An address that was somebody else's before would not be given while their lease lasts.
        if !stale.isEmpty { try Files.write(leases(plan).kept, to: plan.folder + "/leases") }
        try await Program("nsenter", "--net=\(Names.place(plan.space))", "dnsmasq", "--conf-file=\(path)").run(
            by: actor)
    }

    func stop(_ folder: String) async throws(Failure) {
        guard let pid = AddressServer.pid(folder) ?? AddressServer.orphan(folder) else { return }
        kill(pid, SIGTERM)
        for _ in 0..<100 where AddressServer.isServer(pid, folder) {
            do { try await SystemClock().sleep(for: .milliseconds(10)) } catch { throw Failure(error) }
        }
        if AddressServer.isServer(pid, folder) { kill(pid, SIGKILL) }
    }

    /// The process that was started with this folder's configuration, if it is still there.
    static func pid(_ folder: String) -> pid_t? {
        guard let bytes = try? Files.read(folder + "/pid"),
            let pid = pid_t(String(decoding: bytes.filter { $0 > 32 }, as: UTF8.self)), isServer(pid, folder)
        else { return nil }
        return pid
    }

    /// One whose files are gone, found by what it was told.
    private static func orphan(_ folder: String) -> pid_t? {
        Folders.names(in: "/proc").lazy.compactMap { pid_t($0) }.first { isServer($0, folder) }
    }

    private static func isServer(_ pid: pid_t, _ folder: String) -> Bool {
        guard pid > 1, let line = try? Files.read("/proc/\(pid)/cmdline") else { return false }
        return String(decoding: line, as: UTF8.self).contains("--conf-file=\(folder)/")
    }

    private func leases(_ plan: AddressPlan) -> (kept: String, stale: [Substring]) {
        let lines = (text(plan.folder + "/leases") ?? "").split(separator: "\n")
        let stale = lines.filter { line in
            let words = line.split(separator: " ")
            return words.count >= 3 && words[1].contains(":") && !plan.known.contains("\(words[1]) \(words[2])")
        }
        let kept = lines.filter { !stale.contains($0) }.map { $0 + "\n" }.joined()
        return (kept, stale)
    }

    private func text(_ path: String) -> String? {
        (try? Files.read(path)).map { String(decoding: $0, as: UTF8.self) }
    }
}

enum Folders {
    static func make(_ path: String) throws(Failure) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/" + part
            guard mkdir(made, 0o700) == 0 || errno == EEXIST else {
                throw .unavailable("Cannot make the folder \(made): \(String(cString: strerror(errno))).")
            }
        }
    }

    static func names(in path: String) -> [String] {
        (try? Files.names(in: path)) ?? []
    }
}
