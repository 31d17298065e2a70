import API
import Base
import HTTP
import Policy
import SQL

extension Resource {
    /// A trunk: a port that carries the networks of other ports too, told apart by VLAN numbers.
    static let trunk: Resource = Resource(
        "trunk", "trunks", table: "network_trunk", isTagged: true,
        missing: { .missing("TrunkNotFound", "Trunk \($0) could not be found.") },
        attributes: [
            .id, .name, .project, .isUp, .status,
            Attribute("port_id", .text, set: .create, .uuid, or: .required),
            Attribute("sub_ports", nil, set: .create, TrunkRows.list, or: .value([])),
        ] + Attribute.standard,
        create: TrunkRows.create, update: TrunkRows.update, delete: TrunkRows.delete, derive: TrunkRows.derive)
}

enum TrunkRows {
    static let created = Migration(
        "create trunk",
        """
        CREATE TABLE network_trunk (
            id              VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id      VARCHAR(255) NOT NULL,
            name            VARCHAR(255) NOT NULL,
            port_id         VARCHAR(36)  NOT NULL UNIQUE,
            admin_state_up  BOOLEAN      NOT NULL,
            status          VARCHAR(16)  NOT NULL,
            description     VARCHAR(255) NOT NULL,
            created_at      BIGINT       NOT NULL,
            updated_at      BIGINT       NOT NULL,
            revision_number BIGINT       NOT NULL
        )
        """,
        """
        CREATE TABLE network_subport (
            port_id           VARCHAR(36) NOT NULL PRIMARY KEY,
            trunk_id          VARCHAR(36) NOT NULL,
            segmentation_type VARCHAR(32) NOT NULL,
            segmentation_id   BIGINT      NOT NULL,
            UNIQUE (trunk_id, segmentation_type, segmentation_id),
            FOREIGN KEY (trunk_id) REFERENCES network_trunk (id)
        )
        """)

    private static let subport = Fields(
        [
            .optional("port_id", .any), .optional("segmentation_type", .any), .optional("segmentation_id", .any),
        ], others: .allowed)
    static let list: Shape = .nullable(.list(of: .object(subport)))

    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        let wishes = try TrunkRows.wishes(draft.objects("sub_ports"), of: draft.text("port_id") ?? "", desk)
        let port = try desk.visible(.port, draft.text("port_id") ?? "")
        try requireFree(port, desk)
        draft["status"] = port.text("binding:host_id")?.isEmpty == false ? "ACTIVE" : "DOWN"
        try desk.insert(.trunk, draft)
        try add(wishes, to: draft, desk)
    }

    /// One port is in one trunk, as its parent or as a part.
    private static func requireFree(_ port: Document, _ desk: Desk) throws(Failure) {
        guard try !desk.tx.exists("SELECT 1 FROM network_trunk WHERE port_id = \(port.id)") else {
            throw .clash(
                "ParentPortInUse", "Port \(port.id) is currently in use and is not eligible for use as a parent port.")
        }
        try requireNoPart(port.id, desk)
    }

    private static func requireNoPart(_ port: String, _ desk: Desk) throws(Failure) {
        guard try !desk.tx.exists("SELECT 1 FROM network_subport WHERE port_id = \(port)") else {
            throw .clash("PortInUseAsSubPort", "Port \(port) is currently a subport of a trunk.")
        }
    }

    static func update(_ changes: inout Document, _ before: Document, _ desk: Desk) throws(Failure) {
        try desk.change(.trunk, before.id, changes)
    }

    static func delete(_ trunk: Document, _ desk: Desk) throws(Failure) {
        try requireUp(trunk)
        try desk.tx.run("DELETE FROM network_subport WHERE trunk_id = \(trunk.id)")
        try desk.remove(.trunk, trunk.id)
    }

    static func requireUp(_ trunk: Document) throws(Failure) {
        guard trunk.flag("admin_state_up") else {
            throw .clash("TrunkDisabled", "Trunk \(trunk.id) is currently disabled.")
        }
    }

    static func derive(_ trunks: inout [Document], _ desk: Desk) throws(Failure) {
        let parts = try desk.subports(of: trunks.map(\.id))
        for index in trunks.indices {
            trunks[index]["sub_ports"] = .array((parts[trunks[index].id] ?? []).map(\.json))
        }
    }

    // MARK: Parts

    struct Part {
        let port: String
        let type: String
        let number: Int

        var json: JSON {
            ["port_id": .string(port), "segmentation_type": .string(type), "segmentation_id": .number(number)]
        }
    }

    /// What a body says of ports to be added, complete or refused.
    static func wishes(_ objects: [JSON.Object], of parent: String, _ desk: Desk) throws(Failure) -> [Part] {
        var parts: [Part] = []
        for object in objects {
            guard let port = object.text("port_id") else {
                throw .wrong("HTTPBadRequest", "Invalid subport details '\(JSON.object(object).text)': missing port_id")
            }
            if object.text("segmentation_type") == "inherit" {
                parts.append(try inherited(port, desk))
            } else {
                guard let type = object.text("segmentation_type"), let number = object.integer("segmentation_id") else {
                    throw .input(
                        "Invalid subport details '\(JSON.object(object).text)': missing segmentation information. Must specify both segmentation_id and segmentation_type"
                    )
                }
                guard type == "vlan" else { throw .input("Invalid segmentation type '\(type)'") }
                guard (1...4_094).contains(number) else {
                    throw .input("Invalid VLAN ID \(number)")
                }
                parts.append(Part(port: port, type: type, number: number))
            }
        }
        for (index, part) in parts.enumerated() {
            guard !parts[..<index].contains(where: { $0.number == part.number && $0.type == part.type }) else {
                throw .input(
                    "segmentation_type vlan and segmentation_id \(part.number) are used by more than one subport")
            }
            guard !parts[..<index].contains(where: { $0.port == part.port }) else {
                throw .input("port_id \(part.port) is given more than once")
            }
        }
        return parts
    }

    /// The same number as the port's own network has, which then has to be a VLAN.
    private static func inherited(_ port: String, _ desk: Desk) throws(Failure) -> Part {
        let network = try desk.get(.network, try desk.visible(.port, port).text("network_id") ?? "")
        guard network.text("provider:network_type") == "vlan",
            let number = network.integer("provider:segmentation_id")
        else {
            throw .input("Cannot inherit segmentation details from port \(port): its network is no VLAN")
        }
        return Part(port: port, type: "vlan", number: number)
    }

    static func add(_ parts: [Part], to trunk: Document, _ desk: Desk) throws(Failure) {
        guard !parts.isEmpty else { return }
        let parent = try desk.get(.port, trunk.text("port_id") ?? "")
        let limit = try desk.get(.network, parent.text("network_id") ?? "").integer("mtu") ?? 0
        for part in parts {
            let port = try desk.visible(.port, part.port)
            guard try !desk.tx.exists("SELECT 1 FROM network_trunk WHERE port_id = \(port.id)") else {
                throw .clash("TrunkPortInUse", "Port \(port.id) is in use by a trunk.")
            }
            try requireNoPart(port.id, desk)
            let mtu = try desk.get(.network, port.text("network_id") ?? "").integer("mtu") ?? 0
            guard mtu <= limit else {
                throw .clash(
                    "SubPortMtuGreaterThanTrunkPortMtu",
                    "MTU \(mtu) of subport \(port.id) cannot be greater than trunk \(trunk.id) MTU \(limit)")
            }
            do throws(Failure) {
                try desk.tx.insert(
                    into: "network_subport",
                    [
                        "port_id": port.id, "trunk_id": trunk.id, "segmentation_type": part.type,
                        "segmentation_id": part.number,
                    ])
            } catch  where error.kind == .conflict {
                throw .clash(
                    "DuplicateSubPort",
                    "segmentation_type \(part.type) and segmentation_id \(part.number) already in use on trunk \(trunk.id)."
                )
            }
        }
    }

    static func remove(_ objects: [JSON.Object], from trunk: Document, _ desk: Desk) throws(Failure) {
        for object in objects {
            let port = object.text("port_id") ?? ""
            let own: SQL = "port_id = \(port) AND trunk_id = \(trunk.id)"
            guard try desk.tx.exists("SELECT 1 FROM network_subport WHERE \(own)") else {
                throw .missing(
                    "SubPortNotFound", "SubPort on trunk \(trunk.id) with parent port \(port) could not be found.")
            }
            try desk.tx.run("DELETE FROM network_subport WHERE \(own)")
        }
    }
}

extension Desk {
    func subports(of trunks: [String]) throws(Failure) -> [String: [TrunkRows.Part]] {
        var parts: [String: [TrunkRows.Part]] = [:]
        let sql: SQL = "SELECT * FROM network_subport WHERE trunk_id IN \(.list(trunks)) ORDER BY segmentation_id"
        try tx.each(sql) { row in
            parts[try row.text("trunk_id"), default: []].append(
                TrunkRows.Part(
                    port: try row.text("port_id"), type: try row.text("segmentation_type"),
                    number: try row.integer("segmentation_id")))
        }
        return parts
    }

    /// A port that a trunk stands on cannot go.
    func requireNoTrunk(on port: String) throws(Failure) {
        let parent = try tx.row("SELECT id FROM network_trunk WHERE port_id = \(port)") { try $0.text("id") }
        if let parent {
            throw .clash("PortInUseAsTrunkParent", "Port \(port) is currently a parent port for trunk \(parent).")
        }
        let part = try tx.row("SELECT trunk_id FROM network_subport WHERE port_id = \(port)") {
            try $0.text("trunk_id")
        }
        if let part { throw .clash("PortInUseAsSubPort", "Port \(port) is currently a subport for trunk \(part).") }
    }

    /// What ports show of the trunks that they carry.
    func trunkDetails(of ports: [String]) throws(Failure) -> [String: JSON] {
        var trunks: [String: String] = [:]
        try tx.each("SELECT id, port_id FROM network_trunk WHERE port_id IN \(.list(ports))") { row in
            trunks[try row.text("port_id")] = try row.text("id")
        }
        guard !trunks.isEmpty else { return [:] }
        let parts = try subports(of: Array(trunks.values))
        let macs = Dictionary(
            try tx.rows(
                "SELECT id, mac_address FROM network_port WHERE id IN \(.list(parts.values.flatMap { $0.map(\.port) }))"
            ) { (try $0.text("id"), try $0.text("mac_address")) }, uniquingKeysWith: { first, _ in first })
        return trunks.mapValues { trunk in
            let shown: [JSON] = (parts[trunk] ?? []).map { part in
                var object = part.json.object ?? JSON.Object()
                object["mac_address"] = .optional(macs[part.port])
                return .object(object)
            }
            return ["trunk_id": .string(trunk), "sub_ports": .array(shown)]
        }
    }
}

/// What is done with a trunk's parts.
enum Trunks {
    private static let body: Shape = .object(
        Fields([.required("sub_ports", .list(of: .object(Fields([], others: .allowed))))], others: .allowed))

    static let endpoints: [Endpoint<Network>] = [
        Endpoint(
            "GET", "/trunks/{id}/get_subports", "List the ports of a trunk",
            access: .decided(by: Rule.named("get_subports"))
        ) { call in
            let trunk = try await call.service.database.read { tx in
                let desk = Desk(tx, call.service, call)
                let trunk = try desk.visible(.trunk, call["id"])
                try desk.require("get_subports", of: try desk.target(.trunk, trunk))
                return trunk
            }
            return .json { $0.put("sub_ports", trunk["sub_ports"] ?? []) }
        },
        action("add_subports", "Add ports to a trunk") { trunk, desk, objects in
            let parts = try TrunkRows.wishes(objects, of: trunk.text("port_id") ?? "", desk)
            try TrunkRows.add(parts, to: trunk, desk)
        },
        action("remove_subports", "Remove ports from a trunk") { trunk, desk, objects in
            try TrunkRows.remove(objects, from: trunk, desk)
        },
    ]

    private static func action(
        _ verb: String, _ summary: String,
        _ work: @escaping @Sendable (_ trunk: Document, _ desk: Desk, _ parts: [JSON.Object]) throws -> Void
    ) -> Endpoint<Network> {
        Endpoint(
            "PUT", "/trunks/{id}/\(verb)", summary, access: .decided(by: Rule.named(verb)), body: .json(body)
        ) { call in
            let trunk = try await call.service.database.write { tx in
                let desk = Desk(tx, call.service, call)
                let trunk = try desk.visible(.trunk, call["id"])
                try desk.require(verb, of: try desk.target(.trunk, trunk))
                try TrunkRows.requireUp(trunk)
                try work(trunk, desk, call.body["sub_ports"]?.array?.compactMap(\.object) ?? [])
                try desk.touch(.trunk, trunk.id)
                return try desk.get(.trunk, trunk.id)
            }
            return .json { json in
                for member in trunk.members { json.put(member.name, member.value) }
                json.put("project_id", trunk.project)
            }
        }
    }
}
