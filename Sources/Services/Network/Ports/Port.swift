import API
import Base
import SQL

/// Who owns the device behind a port, where it matters to us.
enum DeviceOwner {
    static let routerInterface = "network:router_interface"
    static let routerGateway = "network:router_gateway"
    static let floatingIP = "network:floatingip"
    static let dhcp = "network:dhcp"

    /// Made by the system for itself: it goes when its network goes.
    static let madeBySystem = [dhcp, "network:distributed"]
    /// Made by another call of the API, and only taken away by that one.
    static let madeByCalls = [routerInterface, routerGateway, floatingIP]
}

extension Resource {
    /// A port: where a machine is plugged into a network.
    static let port: Resource = Resource(
        "port", "ports", table: "network_port",
        parent: Parent(
            resource: .network, key: "network_id", column: "network_id", prefix: "network", lends: ["shared"]),
        quota: 500, isTagged: true, missing: { .missing("PortNotFound", "Port \($0) could not be found.") },
        attributes: [.id, .name, .project, .isUp, .status] + PortRows.attributes + Attribute.standard,
        create: PortRows.create, update: PortRows.update, delete: PortRows.delete, derive: PortRows.derive,
        sources: PortRows.sources)
}

/// A port's own attributes.
enum PortRows {
    private static let address: Shape = .text(1...64, format: .ipAddress)
    private static let fixedIP = Fields([
        .optional("subnet_id", .nullable(.uuid)), .optional("ip_address", .nullable(address)),
    ])
    private static let pair = Fields([
        .required("ip_address", .text(1...64, format: .cidr)),
        .optional("mac_address", .text(17...17, format: .macAddress)),
    ])
    private static let option = Fields([
        .required("opt_name", .text(1...64)), .required("opt_value", .nullable(.text(0...255))),
        .optional("ip_version", .looseInteger(4...6)),
    ])
    private static let cards: [String] = [
        "normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder", "smart-nic", "vdpa",
        "accelerator-direct", "accelerator-direct-physical", "remote-managed",
    ]

    static let attributes: [Attribute] =
        [
            Attribute("network_id", .text, set: .create, .uuid, or: .required),
            Attribute(
                "mac_address", .text, set: .always, .nullable(.text(17...17, format: .macAddress)), as: Normal.mac),
            Attribute(
                "fixed_ips", nil, set: .always, .nullable(.list(of: .object(fixedIP), count: 0...100)), as: Normal.list,
                where: addressed),
            Attribute("device_id", .text, set: .always, .text(0...255), or: .value("")),
            Attribute("device_owner", .text, set: .always, .text(0...255), or: .value("")),
            Attribute(
                "allowed_address_pairs", .json, set: .always, .nullable(.list(of: .object(pair), count: 0...10)),
                as: Normal.list),
            Attribute(
                "extra_dhcp_opts", .json, set: .always, .nullable(.list(of: .object(option), count: 0...100)),
                or: .value([]), as: Normal.list),
            Attribute(
                "security_groups", nil, set: .always, .nullable(.list(of: .uuid, count: 0...100, unique: true)),
                as: Normal.list,
                where: grouped),
            Attribute("port_security_enabled", .boolean, set: .always, .looseBoolean),
            Attribute(
                "binding:host_id", .text, column: "host_id", set: .always, .nullable(.text(0...255)), as: hostName),
            Attribute(
                "binding:vnic_type", .text, column: "vnic_type", set: .always, .choice(cards), or: .value("normal")),
            Attribute(
                "binding:profile", .json, column: "profile", set: .always,
                .nullable(.map(name: 1...255, value: .any)), or: .value([:]),
                as: { value throws(Failure) in value.isNull ? [:] : value }),
            QoSRows.attribute,
            Attribute("dns_name", .text, set: .always, .nullable(.text(0...255)), or: .value(""), as: PortNames.normal),
            Attribute(
                "dns_domain", .text, set: .always, .nullable(.text(0...255)), or: .value(""), as: PortNames.normal),
            Attribute("dns_assignment", nil),
            Attribute("qos_network_policy_id", nil),
            Attribute("trunk_details", nil),
            Attribute("binding:vif_type", .text, column: "vif_type"),
            Attribute("binding:vif_details", .json, column: "vif_details"),
        ] + PrivateVLAN.ofPort

    private static let hostName: Attribute.Normal = { value throws(Failure) in value.isNull ? "" : value }

    /// `fixed_ips=ip_address=10.0.0.3`, `fixed_ips=subnet_id=…`, `fixed_ips=ip_address_substr=10.0`.
    private static let addressed: Attribute.Narrow = { values, _ in
        var wanted: [String: [String]] = [:]
        for value in values {
            let parts = value.split(separator: "=", maxSplits: 1).map(String.init)
            if parts.count == 2 { wanted[parts[0], default: []].append(parts[1]) }
        }
        var conditions: [SQL] = []
        if let subnets = wanted["subnet_id"] { conditions.append("subnet_id IN \(.list(subnets))") }
        if let addresses = wanted["ip_address"] {
            let spelled = addresses.map { IPAddress($0)?.description ?? $0 }
            conditions.append("address IN \(.list(spelled))")
        }
        if let parts = wanted["ip_address_substr"] {
            conditions += parts.map { "address \(.like(.containing($0)))" }
        }
        return "id IN (SELECT port_id FROM network_address WHERE \(SQL.all(conditions)))"
    }

    private static let grouped: Attribute.Narrow = { values, _ in
        "id IN (SELECT port_id FROM network_port_group WHERE group_id IN \(.list(values)))"
    }

    static let sources: Resource.Sources = { ports, _ in
        [
            Tags.source(ports),
            """
            SELECT port_id AS owner, subnet_id, address_key FROM network_address
            WHERE port_id IN \(ports) ORDER BY place, address_key
            """,
            "SELECT port_id AS owner, group_id FROM network_port_group WHERE port_id IN \(ports) ORDER BY group_id",
            """
            SELECT p.id AS owner, n.qos_policy_id FROM network_port p JOIN network_network n ON n.id = p.network_id
            WHERE p.id IN \(ports) AND n.qos_policy_id IS NOT NULL
            """,
            """
            SELECT t.port_id AS owner, t.id, s.port_id, s.segmentation_type, s.segmentation_id, p.mac_address
            FROM network_trunk t LEFT JOIN network_subport s ON s.trunk_id = t.id
            LEFT JOIN network_port p ON p.id = s.port_id WHERE t.port_id IN \(ports) ORDER BY s.segmentation_id, s.port_id
            """,
        ]
    }

    static func derive(_ ports: inout [Document], _ desk: Desk) throws(Failure) {
        let ids = ports.map(\.id)
        let addresses = try desk.addresses(of: ids)
        var groups: [String: [String]] = [:]
        let sql: SQL = """
            SELECT port_id, group_id FROM network_port_group WHERE port_id IN \(.list(ids)) ORDER BY group_id
            """
        try desk.tx.each(sql) { row in
            groups[try row.text("port_id"), default: []].append(try row.text("group_id"))
        }
        let networks = Set(ports.compactMap { $0.text("network_id") })
        var policies: [String: String] = [:]
        let held: SQL = """
            SELECT id, qos_policy_id FROM network_network
            WHERE id IN \(.list(networks.sorted())) AND qos_policy_id IS NOT NULL
            """
        try desk.tx.each(held) { policies[try $0.text("id")] = try $0.text("qos_policy_id") }
        let trunks = try desk.trunkDetails(of: ids)
        for index in ports.indices {
            ports[index]["trunk_details"] = trunks[ids[index]] ?? .null
            ports[index]["qos_network_policy_id"] = .optional(policies[ports[index].text("network_id") ?? ""])
            ports[index]["fixed_ips"] = .array((addresses[ids[index]] ?? []).map(\.json))
            ports[index]["dns_assignment"] = PortNames.assignment(ports[index])
            ports[index]["security_groups"] = .strings(groups[ids[index]] ?? [])
        }
    }
}
