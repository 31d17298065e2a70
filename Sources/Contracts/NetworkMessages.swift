package import Base
package import Bus

/// What the network service and the agents on hosts say to one another. An agent has no database: it asks what its host
/// is to be like, makes it so, and reports.
package enum NetworkMessages {
    // To the network service.
    package static let desired = Message<HostQuestion, HostNetwork>(
        topic: "network", name: "say what a host's networks are to be")
    package static let wired = Message<WireReport, Nothing>(topic: "network", name: "report a host's wires")
    package static let owner = Message<AddressQuestion, AddressOwner>(
        topic: "network", name: "say whose address this is")

    // To every agent.
    package static let changed = Message<Nothing, Nothing>(topic: "network-node", name: "look at the networks again")
}

package struct HostQuestion: JSONCoded {
    package let host: String

    package init(host: String) { self.host = host }
    package init(_ json: JSON) throws(Failure) { host = try json.text("host") }
    package var json: JSON { ["host": .string(host)] }
}

/// All that a host's networks are to be: a whole, not a change, so that nothing is lost when a message is.
package struct HostNetwork: JSONCoded, Equatable {
    package var networks: [WireNetwork]
    package var ports: [WirePort]
    package var groups: [WireGroup]
    package var routers: [WireRouter]

    package init(networks: [WireNetwork], ports: [WirePort], groups: [WireGroup], routers: [WireRouter]) {
        self.networks = networks
        self.ports = ports
        self.groups = groups
        self.routers = routers
    }

    package init(_ json: JSON) throws(Failure) {
        networks = try json.list("networks", of: WireNetwork.init)
        ports = try json.list("ports", of: WirePort.init)
        groups = try json.list("groups", of: WireGroup.init)
        routers = try json.list("routers", of: WireRouter.init)
    }

    package var json: JSON {
        [
            "networks": JSON(list: networks), "ports": JSON(list: ports), "groups": JSON(list: groups),
            "routers": JSON(list: routers),
        ]
    }
}

package struct WireNetwork: JSONCoded, Equatable {
    package let id: String
    package let type: String
    package let physical: String?
    package let number: Int?
    package let mtu: Int
    package let isExternal: Bool
    package var subnets: [WireSubnet]
    /// The other hosts that it has ports on, where it is carried by tunnels.
    package var peers: [WirePeer] = []

    package init(
        id: String, type: String, physical: String?, number: Int?, mtu: Int, isExternal: Bool, subnets: [WireSubnet]
    ) {
        self.id = id
        self.type = type
        self.physical = physical
        self.number = number
        self.mtu = mtu
        self.isExternal = isExternal
        self.subnets = subnets
    }

    package init(_ json: JSON) throws(Failure) {
        id = try json.text("id")
        type = try json.text("type")
        physical = json["physical"]?.string
        number = json["number"]?.integer.map { Int($0) }
        mtu = try json.number("mtu")
        isExternal = try json.flag("external")
        subnets = try json.list("subnets", of: WireSubnet.init)
        peers = try json.list("peers", of: WirePeer.init)
    }

    package var json: JSON {
        [
            "id": .string(id), "type": .string(type), "physical": JSON(physical), "number": JSON(number),
            "mtu": JSON(mtu), "external": .bool(isExternal), "subnets": JSON(list: subnets),
            "peers": JSON(list: peers),
        ]
    }
}

/// Another host that a network has ports on.
package struct WirePeer: JSONCoded, Hashable {
    /// Who is there: known beforehand, so that nobody has to be looked for by asking everybody.
    package struct Port: JSONCoded, Hashable {
        package let mac: String
        package let addresses: [String]

        package init(mac: String, addresses: [String]) {
            self.mac = mac
            self.addresses = addresses
        }

        package init(_ json: JSON) throws(Failure) {
            mac = try json.text("mac")
            addresses = json["addresses"]?.array?.compactMap(\.string) ?? []
        }

        package var json: JSON { ["mac": .string(mac), "addresses": JSON(addresses)] }
    }

    /// Where the host's end of tunnels is.
    package let tunnel: String
    package var ports: [Port]

    package init(tunnel: String, ports: [Port]) {
        self.tunnel = tunnel
        self.ports = ports
    }

    package init(_ json: JSON) throws(Failure) {
        tunnel = try json.text("tunnel")
        ports = try json.list("ports", of: Port.init)
    }

    package var json: JSON { ["tunnel": .string(tunnel), "ports": JSON(list: ports)] }
}

package struct WireRoute: JSONCoded, Hashable {
    package let destination: String
    package let hop: String

    package init(destination: String, hop: String) {
        self.destination = destination
        self.hop = hop
    }

    package init(_ json: JSON) throws(Failure) {
        destination = try json.text("destination")
        hop = try json.text("nexthop")
    }

    package var json: JSON { ["destination": .string(destination), "nexthop": .string(hop)] }
}

package struct WireSubnet: JSONCoded, Equatable {
    package let id: String
    package let cidr: String
    package let gateway: String?
    package let hasDHCP: Bool
    package let nameservers: [String]
    package let routes: [WireRoute]
    package let announcements: String?
    package let addressMode: String?

    package init(
        id: String, cidr: String, gateway: String?, hasDHCP: Bool, nameservers: [String], routes: [WireRoute],
        announcements: String?, addressMode: String?
    ) {
        self.id = id
        self.cidr = cidr
        self.gateway = gateway
        self.hasDHCP = hasDHCP
        self.nameservers = nameservers
        self.routes = routes
        self.announcements = announcements
        self.addressMode = addressMode
    }

    package init(_ json: JSON) throws(Failure) {
        id = try json.text("id")
        cidr = try json.text("cidr")
        gateway = json["gateway"]?.string
        hasDHCP = try json.flag("dhcp")
        nameservers = json["nameservers"]?.array?.compactMap(\.string) ?? []
        routes = try json.list("routes", of: WireRoute.init)
        announcements = json["announcements"]?.string
        addressMode = json["address_mode"]?.string
    }

    package var json: JSON {
        [
            "id": .string(id), "cidr": .string(cidr), "gateway": JSON(gateway), "dhcp": .bool(hasDHCP),
            "nameservers": JSON(nameservers), "routes": JSON(list: routes), "announcements": JSON(announcements),
            "address_mode": JSON(addressMode),
        ]
    }
}

package struct WirePort: JSONCoded, Equatable {
    package struct Fixed: JSONCoded, Hashable {
        package let subnet: String
        package let address: String

        package init(subnet: String, address: String) {
            self.subnet = subnet
            self.address = address
        }

        package init(_ json: JSON) throws(Failure) {
            subnet = try json.text("subnet")
            address = try json.text("address")
        }

        package var json: JSON { ["subnet": .string(subnet), "address": .string(address)] }
    }

    /// An address, or a range of them, that a port may also speak for.
    package struct Pair: JSONCoded, Hashable {
        package let address: String
        package let mac: String

        package init(address: String, mac: String) {
            self.address = address
            self.mac = mac
        }

        package init(_ json: JSON) throws(Failure) {
            address = try json.text("ip_address")
            mac = try json.text("mac_address")
        }

        package var json: JSON { ["ip_address": .string(address), "mac_address": .string(mac)] }
    }

    package struct Option: JSONCoded, Hashable {
        package let name: String
        package let value: String
        package let version: Int

        package init(name: String, value: String, version: Int) {
            self.name = name
            self.value = value
            self.version = version
        }

        package init(_ json: JSON) throws(Failure) {
            name = try json.text("opt_name")
            value = try json.text("opt_value")
            version = json["ip_version"]?.integer.map { Int($0) } ?? 4
        }

        package var json: JSON {
            ["opt_name": .string(name), "opt_value": .string(value), "ip_version": JSON(version)]
        }
    }

    /// How much may go one way.
    package struct Limit: JSONCoded, Hashable {
        package enum Unit: String, Sendable { case bytes, packets }

        package let isIngress: Bool
        package let unit: Unit
        package let perSecond: Int
        package let burst: Int

        package init(isIngress: Bool, unit: Unit, perSecond: Int, burst: Int) {
            self.isIngress = isIngress
            self.unit = unit
            self.perSecond = perSecond
            self.burst = burst
        }

        package init(_ json: JSON) throws(Failure) {
            isIngress = try json.flag("ingress")
            unit = Unit(rawValue: try json.text("unit")) ?? .bytes
            perSecond = try json.number("per_second")
            burst = try json.number("burst")
        }

        package var json: JSON {
            [
                "ingress": .bool(isIngress), "unit": .string(unit.rawValue), "per_second": JSON(perSecond),
                "burst": JSON(burst),
            ]
        }
    }

    /// Where what goes over it is copied to.
    package struct Mirror: JSONCoded, Hashable {
        /// Another port of the same host.
        package let to: String
        package let incoming: Bool
        package let outgoing: Bool
        /// `189,999-1008`; nil: everything.
        package let vlans: String?

        package init(to: String, incoming: Bool, outgoing: Bool, vlans: String?) {
            self.to = to
            self.incoming = incoming
            self.outgoing = outgoing
            self.vlans = vlans
        }

        package init(_ json: JSON) throws(Failure) {
            to = try json.text("to")
            incoming = try json.flag("incoming")
            outgoing = try json.flag("outgoing")
            vlans = json["vlans"]?.string
        }

        package var json: JSON {
            [
                "to": .string(to), "incoming": .bool(incoming), "outgoing": .bool(outgoing), "vlans": JSON(vlans),
            ]
        }
    }

    /// Which of its packets are written down.
    package struct Log: JSONCoded, Hashable {
        package let id: String
        /// The group by whose rules they pass; nil: any.
        package let group: String?
        package let accepted: Bool
        package let dropped: Bool

        package init(id: String, group: String?, accepted: Bool, dropped: Bool) {
            self.id = id
            self.group = group
            self.accepted = accepted
            self.dropped = dropped
        }

        package init(_ json: JSON) throws(Failure) {
            id = try json.text("id")
            group = json["group"]?.string
            accepted = try json.flag("accepted")
            dropped = try json.flag("dropped")
        }

        package var json: JSON {
            [
                "id": .string(id), "group": JSON(group), "accepted": .bool(accepted), "dropped": .bool(dropped),
            ]
        }
    }

    package let id: String
    package let network: String
    package let mac: String
    package var fixed: [Fixed]
    package let device: String
    package let owner: String
    package let host: String
    package let isUp: Bool
    package let isFiltered: Bool
    package var groups: [String]
    package let pairs: [Pair]
    package let options: [Option]
    package let isActive: Bool
    /// What its policy says of how its traffic goes.
    package var limits: [Limit] = []
    package var mark: Int?
    /// Whose frames may come to it, by hardware; nil: anybody's.
    package var hears: [String]?
    package var logs: [Log] = []
    package var mirrors: [Mirror] = []

    package init(
        id: String, network: String, mac: String, fixed: [Fixed], device: String, owner: String, host: String,
        isUp: Bool, isFiltered: Bool, groups: [String], pairs: [Pair], options: [Option], isActive: Bool
    ) {
        self.id = id
        self.network = network
        self.mac = mac
        self.fixed = fixed
        self.device = device
        self.owner = owner
        self.host = host
        self.isUp = isUp
        self.isFiltered = isFiltered
        self.groups = groups
        self.pairs = pairs
        self.options = options
        self.isActive = isActive
    }

    package init(_ json: JSON) throws(Failure) {
        self.init(
            id: try json.text("id"), network: try json.text("network"), mac: try json.text("mac"),
            fixed: try json.list("fixed", of: Fixed.init), device: try json.text("device"),
            owner: try json.text("owner"), host: try json.text("host"), isUp: try json.flag("up"),
            isFiltered: try json.flag("filtered"), groups: json["groups"]?.array?.compactMap(\.string) ?? [],
            pairs: try json.list("pairs", of: Pair.init), options: try json.list("options", of: Option.init),
            isActive: try json.flag("active"))
        limits = try json.list("limits", of: Limit.init)
        mark = json["mark"]?.integer.map { Int($0) }
        hears = json["hears"]?.array?.compactMap(\.string)
        logs = try json.list("logs", of: Log.init)
        mirrors = try json.list("mirrors", of: Mirror.init)
    }

    package var json: JSON {
        [
            "id": .string(id), "network": .string(network), "mac": .string(mac), "fixed": JSON(list: fixed),
            "device": .string(device), "owner": .string(owner), "host": .string(host), "up": .bool(isUp),
            "filtered": .bool(isFiltered), "groups": JSON(groups), "pairs": JSON(list: pairs),
            "options": JSON(list: options), "active": .bool(isActive),
            "limits": JSON(list: limits), "mark": JSON(mark), "hears": hears.map { JSON($0) } ?? .null,
            "logs": JSON(list: logs), "mirrors": JSON(list: mirrors),
        ]
    }
}

package struct WireGroup: JSONCoded, Equatable {
    package struct Rule: JSONCoded, Hashable {
        package let isIngress: Bool
        package let family: Int
        package let transport: String?
        package let low: Int?
        package let high: Int?
        package let prefix: String?
        package let group: String?

        package init(
            isIngress: Bool, family: Int, transport: String?, low: Int?, high: Int?, prefix: String?, group: String?
        ) {
            self.isIngress = isIngress
            self.family = family
            self.transport = transport
            self.low = low
            self.high = high
            self.prefix = prefix
            self.group = group
        }

        package init(_ json: JSON) throws(Failure) {
            self.init(
                isIngress: try json.flag("ingress"), family: try json.number("family"),
                transport: json["protocol"]?.string, low: json["low"]?.integer.map { Int($0) },
                high: json["high"]?.integer.map { Int($0) }, prefix: json["prefix"]?.string,
                group: json["group"]?.string)
        }

        package var json: JSON {
            [
                "ingress": .bool(isIngress), "family": JSON(family), "protocol": JSON(transport), "low": JSON(low),
                "high": JSON(high), "prefix": JSON(prefix), "group": JSON(group),
            ]
        }
    }

    package let id: String
    package let isStateful: Bool
    package var rules: [Rule]
    /// The addresses of those who are in it, wherever they are.
    package var members: [String]

    package init(id: String, isStateful: Bool, rules: [Rule], members: [String]) {
        self.id = id
        self.isStateful = isStateful
        self.rules = rules
        self.members = members
    }

    package init(_ json: JSON) throws(Failure) {
        id = try json.text("id")
        isStateful = try json.flag("stateful")
        rules = try json.list("rules", of: Rule.init)
        members = json["members"]?.array?.compactMap(\.string) ?? []
    }

    package var json: JSON {
        [
            "id": .string(id), "stateful": .bool(isStateful), "rules": JSON(list: rules), "members": JSON(members),
        ]
    }
}

package struct WireRouter: JSONCoded, Equatable {
    /// An address outside and the one inside that it stands for.
    package struct Floating: JSONCoded, Hashable {
        package let outside: String
        package let inside: String

        package init(outside: String, inside: String) {
            self.outside = outside
            self.inside = inside
        }

        package init(_ json: JSON) throws(Failure) {
            outside = try json.text("outside")
            inside = try json.text("inside")
        }

        package var json: JSON { ["outside": .string(outside), "inside": .string(inside)] }
    }

    /// A single port of an address outside, and the one inside that it leads to.
    package struct Forwarding: JSONCoded, Hashable {
        package let outside: String
        package let transport: String
        package let outsidePort: Int
        package let inside: String
        package let insidePort: Int

        package init(outside: String, transport: String, outsidePort: Int, inside: String, insidePort: Int) {
            self.outside = outside
            self.transport = transport
            self.outsidePort = outsidePort
            self.inside = inside
            self.insidePort = insidePort
        }

        package init(_ json: JSON) throws(Failure) {
            self.init(
                outside: try json.text("outside"), transport: try json.text("protocol"),
                outsidePort: try json.number("outside_port"), inside: try json.text("inside"),
                insidePort: try json.number("inside_port"))
        }

        package var json: JSON {
            [
                "outside": .string(outside), "protocol": .string(transport), "outside_port": JSON(outsidePort),
                "inside": .string(inside), "inside_port": JSON(insidePort),
            ]
        }
    }

    package let id: String
    package let isUp: Bool
    package let hidesInside: Bool
    package let routes: [WireRoute]
    package var floating: [Floating]
    package var forwardings: [Forwarding]
    /// IPv6 addresses inside that it answers for outside.
    package var proxied: [String]

    package init(
        id: String, isUp: Bool, hidesInside: Bool, routes: [WireRoute], floating: [Floating],
        forwardings: [Forwarding] = [], proxied: [String] = []
    ) {
        self.id = id
        self.isUp = isUp
        self.hidesInside = hidesInside
        self.routes = routes
        self.floating = floating
        self.forwardings = forwardings
        self.proxied = proxied
    }

    package init(_ json: JSON) throws(Failure) {
        id = try json.text("id")
        isUp = try json.flag("up")
        hidesInside = try json.flag("snat")
        routes = try json.list("routes", of: WireRoute.init)
        floating = try json.list("floating", of: Floating.init)
        forwardings = try json.list("forwardings", of: Forwarding.init)
        proxied = json["proxied"]?.array?.compactMap(\.string) ?? []
    }

    package var json: JSON {
        [
            "id": .string(id), "up": .bool(isUp), "snat": .bool(hidesInside), "routes": JSON(list: routes),
            "floating": JSON(list: floating), "forwardings": JSON(list: forwardings), "proxied": JSON(proxied),
        ]
    }
}

/// A host's sign of life: the agents there, and the ports that became, or are no longer, connected.
package struct WireReport: JSONCoded {
    package struct Agent: JSONCoded {
        package let type: String
        package let program: String
        package let topic: String
        package let configurations: JSON

        package init(type: String, program: String, topic: String, configurations: JSON) {
            self.type = type
            self.program = program
            self.topic = topic
            self.configurations = configurations
        }

        package init(_ json: JSON) throws(Failure) {
            type = try json.text("type")
            program = try json.text("program")
            topic = try json.text("topic")
            configurations = try json.member("configurations")
        }

        package var json: JSON {
            [
                "type": .string(type), "program": .string(program), "topic": .string(topic),
                "configurations": configurations,
            ]
        }
    }

    package let host: String
    package let started: Moment
    package let agents: [Agent]
    package let up: [String]
    package let down: [String]

    package init(host: String, started: Moment, agents: [Agent], up: [String], down: [String]) {
        self.host = host
        self.started = started
        self.agents = agents
        self.up = up
        self.down = down
    }

    package init(_ json: JSON) throws(Failure) {
        host = try json.text("host")
        started = Moment(microseconds: Int64(try json.number("started")))
        agents = try json.list("agents", of: Agent.init)
        up = json["up"]?.array?.compactMap(\.string) ?? []
        down = json["down"]?.array?.compactMap(\.string) ?? []
    }

    package var json: JSON {
        [
            "host": .string(host), "started": JSON(started), "agents": JSON(list: agents), "up": JSON(up),
            "down": JSON(down),
        ]
    }
}

/// Asked for metadata: by whom? An address means something on one network, or on those that a router joins.
package struct AddressQuestion: JSONCoded {
    package let network: String?
    package let router: String?
    package let address: String

    package init(network: String?, router: String?, address: String) {
        self.network = network
        self.router = router
        self.address = address
    }

    package init(_ json: JSON) throws(Failure) {
        network = json["network"]?.string
        router = json["router"]?.string
        address = try json.text("address")
    }

    package var json: JSON { ["network": JSON(network), "router": JSON(router), "address": .string(address)] }
}

package struct AddressOwner: JSONCoded {
    /// The server, by its id; nil where nobody has the address.
    package let device: String?
    package let host: String

    package init(device: String?, host: String) {
        self.device = device
        self.host = host
    }

    package init(_ json: JSON) throws(Failure) {
        device = json["device"]?.string
        host = try json.text("host")
    }

    package var json: JSON { ["device": JSON(device), "host": .string(host)] }
}
