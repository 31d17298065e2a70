import Base

/// Whether a subnet's values go together.
struct SubnetCheck {
    let subnet: Document
    let cidr: IPNetwork

    init(_ subnet: Document, _ cidr: IPNetwork) {
        self.subnet = subnet
        self.cidr = cidr
    }

    func all() throws(Failure) {
        let version = subnet.integer("ip_version") ?? 4
        guard version == cidr.family.rawValue else {
            throw .input("cidr '\(cidr)' does not match the ip_version '\(version)'")
        }
        guard cidr.prefix > 0 else { throw .input("0 is not allowed as CIDR prefix length") }
        try addresses()
        try modes()
    }

    private func addresses() throws(Failure) {
        if let gateway = subnet.text("gateway_ip").flatMap({ IPAddress($0) }) {
            guard gateway.family == cidr.family else {
                throw .input("gateway_ip '\(gateway)' does not match the ip_version '\(cidr.family.rawValue)'")
            }
            if cidr.contains(gateway), !cidr.hosts.contains(gateway) { throw .input("Gateway is not valid on subnet") }
        }
        for name in subnet.texts("dns_nameservers") where IPAddress(name)?.family != cidr.family {
            throw .input("Nameserver '\(name)' does not match the ip_version '\(cidr.family.rawValue)'")
        }
        for route in subnet.objects("host_routes") {
            let nexthop = route.text("nexthop").flatMap { IPAddress($0) }
            let destination = route.text("destination").flatMap { IPNetwork($0) }
            guard nexthop?.family == cidr.family, destination?.family == cidr.family else {
                throw .input("Invalid route: its addresses do not match the ip_version '\(cidr.family.rawValue)'")
            }
        }
    }

    private func modes() throws(Failure) {
        let advertised = subnet.text("ipv6_ra_mode")
        let addressed = subnet.text("ipv6_address_mode")
        guard advertised != nil || addressed != nil else { return }
        guard cidr.family == .v6 else {
            throw .input("ipv6_ra_mode or ipv6_address_mode are only valid when ip_version is 6")
        }
        guard subnet.flag("enable_dhcp") else {
            throw .input("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
        }
        if let advertised, let addressed, advertised != addressed {
            throw .input(
                "ipv6_ra_mode set to '\(advertised)' with ipv6_address_mode set to '\(addressed)' is not valid. If both attributes are set, they must be the same value"
            )
        }
        let isAutomatic = [advertised, addressed].contains { mode in
            mode.map { ["slaac", "dhcpv6-stateless"].contains($0) } ?? false
        }
        guard !isAutomatic || cidr.prefix == 64 else {
            throw .input(
                "Invalid CIDR \(cidr) for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64"
            )
        }
    }

    /// The pools in order, when each lies within the subnet, apart from the others and from the gateway.
    static func pools(
        _ pools: [AddressRange], _ cidr: IPNetwork, _ gateway: IPAddress?
    ) throws(Failure) -> [AddressRange] {
        let sorted = pools.sorted { $0.first < $1.first }
        for pool in sorted {
            let text = "\(pool.first)-\(pool.last)"
            guard pool.first.family == cidr.family, pool.last.family == cidr.family, pool.first <= pool.last else {
                throw .wrong("InvalidAllocationPool", "The allocation pool \(text) is not valid.")
            }
            guard cidr.hosts.contains(pool.first), cidr.hosts.contains(pool.last) else {
                throw .wrong(
                    "OutOfBoundsAllocationPool", "The allocation pool \(text) spans beyond the subnet cidr \(cidr).")
            }
            if let gateway, pool.contains(gateway) {
                throw .clash(
                    "GatewayConflictWithAllocationPools",
                    "Gateway ip \(gateway) conflicts with allocation pool \(text).")
            }
        }
        for (left, right) in zip(sorted, sorted.dropFirst()) where left.overlaps(right) {
            throw .clash(
                "OverlappingAllocationPools",
                "Found overlapping allocation pools: \(left.first)-\(left.last), \(right.first)-\(right.last) for subnet \(cidr)."
            )
        }
        return sorted
    }
}
