import API
import Base
import SQL

/// A subnet as the rules about addresses see it.
struct Subnet: Sendable {
    let id: String
    let cidr: IPNetwork
    let gateway: IPAddress?
    let pools: [AddressRange]
    /// Whether hosts make their own addresses from their hardware's.
    let isAutomatic: Bool
    /// The owners of ports that it is for; for all where none is named.
    let serviceTypes: [String]

    init?(_ document: Document) {
        guard let cidr = document.text("cidr").flatMap({ IPNetwork($0) }) else { return nil }
        id = document.id
        self.cidr = cidr
        gateway = document.text("gateway_ip").flatMap { IPAddress($0) }
        pools = document.objects("allocation_pools").compactMap { AddressRange($0) }
        isAutomatic = ["slaac", "dhcpv6-stateless"].contains(document.text("ipv6_address_mode") ?? "")
        serviceTypes = document.texts("service_types")
    }

    /// Whoever gives addresses has one wherever there are any to give.
    func isFor(_ owner: String) -> Bool {
        serviceTypes.isEmpty || serviceTypes.contains(owner) || owner == DeviceOwner.dhcp
    }
}

extension Desk {
    func subnets(of network: String) throws(Failure) -> [Subnet] {
        try rows(.subnet, where: "network_id = \(network)", then: " ORDER BY created_at, id").compactMap { Subnet($0) }
    }
}

extension Resource {
    /// A subnet: a range of addresses on a network, and what hosts there are told.
    static let subnet: Resource = Resource(
        "subnet", "subnets", table: "network_subnet",
        parent: Parent(
            resource: .network, key: "network_id", column: "network_id", prefix: "network",
            lends: ["shared", "router:external"]),
        quota: 100, isTagged: true, missing: { .missing("SubnetNotFound", "Subnet \($0) could not be found.") },
        attributes: [.id, .name, .project] + SubnetRows.attributes + Attribute.standard,
        create: SubnetRows.create, update: SubnetRows.update, delete: SubnetRows.delete, derive: SubnetRows.derive,
        sources: SubnetRows.sources)
}

/// A subnet's own attributes and rules.
enum SubnetRows {
    private static let modes: Shape = .nullable(.choice(["dhcpv6-stateful", "dhcpv6-stateless", "slaac"]))
    private static let address: Shape = .text(1...64, format: .ipAddress)
    private static let range: Shape = .object(
        Fields([.required("start", address), .required("end", address)], others: .allowed))
    static let route: Shape = .object(
        Fields([.required("destination", .text(1...64, format: .cidr)), .required("nexthop", address)]))

    static let attributes: [Attribute] = [
        Attribute("network_id", .text, set: .create, .uuid, or: .required),
        Attribute("ip_version", .integer, set: .create, .looseInteger(0...255), or: .required, as: version),
        Attribute("cidr", .text, set: .create, .nullable(.text(1...64, format: .cidr)), as: Normal.cidr),
        Attribute("subnetpool_id", .text, set: .create, .nullable(.text(1...36))),
        Attribute("prefixlen", nil, set: .create, .looseInteger(0...128), isVisible: false),
        Attribute("use_default_subnetpool", nil, set: .create, .looseBoolean, isVisible: false),
        Attribute("gateway_ip", .text, set: .always, .nullable(address), as: Normal.address),
        Attribute("allocation_pools", .json, set: .always, .list(of: range)),
        Attribute(
            "dns_nameservers", .json, set: .always, .nullable(.list(of: address, count: 0...5, unique: true)),
            or: .value([]), as: Normal.list),
        Attribute(
            "host_routes", .json, set: .always, .nullable(.list(of: route, count: 0...20, unique: true)),
            or: .value([]), as: Normal.list),
        Attribute("enable_dhcp", .boolean, set: .always, .looseBoolean, or: .value(true)),
        Attribute("ipv6_ra_mode", .text, set: .create, modes),
        Attribute("ipv6_address_mode", .text, set: .create, modes),
        Attribute("router:external", nil),
        Attribute("service_types", .json, set: .always, .list(of: .text(1...255)), or: .value([])),
    ]

    private static let version: Attribute.Normal = { value throws(Failure) in
        guard let number = value.looseInteger, number == 4 || number == 6 else {
            throw .invalid("Invalid input for ip_version. Reason: '\(value.plain)' is not in [4, 6].")
        }
        return .integer(number)
    }

    // MARK: Rules

    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        let network = try desk.visible(.network, draft.text("network_id") ?? "")
        try choosePool(&draft, desk)
        if draft.says("subnetpool_id") { try desk.cutSubnet(&draft) }
        guard let cidr = draft.text("cidr").flatMap({ IPNetwork($0) }) else {
            throw .badRequest("subnets", "a subnetpool must be specified in the absence of a cidr")
        }
        try SubnetCheck(draft, cidr).all()
        try NetworkRows.requireMTU(network.integer("mtu") ?? 0, for: cidr.family, on: network.id)
        for other in try desk.subnets(of: network.id) where other.cidr.overlaps(cidr) {
            throw .input(
                "Requested subnet with cidr: \(cidr) for network: \(network.id) overlaps with another subnet")
        }
        let gateway = draft.has("gateway_ip") ? draft.text("gateway_ip").flatMap { IPAddress($0) } : cidr.firstHost
        draft["gateway_ip"] = .optional(gateway?.description)
        let given =
            draft.has("allocation_pools") ? draft.objects("allocation_pools").compactMap { AddressRange($0) } : nil
        let pools = try given.map { given throws(Failure) in try SubnetCheck.pools(given, cidr, gateway) }
        draft["allocation_pools"] = .array((pools ?? cidr.pools(without: gateway)).map(\.json))
        try desk.insert(.subnet, draft)
        try desk.touch(.network, network.id)
        try giveAutomatic(draft, desk)
        try desk.followSubnets(of: network.id)
    }

    private static func choosePool(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        guard draft.flag("use_default_subnetpool") else { return }
        guard !draft.says("subnetpool_id") else {
            throw .badRequest("subnets", "subnetpool_id and use_default_subnetpool cannot both be specified")
        }
        let version = draft.integer("ip_version") ?? 4
        guard
            let pool = try desk.rows(.subnetPool, where: "is_default = 1 AND ip_version = \(version)").first
        else { throw .badRequest("subnets", "No default subnetpool found for IPv\(version)") }
        draft["subnetpool_id"] = .string(pool.id)
    }

    /// Where hosts make their own addresses, those that are there already have one now.
    private static func giveAutomatic(_ document: Document, _ desk: Desk) throws(Failure) {
        guard let subnet = Subnet(document), subnet.isAutomatic else { return }
        let network = document.text("network_id") ?? ""
        let ports = try desk.rows(.port, where: "network_id = \(network) AND device_owner NOT LIKE 'network:%'")
        for port in ports where subnet.isFor(port.text("device_owner") ?? "") {
            guard let mac = port.text("mac_address").flatMap({ MACAddress($0) }) else { continue }
            let fixed = FixedIP(subnet: subnet.id, address: IPAddress(in: subnet.cidr, of: mac))
            try desk.give(fixed, to: port.id, on: network, place: 100)
        }
        try desk.noteNews(of: ports.map(\.id))
    }

    static let sources: Resource.Sources = { subnets, _ in
        [
            Tags.source(subnets),
            """
            SELECT s.id AS owner, r.action FROM network_subnet s JOIN network_rbac r ON r.object_id = s.network_id
            WHERE s.id IN \(subnets) AND r.action = \(AccessPolicy.Action.external)
            """,
        ]
    }

    static func derive(_ subnets: inout [Document], _ desk: Desk) throws(Failure) {
        let networks = subnets.compactMap { $0.text("network_id") }
        let external = Set(
            try desk.tx.rows(
                """
                SELECT object_id FROM network_rbac
                WHERE object_id IN \(.list(networks)) AND action = \(AccessPolicy.Action.external)
                """
            ) { try $0.text("object_id") })
        for index in subnets.indices {
            subnets[index]["router:external"] = .bool(external.contains(subnets[index].text("network_id") ?? ""))
        }
    }

    static func update(_ changes: inout Document, _ before: Document, _ desk: Desk) throws(Failure) {
        let after = before.merging(changes)
        guard let cidr = before.text("cidr").flatMap({ IPNetwork($0) }) else { throw .bug("A subnet without a cidr.") }
        try SubnetCheck(after, cidr).all()
        let gateway = after.text("gateway_ip").flatMap { IPAddress($0) }
        if changes.has("gateway_ip"), changes["gateway_ip"] != before["gateway_ip"] {
            try requireUnusedGateway(before, desk)
        }
        if changes.has("allocation_pools") || changes.has("gateway_ip") {
            let pools = after.objects("allocation_pools").compactMap { AddressRange($0) }
            changes["allocation_pools"] = .array(try SubnetCheck.pools(pools, cidr, gateway).map(\.json))
        }
        try desk.change(.subnet, before.id, changes)
        try desk.touch(.network, before.text("network_id") ?? "")
        if changes.has("enable_dhcp") { try desk.followSubnets(of: before.text("network_id") ?? "") }
    }

    private static func requireUnusedGateway(_ subnet: Document, _ desk: Desk) throws(Failure) {
        guard let gateway = subnet.text("gateway_ip").flatMap({ IPAddress($0) }) else { return }
        let port = try desk.tx.row(
            """
            SELECT p.id FROM network_port p JOIN network_address a ON a.port_id = p.id
            WHERE a.subnet_id = \(subnet.id) AND a.address_key = \(gateway.key)
            AND p.device_owner = \(DeviceOwner.routerInterface)
            """
        ) { try $0.text("id") }
        guard let port else { return }
        throw .clash(
            "GatewayIpInUse",
            "Current gateway ip \(gateway) already in use by port \(port). Unable to update.")
    }

    static func delete(_ subnet: Document, _ desk: Desk) throws(Failure) {
        let free = DeviceOwner.madeBySystem
        let isAutomatic = Subnet(subnet)?.isAutomatic ?? false
        let blocking: SQL = isAutomatic ? "p.device_owner LIKE 'network:router%'" : "1 = 1"
        guard
            try !desk.tx.exists(
                """
                SELECT 1 FROM network_address a JOIN network_port p ON p.id = a.port_id
                WHERE a.subnet_id = \(subnet.id) AND p.device_owner NOT IN \(.list(free)) AND \(blocking)
                """)
        else {
            throw .clash(
                "SubnetInUse",
                "Unable to complete operation on subnet \(subnet.id): One or more ports have an IP allocation from this subnet."
            )
        }
        let losing: SQL = "SELECT port_id FROM network_address WHERE subnet_id = \(subnet.id)"
        try desk.noteNews(of: try desk.tx.rows(losing) { try $0.text("port_id") })
        try desk.tx.run("DELETE FROM network_address WHERE subnet_id = \(subnet.id)")
        try desk.remove(.subnet, subnet.id)
        try desk.touch(.network, subnet.text("network_id") ?? "")
        try desk.followSubnets(of: subnet.text("network_id") ?? "")
    }
}

extension IPNetwork {
    /// Where the gateway stands when nobody says.
    var firstHost: IPAddress { family.bits - prefix <= 1 ? first : first.advanced(by: 1) }
}

/// The one spelling of addresses and lists, however they were written.
enum Normal {
    static let address: Attribute.Normal = { value throws(Failure) in
        value.string.flatMap { IPAddress($0) }.map { .string($0.description) } ?? value
    }
    static let cidr: Attribute.Normal = { value throws(Failure) in
        value.string.flatMap { IPNetwork($0) }.map { .string($0.network.description) } ?? value
    }
    static let mac: Attribute.Normal = { value throws(Failure) in
        value.string.flatMap { MACAddress($0) }.map { .string($0.description) } ?? value
    }
    static let list: Attribute.Normal = { value throws(Failure) in value.isNull ? [] : value }
}
