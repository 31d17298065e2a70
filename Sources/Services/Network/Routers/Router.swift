import API
import Base
import SQL

extension Resource {
    /// A router: what joins subnets, and leads out of the cloud.
    static let router: Resource = Resource(
        "router", "routers", table: "network_router", quota: 10, isTagged: true,
        missing: { .missing("RouterNotFound", "Router \($0) could not be found") },
        attributes: [.id, .name, .project, .isUp, .status] + RouterRows.attributes + Attribute.standard,
        create: RouterRows.create, update: RouterRows.update, delete: RouterRows.delete, derive: RouterRows.derive)
}

enum RouterRows {
    private static let fixedIP = Fields([
        .optional("subnet_id", .uuid), .optional("ip_address", .text(1...64, format: .ipAddress)),
    ])
    private static let gateway = Fields([
        .required("network_id", .uuid), .optional("enable_snat", .looseBoolean),
        .optional("external_fixed_ips", .list(of: .object(fixedIP), count: 0...10)),
    ])

    static let attributes: [Attribute] = [
        Attribute(
            "external_gateway_info", nil, set: .always, .nullable(.either([.object(Fields([])), .object(gateway)]))),
        Attribute("enable_snat", .boolean, isVisible: false),
        Attribute("ha", .boolean, set: .always, .looseBoolean, or: .value(false)),
        Attribute("enable_ndp_proxy", .boolean, set: .always, .looseBoolean, or: .value(false)),
        Attribute("distributed", .boolean, set: .always, .looseBoolean, or: .value(false)),
        Attribute("gateway_port_id", .text, isVisible: false),
        Attribute(
            "routes", .json, set: .update, .nullable(.list(of: SubnetRows.route, count: 0...30)), as: Normal.list),
    ]

    static let created = Migration(
        "create router",
        """
        CREATE TABLE network_router (
            id              VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id      VARCHAR(255) NOT NULL,
            name            VARCHAR(255) NOT NULL,
            admin_state_up  BOOLEAN      NOT NULL,
            status          VARCHAR(16)  NOT NULL,
            enable_snat     BOOLEAN      NOT NULL,
            gateway_port_id VARCHAR(36),
            routes          MEDIUMTEXT   NOT NULL,
            description     VARCHAR(255) NOT NULL,
            created_at      BIGINT       NOT NULL,
            updated_at      BIGINT       NOT NULL,
            revision_number BIGINT       NOT NULL
        )
        """,
        "CREATE INDEX network_router_project ON network_router (project_id)")

    /// Whether it works on each host that has guests of its own, which with one host is the same thing.
    static let distributed = Migration(
        "add distributed routers", "ALTER TABLE network_router ADD COLUMN distributed BOOLEAN NOT NULL DEFAULT 0")

    /// Whether it is meant to outlive its host. It is noted; one host serves it.
    static let available = Migration(
        "add routers that outlive their hosts",
        "ALTER TABLE network_router ADD COLUMN ha BOOLEAN NOT NULL DEFAULT 0")

    // MARK: Rules

    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        draft["status"] = "ACTIVE"
        draft["routes"] = []
        draft["enable_snat"] = true
        try desk.insert(.router, draft)
        try desk.setGateway(of: draft, draft["external_gateway_info"]?.object)
        if draft.flag("enable_ndp_proxy") { try desk.requireProxiable(draft.id) }
    }

    static func update(_ changes: inout Document, _ before: Document, _ desk: Desk) throws(Failure) {
        if changes.has("ha"), changes["ha"] != before["ha"] {
            guard !before.flag("admin_state_up") || changes.boolean("admin_state_up") == false else {
                throw .badRequest(
                    "router",
                    "Cannot change HA attribute of active routers. Please set router admin_state_up to False prior to upgrade"
                )
            }
        }
        if changes.has("distributed"), changes["distributed"] != before["distributed"] {
            guard !before.flag("admin_state_up") || changes.boolean("admin_state_up") == false else {
                throw .badRequest(
                    "router",
                    "Cannot change an active router to or from distributed. Please set router admin_state_up to False first"
                )
            }
        }
        if changes.has("external_gateway_info") {
            try desk.setGateway(of: before, changes["external_gateway_info"]?.object)
        }
        if changes.boolean("enable_ndp_proxy") == true { try desk.requireProxiable(before.id) }
        if changes.has("routes") { try desk.requireReachable(changes.objects("routes"), from: before.id) }
        try desk.change(.router, before.id, changes)
    }

    static func delete(_ router: Document, _ desk: Desk) throws(Failure) {
        guard try desk.interfaces(of: router.id).isEmpty else {
            throw .clash("RouterInUse", "Router \(router.id) still has ports")
        }
        try desk.setGateway(of: router, nil)
        try desk.tx.run("DELETE FROM network_duty WHERE thing = \(router.id)")
        try desk.remove(.router, router.id)
    }

    static func derive(_ routers: inout [Document], _ desk: Desk) throws(Failure) {
        let ports = routers.compactMap { $0.text("gateway_port_id") }
        let addresses = try desk.addresses(of: ports)
        let rows = try desk.rows(.port, where: "id IN \(.list(ports))")
        let networks = Dictionary(rows.map { ($0.id, $0["network_id"]) }, uniquingKeysWith: { first, _ in first })
        for index in routers.indices {
            guard let port = routers[index].text("gateway_port_id"), let network = networks[port] ?? nil else {
                routers[index]["external_gateway_info"] = .null
                continue
            }
            routers[index]["external_gateway_info"] = [
                "network_id": network, "enable_snat": routers[index]["enable_snat"] ?? true,
                "external_fixed_ips": .array((addresses[port] ?? []).map(\.json)),
            ]
        }
    }
}
