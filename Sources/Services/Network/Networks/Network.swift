import API
import Base
import SQL

extension Resource {
    /// A network: a wire of one's own.
    static let network: Resource = Resource(
        "network", "networks", table: "network_network", quota: 100, isTagged: true,
        missing: { .missing("NetworkNotFound", "Network \($0) could not be found.") },
        attributes: [.id, .name, .project, .isUp] + NetworkRows.attributes + Attribute.standard,
        create: NetworkRows.create, update: NetworkRows.update, delete: NetworkRows.delete, derive: NetworkRows.derive,
        sources: NetworkRows.sources)
}

/// A network's own attributes and rules.
enum NetworkRows {
    static let attributes: [Attribute] = [
        .status,
        .shared("network"),
        Attribute("router:external", nil, set: .always, .looseBoolean, or: .value(false), where: external),
        Attribute("mtu", .integer, set: .always, .looseInteger(0...65_535)),
        Attribute("port_security_enabled", .boolean, set: .always, .looseBoolean, or: .value(true)),
        Attribute("is_default", .boolean, set: .always, .looseBoolean, or: .value(false)),
        Attribute(
            "availability_zone_hints", .json, set: .create, .list(of: .text(1...255), count: 0...10), or: .value([])),
        Attribute("availability_zones", nil),
        PrivateVLAN.ofNetwork,
        QoSRows.networkAttribute,
        Attribute("dns_domain", .text, set: .always, .nullable(.text(0...255)), or: .value(""), as: PortNames.normal),
        Attribute("subnets", nil),
        Attribute("ipv4_address_scope", nil),
        Attribute("ipv6_address_scope", nil),
        Attribute("l2_adjacency", nil),
        Attribute("provider:network_type", nil, set: .always, .text(0...32), where: segment("network_type")),
        Attribute(
            "provider:physical_network", nil, set: .always, .nullable(.text(0...64)), where: segment("physical_network")
        ),
        Attribute(
            "provider:segmentation_id", nil, set: .always, .nullable(.looseInteger(0...4_294_967_295)),
            as: { value throws(Failure) in value.looseInteger.map { .integer($0) } ?? value },
            where: segment("segmentation_id")),
    ]

    private static let external: Attribute.Narrow = { values, viewer in
        let everybodys: SQL = "object_type = 'network' AND action = \(AccessPolicy.Action.external)"
        let given = AccessPolicy.objects(of: "network", .external, for: viewer)
        let ids: SQL = viewer.isAdmin ? "SELECT object_id FROM network_rbac WHERE \(everybodys)" : given
        return .holds(values, "id IN (\(ids))")
    }

    private static func segment(_ column: StaticString) -> Attribute.Narrow {
        { values, _ in
            "id IN (SELECT network_id FROM network_segment WHERE CAST(\(SQL.raw(column)) AS CHAR) IN \(.list(values)))"
        }
    }

    // MARK: Rules

    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        let segment = try segment(of: draft, desk)
        let type = try SegmentType.named(segment.type)
        let largest = desk.service.settings.segments.physicalMTU - type.overhead
        let mtu = draft.integer("mtu") ?? 0
        guard mtu <= largest else { throw .input("Requested MTU is too big, maximum is \(largest)") }
        draft["mtu"] = .number(mtu == 0 ? largest : mtu)
        draft["status"] = "ACTIVE"
        try PrivateVLAN.check(draft)
        try QoSRows.check(draft, nil, desk)
        if !draft.has("qos_policy_id") {
            draft["qos_policy_id"] = .optional(try QoSRows.standard(for: draft.project, desk))
        }
        try desk.insert(.network, draft)
        try segment.insert(for: draft.id, desk)
        if draft.flag("router:external") { try desk.share(.network, draft.id, of: draft.project, .external) }
        if draft.flag("is_default") { try requireOnlyDefault(draft.id, desk) }
        try desk.ensureDefaultGroup(of: draft.project)
    }

    /// What the protocol requires of every link that carries a subnet.
    static func requireMTU(_ mtu: Int, for family: IPAddress.Family, on network: String) throws(Failure) {
        let least = family == .v4 ? 68 : 1_280
        guard mtu >= least else {
            throw .clash(
                "NetworkMTUSubnetConflict", "MTU of \(network) is not valid, subnet requires a minimum of \(least)")
        }
    }

    private static func segment(of draft: Document, _ desk: Desk) throws(Failure) -> Segment {
        let physical = draft.text("provider:physical_network")
        let number = draft.integer("provider:segmentation_id")
        guard let type = draft.text("provider:network_type") else {
            guard physical == nil, number == nil else { throw .input("network_type required") }
            return try desk.allocateSegment(for: draft.project)
        }
        return try desk.segment(type, physical: physical, number: number, for: draft.project)
    }

    static func update(_ changes: inout Document, _ before: Document, _ desk: Desk) throws(Failure) {
        if let mtu = changes.integer("mtu") {
            for subnet in try desk.subnets(of: before.id) {
                try requireMTU(mtu, for: subnet.cidr.family, on: before.id)
            }
            let type = try SegmentType.named(before.text("provider:network_type") ?? "local")
            let largest = desk.service.settings.segments.physicalMTU - type.overhead
            guard mtu <= largest else { throw .input("Requested MTU is too big, maximum is \(largest)") }
        }
        for name in ["provider:network_type", "provider:physical_network", "provider:segmentation_id"] {
            if let value = changes[name], value != before[name] {
                throw .input("Plugin does not support updating the following provider network attributes: \(name)")
            }
        }
        if let isExternal = changes.boolean("router:external"), isExternal != before.flag("router:external") {
            try setExternal(before, isExternal, desk)
        }
        if changes.flag("is_default") { try requireOnlyDefault(before.id, desk) }
        try QoSRows.check(changes, before, desk)
        let after = before.merging(changes)
        try PrivateVLAN.check(after)
        try PrivateVLAN.follow(before, after, desk)
        try desk.change(.network, before.id, changes)
    }

    private static func setExternal(_ network: Document, _ isExternal: Bool, _ desk: Desk) throws(Failure) {
        if isExternal { return try desk.share(.network, network.id, of: network.project, .external) }
        let gateways: SQL = "network_id = \(network.id) AND device_owner = \(DeviceOwner.routerGateway)"
        guard try !desk.tx.exists("SELECT 1 FROM network_port WHERE \(gateways)") else {
            throw .clash(
                "ExternalNetworkInUse",
                "External network \(network.id) cannot be updated to be made non-external, since it has existing gateway ports."
            )
        }
        try desk.tx.run(
            "DELETE FROM network_rbac WHERE object_id = \(network.id) AND action = \(AccessPolicy.Action.external)")
    }

    private static func requireOnlyDefault(_ id: String, _ desk: Desk) throws(Failure) {
        guard try !desk.tx.exists("SELECT 1 FROM network_network WHERE is_default = 1 AND id <> \(id)") else {
            throw .wrong(
                "DefaultExternalNetworkExists", "A default external network already exists: there can be only one.")
        }
    }

    /// Subnets and floating IPs that stand for nothing go with it; ports of people's and routers' keep it.
    static func delete(_ network: Document, _ desk: Desk) throws(Failure) {
        let ours = DeviceOwner.madeBySystem
        let idle: SQL = "floating_network_id = \(network.id) AND port_id IS NULL"
        for floating in try desk.rows(.floatingIP, where: idle) { try FloatingIPRows.delete(floating, desk) }
        guard
            try !desk.tx.exists(
                "SELECT 1 FROM network_port WHERE network_id = \(network.id) AND device_owner NOT IN \(.list(ours))")
        else {
            throw .clash(
                "NetworkInUse",
                "Unable to complete operation on network \(network.id). There are one or more ports still in use on the network."
            )
        }
        for port in try desk.rows(.port, where: "network_id = \(network.id)") { try desk.removePort(port.id) }
        for subnet in try desk.rows(.subnet, where: "network_id = \(network.id)") {
            try desk.remove(.subnet, subnet.id)
        }
        try desk.tx.run("DELETE FROM network_duty WHERE thing = \(network.id)")
        try desk.removeSegment(of: network.id)
        try desk.remove(.network, network.id)
    }

    // MARK: What is worked out

    static let sources: Resource.Sources = { networks, viewer in
        [
            Tags.source(networks),
            AccessPolicy.source(networks, viewer),
            "SELECT network_id AS owner, s.* FROM network_segment s WHERE network_id IN \(networks)",
            """
            SELECT s.network_id AS owner, s.id, s.ip_version, p.address_scope_id FROM network_subnet s
            LEFT JOIN network_subnetpool p ON p.id = s.subnetpool_id
            WHERE s.network_id IN \(networks) ORDER BY s.created_at, s.id
            """,
        ]
    }

    static func derive(_ networks: inout [Document], _ desk: Desk) throws(Failure) {
        let ids = networks.map(\.id)
        let segments = try desk.segments(of: ids)
        let external = Set(
            try desk.tx.rows(
                """
                SELECT object_id FROM network_rbac
                WHERE object_id IN \(.list(ids)) AND action = \(AccessPolicy.Action.external)
                """
            ) { try $0.text("object_id") })
        var subnets: [String: [String]] = [:]
        var scopes: [String: [Int: String]] = [:]
        let sql: SQL = """
            SELECT s.id, s.network_id, s.ip_version, p.address_scope_id FROM network_subnet s
            LEFT JOIN network_subnetpool p ON p.id = s.subnetpool_id
            WHERE s.network_id IN \(.list(ids)) ORDER BY s.created_at, s.id
            """
        try desk.tx.each(sql) { row in
            let network = try row.text("network_id")
            subnets[network, default: []].append(try row.text("id"))
            let version = try row.integer("ip_version")
            if let scope = try row.optionalText("address_scope_id") { scopes[network, default: [:]][version] = scope }
        }
        for index in networks.indices {
            let id = ids[index]
            networks[index]["subnets"] = .strings(subnets[id] ?? [])
            networks[index]["router:external"] = .bool(external.contains(id))
            networks[index]["provider:network_type"] = .optional(segments[id]?.type)
            networks[index]["provider:physical_network"] = .optional(segments[id]?.physical)
            networks[index]["provider:segmentation_id"] = segments[id]?.number.map { .number($0) } ?? .null
            networks[index]["ipv4_address_scope"] = .optional(scopes[id]?[4])
            networks[index]["ipv6_address_scope"] = .optional(scopes[id]?[6])
            networks[index]["availability_zones"] = []
            networks[index]["l2_adjacency"] = true
        }
    }
}
