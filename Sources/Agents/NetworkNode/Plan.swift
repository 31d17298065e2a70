import Base

/// The difference between what is there and what is to be, as lines for `ip -batch`. What is right already is in none of
/// them, so a second look at the same finds nothing to do.
enum Plan {
    /// What the host's own devices lack. Devices are known as ours by an alias, which says whose cloud made them.
    struct Host: Equatable {
        var removals: [String] = []
        var additions: [String] = []
    }

    static func host(_ layout: Layout, _ links: [String: Link], mark: String) -> Host {
        var plan = Host()
        var wanted: Set<String> = []
        for bridge in layout.bridges {
            wanted.insert(bridge.name)
            plan.additions += lines(bridge, links, mark)
            if let vlan = bridge.vlan, let device = bridge.uplink { wanted.insert(vlanName(device, vlan)) }
        }
        for tunnel in layout.tunnels {
            wanted.insert(tunnel.name)
            plan.additions += lines(tunnel, links, mark)
        }
        for tap in layout.taps {
            wanted.insert(tap.name)
            plan.additions += lines(tap, links, mark)
        }
        for pair in layout.spaces.flatMap(\.pairs) {
            wanted.insert(pair.outer)
        }
        let ours = links.values.filter { $0.alias == mark && !wanted.contains($0.name) }
        plan.removals = ours.map(\.name).sorted().map { "link delete dev \($0)" }
        return plan
    }

    private static func lines(_ bridge: Layout.Bridge, _ links: [String: Link], _ mark: String) -> [String] {
        var lines: [String] = []
        let name = bridge.name
        let link = links[name]
        if link == nil {
            lines.append(
                "link add name \(name) address \(bridge.mac) type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
            lines.append("link set dev \(name) alias \(mark)")
        }
        if link?.mtu != bridge.mtu { lines.append("link set dev \(name) mtu \(bridge.mtu)") }
        if link?.isUp != true { lines.append("link set dev \(name) up") }
        lines += addresses(bridge.addresses, link, on: name)
        return lines + uplink(bridge, links, mark)
    }

    private static func uplink(_ bridge: Layout.Bridge, _ links: [String: Link], _ mark: String) -> [String] {
        guard let device = bridge.uplink else { return [] }
        var lines: [String] = []
        var end = device
        if let vlan = bridge.vlan {
            end = vlanName(device, vlan)
            if links[end] == nil {
                lines.append("link add link \(device) name \(end) type vlan id \(vlan)")
                lines.append("link set dev \(end) alias \(mark)")
            }
        }
        if links[end]?.master != bridge.name { lines.append("link set dev \(end) master \(bridge.name)") }
        if links[end]?.isUp != true { lines.append("link set dev \(end) up") }
        return lines
    }

    private static func vlanName(_ device: String, _ vlan: Int) -> String { "\(device.prefix(10)).\(vlan)" }

    /// It learns nothing by itself and sends nothing around: who is where is known beforehand.
    private static func lines(_ tunnel: Layout.Tunnel, _ links: [String: Link], _ mark: String) -> [String] {
        var lines: [String] = []
        let name = tunnel.name
        let link = links[name]
        if link == nil {
            lines.append(
                "link add name \(name) type vxlan id \(tunnel.number) local \(tunnel.local) dstport 4789 nolearning")
            lines.append("link set dev \(name) alias \(mark) addrgenmode none")
        }
        if link?.mtu != tunnel.mtu { lines.append("link set dev \(name) mtu \(tunnel.mtu)") }
        if link?.master != tunnel.bridge {
            lines.append("link set dev \(name) master \(tunnel.bridge)")
            lines.append("link set dev \(name) type bridge_slave learning off flood off neigh_suppress on")
        }
        if link?.isUp != true { lines.append("link set dev \(name) up") }
        return lines
    }

    private static func lines(_ tap: Layout.Tap, _ links: [String: Link], _ mark: String) -> [String] {
        var lines: [String] = []
        let link = links[tap.name]
        if link == nil {
            lines.append("tuntap add dev \(tap.name) mode tap")
            lines.append("link set dev \(tap.name) alias \(mark) addrgenmode none")
        }
        if link?.mtu != tap.mtu { lines.append("link set dev \(tap.name) mtu \(tap.mtu)") }
        if link?.master != tap.bridge { lines.append("link set dev \(tap.name) master \(tap.bridge)") }
        if link?.isUp != tap.isUp { lines.append("link set dev \(tap.name) \(tap.isUp ? "up" : "down")") }
        return lines
    }

    /// The outer ends, once the namespaces are there that the inner ones go to.
    static func pairs(_ space: Layout.Space, _ links: [String: Link], mark: String) -> [String] {
        var lines: [String] = []
        for pair in space.pairs {
            let link = links[pair.outer]
            if link == nil {
                lines.append(
                    "link add name \(pair.outer) mtu \(pair.mtu) type veth peer name \(pair.inner) address \(pair.mac) netns \(space.name)"
                )
                lines.append("link set dev \(pair.outer) alias \(mark) addrgenmode none")
            } else if link?.mtu != pair.mtu {
                lines.append("link set dev \(pair.outer) mtu \(pair.mtu)")
            }
            if link?.master != pair.bridge { lines.append("link set dev \(pair.outer) master \(pair.bridge)") }
            if link?.isUp != true { lines.append("link set dev \(pair.outer) up") }
        }
        return lines
    }

    /// What is done inside of a namespace.
    static func inside(
        _ space: Layout.Space, _ links: [String: Link], _ routes: Set<Route>, mark: String
    ) -> [String] {
        var lines: [String] = []
        if links["lo"]?.isUp != true { lines.append("link set dev lo up") }
        if links["lo"]?.alias != mark { lines.append("link set dev lo alias \(mark)") }
        for pair in space.pairs {
            let link = links[pair.inner]
            if link?.mtu != pair.mtu { lines.append("link set dev \(pair.inner) mtu \(pair.mtu)") }
            if let link, link.mac != pair.mac { lines.append("link set dev \(pair.inner) address \(pair.mac)") }
            if link?.isUp != true { lines.append("link set dev \(pair.inner) up") }
            lines += addresses(pair.addresses, link, on: pair.inner)
        }
        for route in routes.subtracting(space.routes).sorted() {
            lines.append("route delete \(route.destination) via \(route.hop) proto static")
        }
        for route in space.routes.subtracting(routes).sorted() {
            lines.append("route replace \(route.destination) via \(route.hop) proto static")
        }
        return lines
    }

    private static func addresses(_ wanted: Set<String>, _ link: Link?, on name: String) -> [String] {
        let present = link?.addresses ?? []
        let gone = present.subtracting(wanted).sorted().map { "address delete \($0) dev \(name)" }
        let new = wanted.subtracting(present).sorted().map { address in
            "address add \(address) dev \(name)" + (address.contains(":") ? " nodad" : "")
        }
        return new + gone
    }
}

extension Route: Comparable {
    static func < (left: Route, right: Route) -> Bool {
        (left.destination, left.hop) < (right.destination, right.hop)
    }
}
