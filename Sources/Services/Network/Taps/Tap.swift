import API
import Base
import SQL

extension Resource {
    /// A tap service: a port to which others' traffic is copied.
    static let tapService: Resource = Resource(
        "tap_service", "tap_services", path: "taas/tap_services", table: "network_tap_service",
        missing: { .missing("TapServiceNotFound", "Tap Service  \($0) does not exist") },
        attributes: [
            .id, .name, .project, .description, Attribute("port_id", .text, set: .create, .uuid, or: .required),
            Attribute("status", nil),
        ],
        create: { service, desk throws(Failure) in
            let port = try TapRows.port(service.text("port_id") ?? "", "InvalidDestinationPort", "Destination", desk)
            try TapRows.requireOwn(port, service)
            try desk.insert(.tapService, service)
        },
        delete: { service, desk throws(Failure) in
            try desk.tx.run("DELETE FROM network_tap_flow WHERE tap_service_id = \(service.id)")
            try desk.remove(.tapService, service.id)
        },
        derive: { services, desk throws(Failure) in
            let places = try TapRows.places(of: services.compactMap { $0.text("port_id") }, desk)
            for index in services.indices {
                let isPlugged = places[services[index].text("port_id") ?? ""] != nil
                services[index]["status"] = isPlugged ? "ACTIVE" : "DOWN"
            }
        },
        sources: { services, _ in
            [
                """
                SELECT t.id AS owner, p.host_id FROM network_tap_service t JOIN network_port p ON p.id = t.port_id
                WHERE t.id IN \(services)
                """
            ]
        })

    /// A tap flow: whose traffic is copied to a service, and which way it goes.
    static let tapFlow: Resource = Resource(
        "tap_flow", "tap_flows", path: "taas/tap_flows", table: "network_tap_flow",
        missing: { .missing("TapFlowNotFound", "Tap Flow  \($0) does not exist") },
        attributes: [
            .id, .name, .project, .description,
            Attribute("tap_service_id", .text, set: .create, .uuid, or: .required),
            Attribute("source_port", .text, set: .create, .uuid, or: .required),
            Attribute("direction", .text, set: .create, .choice(["IN", "OUT", "BOTH"]), or: .required),
            Attribute(
                "vlan_filter", .text, set: .create, .nullable(.text(1...1_024)), or: .value(.null), as: TapRows.vlans),
            Attribute("status", nil),
        ],
        create: { flow, desk throws(Failure) in
            let service = try desk.visible(.tapService, flow.text("tap_service_id") ?? "")
            guard service.project == flow.project else {
                throw Failure(
                    .forbidden, "Specified Tap Service does not belong to the project",
                    name: "TapServiceNotBelongToProject")
            }
            let port = try TapRows.port(flow.text("source_port") ?? "", "InvalidSourcePort", "Source", desk)
            try TapRows.requireOwn(port, flow)
            try desk.insert(.tapFlow, flow)
        },
        derive: TapRows.deriveFlows,
        sources: { flows, _ in
            [
                """
                SELECT f.id AS owner, p.host_id AS source, d.host_id AS destination FROM network_tap_flow f
                JOIN network_port p ON p.id = f.source_port JOIN network_tap_service s ON s.id = f.tap_service_id
                JOIN network_port d ON d.id = s.port_id WHERE f.id IN \(flows)
                """
            ]
        })
}

enum TapRows {
    static let created = Migration(
        "create tap",
        """
        CREATE TABLE network_tap_service (
            id          VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id  VARCHAR(255) NOT NULL,
            name        VARCHAR(255) NOT NULL,
            description VARCHAR(255) NOT NULL,
            port_id     VARCHAR(36)  NOT NULL
        )
        """,
        """
        CREATE TABLE network_tap_flow (
            id             VARCHAR(36)   NOT NULL PRIMARY KEY,
            project_id     VARCHAR(255)  NOT NULL,
            name           VARCHAR(255)  NOT NULL,
            description    VARCHAR(255)  NOT NULL,
            tap_service_id VARCHAR(36)   NOT NULL,
            source_port    VARCHAR(36)   NOT NULL,
            direction      VARCHAR(8)    NOT NULL,
            vlan_filter    VARCHAR(1024),
            FOREIGN KEY (tap_service_id) REFERENCES network_tap_service (id)
        )
        """)

    fileprivate static func port(
        _ id: String, _ type: String, _ word: String, _ desk: Desk
    ) throws(Failure) -> Document {
        do throws(Failure) { return try desk.visible(.port, id) } catch  where error.kind == .notFound {
            throw .missing(type, "\(word) Port \(id) does not exist")
        }
    }

    /// Nobody listens to what isn't theirs.
    fileprivate static func requireOwn(_ port: Document, _ tap: Document) throws(Failure) {
        guard port.project == tap.project else {
            throw Failure(
                .forbidden, "The specified port does not belong to the project", name: "PortDoesNotBelongToProject")
        }
    }

    /// On which host each of the ports is plugged in, if it is.
    fileprivate static func places(of ports: [String], _ desk: Desk) throws(Failure) -> [String: String] {
        var places: [String: String] = [:]
        let plugged: SQL = "SELECT id, host_id FROM network_port WHERE id IN \(.list(ports)) AND host_id <> ''"
        try desk.tx.each(plugged) { places[try $0.text("id")] = try $0.text("host_id") }
        return places
    }

    /// A host copies from one guest of its own to another; there is no way to other hosts.
    fileprivate static func deriveFlows(_ flows: inout [Document], _ desk: Desk) throws(Failure) {
        let services = try desk.rows(
            .tapService, where: "id IN \(.list(flows.compactMap { $0.text("tap_service_id") }))")
        let ports = Dictionary(
            services.map { ($0.id, $0.text("port_id") ?? "") }, uniquingKeysWith: { first, _ in first })
        let places = try places(of: Array(ports.values) + flows.compactMap { $0.text("source_port") }, desk)
        for index in flows.indices {
            let source = places[flows[index].text("source_port") ?? ""]
            let destination = places[ports[flows[index].text("tap_service_id") ?? ""] ?? ""]
            flows[index]["status"] = source != nil && source == destination ? "ACTIVE" : "DOWN"
        }
    }

    /// `189,279,999-1008`: numbers of VLANs, and ranges of them.
    fileprivate static let vlans: Attribute.Normal = { value throws(Failure) in
        guard let text = value.string else { return value }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let areRanges = parts.allSatisfy { part in
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
            return (1...2).contains(ends.count) && ends.allSatisfy { (0...4_095).contains($0) } && ends == ends.sorted()
        }
        guard areRanges else {
            throw .invalid("Invalid input for vlan_filter. Reason: '\(text)' is no list of VLANs and ranges of them.")
        }
        return value
    }
}

extension Desk {
    /// What is copied from a port, or to it, ends with it.
    func removeTaps(of port: String) throws(Failure) {
        let services: SQL = "SELECT id FROM network_tap_service WHERE port_id = \(port)"
        try tx.run("DELETE FROM network_tap_flow WHERE source_port = \(port) OR tap_service_id IN (\(services))")
        try tx.run("DELETE FROM network_tap_service WHERE port_id = \(port)")
    }
}
