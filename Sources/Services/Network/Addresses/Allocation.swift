import Base
import SQL

/// Which addresses a port gets: what was asked for, checked, and what was left open, chosen.
struct Allocation {
    let desk: Desk
    let network: String
    /// Those in which the port may have addresses at all: routers may be asked to any.
    let subnets: [Subnet]
    /// Those that are for ports of its kind, best first.
    private let fitting: [Subnet]
    let mac: MACAddress
    let owner: String
    /// What the port has already and may keep.
    let current: [FixedIP]

    init(_ desk: Desk, network: String, mac: MACAddress, owner: String, current: [FixedIP] = []) throws(Failure) {
        self.desk = desk
        self.network = network
        self.mac = mac
        self.owner = owner
        self.current = current
        let all = try desk.subnets(of: network)
        // What is kept for an owner comes before what is for everybody.
        let open = all.filter { $0.isFor(owner) }
        fitting = open.filter { !$0.serviceTypes.isEmpty } + open.filter(\.serviceTypes.isEmpty)
        subnets = owner.hasPrefix("network:") ? all : fitting
        guard subnets.isEmpty, !all.isEmpty else { return }
        throw .clash(
            "IpAddressGenerationFailureNoMatchingSubnet",
            "No valid service subnet for the given device owner, network \(network), service type \(owner).")
    }

    /// Routers and DHCP have addresses of their own choice also where hosts make theirs from their hardware's.
    private var choosesFreely: Bool { owner.hasPrefix("network:") }

    /// One address of each family where there is one to be had, and those that the host will give itself.
    func whatever() throws(Failure) -> [FixedIP] {
        var chosen: [FixedIP] = []
        for family in [IPAddress.Family.v4, .v6] {
            let candidates = fitting.filter { $0.cidr.family == family && (!$0.isAutomatic || choosesFreely) }
            guard !candidates.isEmpty else { continue }
            var found: FixedIP?
            for subnet in candidates where found == nil {
                found = try desk.freeAddress(in: subnet).map { FixedIP(subnet: subnet.id, address: $0) }
            }
            guard let found else { throw exhausted }
            chosen.append(found)
        }
        if !choosesFreely { chosen += automatic(besides: chosen) }
        return chosen
    }

    /// The addresses of a list such as `[{"subnet_id": …}, {"ip_address": …}]`.
    func wished(_ wishes: [JSON.Object]) throws(Failure) -> [FixedIP] {
        var chosen: [FixedIP] = []
        for wish in wishes {
            let fixed = try one(wish, besides: chosen)
            guard !chosen.contains(where: { $0.address == fixed.address }) else {
                throw .input("Duplicate IP address '\(fixed.address)'")
            }
            chosen.append(fixed)
            // The next wish must not be given the same address.
            if !current.contains(fixed), wishes.count > 1 { try reserve(fixed) }
        }
        if wishes.count > 1 { try release(chosen) }
        if !choosesFreely, !wishes.isEmpty { chosen += automatic(besides: chosen) }
        return chosen
    }

    private func reserve(_ fixed: FixedIP) throws(Failure) {
        try desk.give(fixed, to: "", on: network, place: 0)
    }

    private func release(_ chosen: [FixedIP]) throws(Failure) {
        try desk.tx.run("DELETE FROM network_address WHERE network_id = \(network) AND port_id = ''")
    }

    private func one(_ wish: JSON.Object, besides chosen: [FixedIP]) throws(Failure) -> FixedIP {
        let subnet = try wish.text("subnet_id").map { id throws(Failure) in try self.subnet(id) }
        guard let text = wish.text("ip_address") else {
            guard let subnet else { throw .input("IP allocation requires subnet_id or ip_address") }
            return try any(in: subnet, besides: chosen)
        }
        guard let address = IPAddress(text) else { throw .input("'\(text)' is not a valid IP address") }
        let home = subnet ?? subnets.first { $0.cidr.contains(address) }
        guard let home else {
            throw .wrong(
                "InvalidIpForNetwork",
                "IP address \(address) is not a valid IP for any of the subnets on the specified network.")
        }
        guard home.cidr.contains(address) else {
            throw .wrong("InvalidIpForSubnet", "IP address \(address) is not a valid IP for the specified subnet.")
        }
        let fixed = FixedIP(subnet: home.id, address: address)
        if home.isAutomatic, !choosesFreely, address != IPAddress(in: home.cidr, of: mac) {
            throw .input(
                "IPv6 address \(address) can not be directly assigned to a port on subnet \(home.id) since the subnet is configured for automatic addresses"
            )
        }
        return fixed
    }

    private func subnet(_ id: String) throws(Failure) -> Subnet {
        if let subnet = subnets.first(where: { $0.id == id }) { return subnet }
        guard try desk.tx.exists("SELECT 1 FROM network_subnet WHERE id = \(id)") else {
            throw Resource.subnet.missing(id)
        }
        throw .input(
            "Failed to create port on network \(network), because fixed_ips included invalid subnet \(id)")
    }

    private func any(in subnet: Subnet, besides chosen: [FixedIP]) throws(Failure) -> FixedIP {
        if subnet.isAutomatic, !choosesFreely {
            return FixedIP(subnet: subnet.id, address: IPAddress(in: subnet.cidr, of: mac))
        }
        if let kept = current.first(where: { $0.subnet == subnet.id && !chosen.contains($0) }) { return kept }
        guard let address = try desk.freeAddress(in: subnet) else { throw exhausted }
        return FixedIP(subnet: subnet.id, address: address)
    }

    /// The addresses that a host makes itself, in subnets where routers tell it to.
    private func automatic(besides chosen: [FixedIP]) -> [FixedIP] {
        subnets.filter { subnet in subnet.isAutomatic && !chosen.contains { $0.subnet == subnet.id } }
            .map { FixedIP(subnet: $0.id, address: IPAddress(in: $0.cidr, of: mac)) }
    }

    private var exhausted: Failure {
        .clash("IpAddressGenerationFailure", "No more IP addresses available on network \(network).")
    }
}
