import API
import Base
import SQL

extension Resource {
    /// A port forwarding: one port of a floating IP that stands for one port of a machine inside.
    static let portForwarding: Resource = Resource(
        "port_forwarding", "port_forwardings", table: "network_port_forwarding",
        parent: Parent(
            resource: .floatingIP, key: "floatingip_id", column: "floatingip_id", prefix: "ext_parent", lends: []),
        missing: { .missing("PortForwardingNotFound", "Port Forwarding \($0) could not be found.") },
        attributes: PortForwardingRows.attributes, create: PortForwardingRows.create,
        update: PortForwardingRows.update, delete: PortForwardingRows.delete)
}

enum PortForwardingRows {
    private static let number: Shape = .looseInteger(1...65_535)

    static let attributes: [Attribute] = [
        .id, Attribute("floatingip_id", .text, isVisible: false),
        Attribute("external_port", .integer, set: .always, number, or: .required),
        Attribute("internal_port", .integer, set: .always, number, or: .required),
        Attribute("internal_port_id", .text, set: .always, .uuid, or: .required),
        Attribute(
            "internal_ip_address", .text, set: .always, .text(1...64, format: .ipAddress), as: Normal.address),
        Attribute("protocol", .text, set: .always, .choice(["tcp", "udp", "TCP", "UDP"]), or: .required, as: lower),
        Attribute("description", .text, set: .always, .text(0...255), or: .value("")),
    ]

    private static let lower: Attribute.Normal = { value throws(Failure) in
        value.string.map { .string($0.lowercased()) } ?? value
    }

    static let created = Migration(
        "create port forwarding",
        """
        CREATE TABLE network_port_forwarding (
            id                  VARCHAR(36)  NOT NULL PRIMARY KEY,
            floatingip_id       VARCHAR(36)  NOT NULL,
            external_port       BIGINT       NOT NULL,
            internal_port       BIGINT       NOT NULL,
            internal_port_id    VARCHAR(36)  NOT NULL,
            internal_ip_address VARCHAR(64)  NOT NULL,
            protocol            VARCHAR(8)   NOT NULL,
            description         VARCHAR(255) NOT NULL,
            UNIQUE (floatingip_id, protocol, external_port),
            UNIQUE (floatingip_id, internal_port_id, internal_ip_address, protocol, internal_port),
            FOREIGN KEY (floatingip_id) REFERENCES network_floatingip (id)
        )
        """)

    static let endpoints = Nested(
        resource: .portForwarding, path: "/floatingips/{floatingip_id}/port_forwardings", variable: "floatingip_id",
        subject: "floatingip_port_forwarding", kind: nil
    ).endpoints

    // MARK: Rules

    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        let floating = try desk.get(.floatingIP, draft.text("floatingip_id") ?? "")
        if let port = floating.text("port_id") {
            throw .clash(
                "FipInUseByPort",
                "Floating IP \(floating.id) in use by port \(port), so no port of it can be forwarded.")
        }
        let router = try target(&draft, floating, desk)
        try write(draft.id) { () throws(Failure) in try desk.insert(.portForwarding, draft) }
        var changes = Document()
        changes["router_id"] = .string(router)
        changes["status"] = "ACTIVE"
        try desk.change(.floatingIP, floating.id, changes)
    }

    static func update(_ changes: inout Document, _ before: Document, _ desk: Desk) throws(Failure) {
        var after = before.merging(changes)
        if changes.has("internal_port_id") || changes.has("internal_ip_address") {
            if !changes.has("internal_ip_address") { after["internal_ip_address"] = nil }
            _ = try target(&after, try desk.get(.floatingIP, before.text("floatingip_id") ?? ""), desk)
            changes["internal_ip_address"] = after["internal_ip_address"]
        }
        let values = changes
        try write(before.id) { () throws(Failure) in try desk.change(.portForwarding, before.id, values) }
    }

    private static func write(_ id: String, _ body: () throws(Failure) -> Void) throws(Failure) {
        do throws(Failure) { try body() } catch  where error.kind == .conflict {
            throw .wrong(
                "BadRequest",
                "Bad port_forwarding request: A duplicate port forwarding entry with same attributes already exists.")
        }
    }

    /// Completes the address inside, and finds the router that both sides are on.
    private static func target(
        _ draft: inout Document, _ floating: Document, _ desk: Desk
    ) throws(Failure) -> String {
        let port = try desk.visible(.port, draft.text("internal_port_id") ?? "")
        let fixed = port.objects("fixed_ips").filter { !($0.text("ip_address") ?? ":").contains(":") }
        let wanted = draft.text("internal_ip_address")
        guard let own = wanted == nil ? fixed.first : fixed.first(where: { $0.text("ip_address") == wanted }),
            let address = own.text("ip_address")
        else {
            throw .badRequest(
                "port_forwarding", "The requested internal IP address does not correspond to an address of the port")
        }
        draft["internal_ip_address"] = .string(address)
        let taken: SQL = "port_id = \(port.id) AND fixed_ip_address = \(address)"
        if try desk.tx.exists("SELECT 1 FROM network_floatingip WHERE \(taken)") {
            throw .clash(
                "PortHasBindingFloatingIP",
                "Cannot create port forwarding to floating IP \(floating.text("floating_ip_address") ?? "") with port \(port.id) using fixed IP \(address), as that port already has a binding floating IP."
            )
        }
        let network = floating.text("floating_network_id") ?? ""
        guard let router = try desk.router(from: own.text("subnet_id") ?? "", to: network) else {
            throw .missing(
                "ExternalGatewayForFloatingIPNotFound",
                "External network \(network) is not reachable from subnet \(own.text("subnet_id") ?? "").")
        }
        return router
    }

    static func delete(_ forwarding: Document, _ desk: Desk) throws(Failure) {
        let floating = forwarding.text("floatingip_id") ?? ""
        try desk.remove(.portForwarding, forwarding.id)
        guard try !desk.tx.exists("SELECT 1 FROM network_port_forwarding WHERE floatingip_id = \(floating)") else {
            return
        }
        var changes = Document()
        changes["router_id"] = .null
        changes["status"] = "DOWN"
        try desk.change(.floatingIP, floating, changes)
    }
}

extension Desk {
    func forwardings(of floating: [String]) throws(Failure) -> [String: [JSON]] {
        var forwardings: [String: [JSON]] = [:]
        let shown = ["id", "external_port", "internal_port", "internal_port_id", "internal_ip_address", "protocol"]
        for row in try rows(.portForwarding, where: "floatingip_id IN \(.list(floating))", then: " ORDER BY id") {
            forwardings[row.text("floatingip_id") ?? "", default: []].append(
                .object(Document(row.members.filter { shown.contains($0.name) })))
        }
        return forwardings
    }

    /// What stands for a port that goes away goes too.
    func releaseForwardings(to port: String) throws(Failure) {
        for forwarding in try rows(.portForwarding, where: "internal_port_id = \(port)") {
            try PortForwardingRows.delete(forwarding, self)
        }
    }
}
