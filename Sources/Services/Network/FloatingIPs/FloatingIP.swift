import API
import Base
import SQL

extension Resource {
    /// A floating IP: an address outside that stands for one inside.
    static let floatingIP: Resource = Resource(
        "floatingip", "floatingips", table: "network_floatingip", quota: 50, isTagged: true,
        missing: { .missing("FloatingIPNotFound", "Floating IP \($0) could not be found") },
        attributes: [.id, .project, .status] + FloatingIPRows.attributes + Attribute.standard,
        create: FloatingIPRows.create, update: FloatingIPRows.update, delete: FloatingIPRows.delete,
        derive: FloatingIPRows.derive)
}

enum FloatingIPRows {
    private static let address: Shape = .nullable(.text(1...64, format: .ipAddress))

    static let attributes: [Attribute] = [
        Attribute("floating_network_id", .text, set: .create, .uuid, or: .required),
        Attribute("floating_ip_address", .text, set: .create, address, as: Normal.address),
        Attribute("subnet_id", nil, set: .create, .nullable(.uuid), isVisible: false),
        Attribute("floating_port_id", .text, isVisible: false),
        Attribute("port_id", .text, set: .always, .nullable(.uuid), or: .value(.null)),
        Attribute("fixed_ip_address", .text, set: .always, address, or: .value(.null), as: Normal.address),
        Attribute("router_id", .text, set: .always, .nullable(.uuid), or: .value(.null)),
        QoSRows.attribute,
        Attribute("port_details", nil),
        Attribute("port_forwardings", nil),
    ]

    static let created = Migration(
        "create floating ip",
        """
        CREATE TABLE network_floatingip (
            id                  VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id          VARCHAR(255) NOT NULL,
            status              VARCHAR(16)  NOT NULL,
            floating_network_id VARCHAR(36)  NOT NULL,
            floating_ip_address VARCHAR(64)  NOT NULL,
            floating_port_id    VARCHAR(36)  NOT NULL,
            port_id             VARCHAR(36),
            fixed_ip_address    VARCHAR(64),
            router_id           VARCHAR(36),
            description         VARCHAR(255) NOT NULL,
            created_at          BIGINT       NOT NULL,
            updated_at          BIGINT       NOT NULL,
            revision_number     BIGINT       NOT NULL,
            UNIQUE (floating_network_id, floating_ip_address),
            UNIQUE (floating_network_id, port_id, fixed_ip_address)
        )
        """,
        "CREATE INDEX network_floatingip_project ON network_floatingip (project_id)",
        "CREATE INDEX network_floatingip_port ON network_floatingip (port_id)")

    // MARK: Rules

    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        let network = try desk.visible(.network, draft.text("floating_network_id") ?? "")
        guard network.flag("router:external") else {
            throw .badRequest("floatingip", "Network \(network.id) is not a valid external network")
        }
        let port = try outsidePort(draft, network.id, desk)
        guard let address = port.objects("fixed_ips").first?.text("ip_address") else {
            throw .wrong(
                "ExternalIpAddressExhausted", "Unable to find any IP address on external network \(network.id).")
        }
        draft["floating_ip_address"] = .string(address)
        draft["floating_port_id"] = .string(port.id)
        try QoSRows.check(draft, nil, desk)
        try point(&draft, at: draft.text("port_id"), draft.text("fixed_ip_address"), draft, desk)
        try desk.insert(.floatingIP, draft)
        try desk.noteNews(of: [draft.text("port_id")].compactMap { $0 })
    }

    /// The port that holds the address outside. It belongs to no project.
    private static func outsidePort(_ draft: Document, _ network: String, _ desk: Desk) throws(Failure) -> Document {
        var wish = JSON.Object()
        wish["subnet_id"] = draft["subnet_id"].flatMap { $0.isNull ? nil : $0 }
        wish["ip_address"] = draft["floating_ip_address"].flatMap { $0.isNull ? nil : $0 }
        let fourth = try desk.subnets(of: network).filter {
            $0.cidr.family == .v4 && $0.isFor(DeviceOwner.floatingIP)
        }
        guard !fourth.isEmpty else {
            throw .badRequest("floatingip", "Network \(network) does not contain any IPv4 subnet")
        }
        if wish.members.isEmpty {
            wish["subnet_id"] = .string(try roomy(fourth, desk).id)
        }
        var port = Document()
        port["network_id"] = .string(network)
        port["device_id"] = .string(draft.id)
        port["device_owner"] = .string(DeviceOwner.floatingIP)
        port["fixed_ips"] = [.object(wish)]
        return try desk.get(.port, try desk.make(.port, port).id)
    }

    /// The first subnet with an address left; the first of all when there is none, which then says so.
    private static func roomy(_ subnets: [Subnet], _ desk: Desk) throws(Failure) -> Subnet {
        for subnet in subnets where try desk.freeAddress(in: subnet) != nil { return subnet }
        return subnets[0]
    }

    static func update(_ changes: inout Document, _ before: Document, _ desk: Desk) throws(Failure) {
        // To say nothing is how old clients let go of a port.
        if changes.members.isEmpty { changes["port_id"] = .null }
        if ["port_id", "fixed_ip_address", "router_id"].contains(where: { changes.has($0) }) {
            let forwarded: SQL = "SELECT 1 FROM network_port_forwarding WHERE floatingip_id = \(before.id)"
            let isForwarded = try desk.tx.exists(forwarded)
            guard !(isForwarded && changes.says("port_id")) else {
                throw .clash(
                    "FipInUseByPortForwarding", "Floating IP \(before.id) in use by Port Forwarding resources.")
            }
            let port = changes.has("port_id") ? changes.text("port_id") : before.text("port_id")
            if port == nil, changes.says("fixed_ip_address") {
                throw .badRequest("floatingip", "fixed_ip_address cannot be specified without a port_id")
            }
            let isSame = port == before.text("port_id") && !changes.has("fixed_ip_address")
            let address = isSame ? before.text("fixed_ip_address") : changes.text("fixed_ip_address")
            try point(&changes, at: port, address, before, desk)
            try desk.noteNews(of: [before.text("port_id"), port].compactMap { $0 })
        }
        try QoSRows.check(changes, before, desk)
        try desk.change(.floatingIP, before.id, changes)
    }

    static func delete(_ floating: Document, _ desk: Desk) throws(Failure) {
        guard try !desk.tx.exists("SELECT 1 FROM network_port_forwarding WHERE floatingip_id = \(floating.id)") else {
            throw .clash(
                "FipInUseByPortForwarding", "Floating IP \(floating.id) in use by Port Forwarding resources.")
        }
        try desk.noteNews(of: [floating.text("port_id")].compactMap { $0 })
        try desk.remove(.floatingIP, floating.id)
        try desk.removePort(floating.text("floating_port_id") ?? "")
    }

    // MARK: What it stands for

    /// Points it at an address of a port, through the router that both sides can reach; or at nothing.
    private static func point(
        _ values: inout Document, at port: String?, _ address: String?, _ floating: Document, _ desk: Desk
    ) throws(Failure) {
        guard let port else {
            if address != nil {
                throw .badRequest("floatingip", "fixed_ip_address cannot be specified without a port_id")
            }
            for name in ["port_id", "fixed_ip_address", "router_id"] { values[name] = .null }
            values["status"] = "DOWN"
            return
        }
        let inside = try desk.visible(.port, port)
        guard desk.isAdmin || inside.project == floating.project else {
            throw .badRequest(
                "floatingip",
                "Cannot process floating IP association with Port \(port), since that port is owned by a different project"
            )
        }
        let fixed = try fixedIP(of: inside, address)
        let network = floating.text("floating_network_id") ?? ""
        let others: SQL = """
            SELECT 1 FROM network_floatingip WHERE port_id = \(port) AND fixed_ip_address = \(fixed.address.description)
            AND floating_network_id = \(network) AND id <> \(floating.id)
            """
        guard try !desk.tx.exists(others) else {
            throw .clash(
                "FloatingIPPortAlreadyAssociated",
                "Cannot associate floating IP \(floating.text("floating_ip_address") ?? "") with port \(port) using fixed IP \(fixed.address), as that fixed IP already has a floating IP on external network \(network)."
            )
        }
        var router = try wishedRouter(values, to: network, desk)
        if router == nil { router = try desk.router(from: fixed.subnet, to: network) }
        guard let router else {
            throw .missing(
                "ExternalGatewayForFloatingIPNotFound",
                "External network \(network) is not reachable from subnet \(fixed.subnet). Therefore, cannot associate Port \(port) with a Floating IP."
            )
        }
        values["port_id"] = .string(port)
        values["fixed_ip_address"] = .string(fixed.address.description)
        values["router_id"] = .string(router)
        values["status"] = "ACTIVE"
    }

    /// The router that is asked for by its name. Whether the way from it to the address inside leads over others is the
    /// business of who asks.
    private static func wishedRouter(
        _ values: Document, to network: String, _ desk: Desk
    ) throws(Failure) -> String? {
        guard let wish = values.text("router_id") else { return nil }
        let router = try desk.visible(.router, wish)
        let gateways: SQL =
            "device_id = \(router.id) AND network_id = \(network) AND device_owner = \(DeviceOwner.routerGateway)"
        guard try desk.tx.exists("SELECT 1 FROM network_port WHERE \(gateways)") else {
            throw .clash("Conflict", "Router \(router.id) has no external gateway on network \(network)")
        }
        return router.id
    }

    private static func fixedIP(of port: Document, _ wanted: String?) throws(Failure) -> FixedIP {
        let all: [FixedIP] = port.objects("fixed_ips").compactMap { object in
            guard let address = object.text("ip_address").flatMap({ IPAddress($0) }) else { return nil }
            return FixedIP(subnet: object.text("subnet_id") ?? "", address: address)
        }
        if let wanted {
            guard let found = all.first(where: { $0.address == IPAddress(wanted) }) else {
                throw .badRequest("floatingip", "Port \(port.id) does not have fixed ip \(wanted)")
            }
            return found
        }
        let fourth = all.filter { $0.address.family == .v4 }
        guard fourth.count <= 1 else {
            throw .badRequest(
                "floatingip",
                "Port \(port.id) has multiple fixed IPv4 addresses. Must provide a specific IPv4 address when assigning a floating IP"
            )
        }
        guard let only = fourth.first else {
            throw .badRequest(
                "floatingip", "Cannot add floating IP to port \(port.id) that has no fixed IPv4 addresses")
        }
        return only
    }

    static func derive(_ floating: inout [Document], _ desk: Desk) throws(Failure) {
        let ids = floating.compactMap { $0.text("port_id") }
        let rows = try desk.rows(.port, where: "id IN \(.list(ids))")
        let ports = Dictionary(rows.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let shown = ["name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner"]
        let forwardings = try desk.forwardings(of: floating.map(\.id))
        for index in floating.indices {
            floating[index]["port_forwardings"] = .array(forwardings[floating[index].id] ?? [])
            let port = floating[index].text("port_id").flatMap { ports[$0] }
            floating[index]["port_details"] =
                port.map { port in
                    .object(Document(port.members.filter { shown.contains($0.name) }))
                } ?? .null
        }
    }
}

extension Desk {
    /// The router that has a port in the subnet and its gateway on the network.
    func router(from subnet: String, to network: String) throws(Failure) -> String? {
        try tx.row(
            """
            SELECT r.id FROM network_router r
            JOIN network_port g ON g.id = r.gateway_port_id AND g.network_id = \(network)
            JOIN network_port p ON p.device_id = r.id AND p.device_owner = \(DeviceOwner.routerInterface)
            JOIN network_address a ON a.port_id = p.id AND a.subnet_id = \(subnet) ORDER BY r.id
            """
        ) { try $0.text("id") }
    }

    /// Lets go of a port that goes away.
    func releaseFloatingIPs(of port: String) throws(Failure) {
        try tx.run(
            """
            UPDATE network_floatingip SET port_id = NULL, fixed_ip_address = NULL, router_id = NULL, status = 'DOWN',
            revision_number = revision_number + 1, updated_at = \(now) WHERE port_id = \(port)
            """)
    }

    func requireNoFloatingIPs(on addresses: [FixedIP], of port: String) throws(Failure) {
        for address in addresses {
            let used: SQL = "port_id = \(port) AND fixed_ip_address = \(address.address.description)"
            guard try !tx.exists("SELECT 1 FROM network_floatingip WHERE \(used)") else {
                throw .clash(
                    "FipAssociated",
                    "Unable to complete the operation on port \(port) because the port still has an associated floating IP."
                )
            }
        }
    }
}
