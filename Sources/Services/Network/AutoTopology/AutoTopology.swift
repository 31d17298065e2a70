import API
import Base
import HTTP
import Policy
import SQL

/// Get me a network: one with a way out for a project that has none, out of the cloud's default parts. Whoever asks
/// again gets the same.
enum AutoTopology {
    static let created = Migration(
        "create auto-allocated topology",
        """
        CREATE TABLE network_auto_topology (
            project_id VARCHAR(255) NOT NULL PRIMARY KEY,
            network_id VARCHAR(36)  NOT NULL,
            router_id  VARCHAR(36)  NOT NULL
        )
        """)

    static let endpoints: [Endpoint<Network>] = [
        Endpoint(
            "GET", "/auto-allocated-topology/{project}", "Get a project its network",
            access: .decided(by: Rule.named("get_auto_allocated_topology"))
        ) { call in
            let project = try project(call, "get_auto_allocated_topology")
            let isTrial = call.query.all("fields").contains("dry-run")
            let id = try await call.service.database.write { tx in
                // It is made on the cloud's account, by its own means: who may ask for it needs no other rights.
                let desk = Desk(tx, call.service)
                let parts = try parts(desk)
                if isTrial { return "dry-run=pass" }
                return try network(of: project, desk) ?? make(for: project, parts, desk)
            }
            return .json { json in
                json.object("auto_allocated_topology") {
                    $0.put("id", id)
                    $0.put("project_id", project)
                    $0.put("tenant_id", project)
                }
            }
        },
        Endpoint(
            "DELETE", "/auto-allocated-topology/{project}", "Take a project's network away again",
            access: .decided(by: Rule.named("delete_auto_allocated_topology"))
        ) { call in
            let project = try project(call, "delete_auto_allocated_topology")
            try await call.service.database.write { try remove(of: project, Desk($0, call.service)) }
            return .noContent
        },
    ]

    /// `None` is what old clients say when they mean their own.
    private static func project(_ call: Call<Network>, _ rule: String) throws(Failure) -> String {
        let own = call.caller.projectID ?? ""
        let project = call["project"] == "None" ? own : call["project"]
        var target = Document()
        target["tenant_id"] = .string(project)
        guard let rule = Rule.network[rule], call.scope(under: rule).covers({ target.attribute($0) }) else {
            throw .refused(rule)
        }
        return project
    }

    private struct Parts {
        let outside: String
        let pools: [Document]
    }

    /// What the cloud has to have for it.
    private static func parts(_ desk: Desk) throws(Failure) -> Parts {
        let isExternal: SQL = "SELECT object_id FROM network_rbac WHERE action = \(AccessPolicy.Action.external)"
        let outside = try desk.tx.row(
            "SELECT id FROM network_network WHERE is_default = 1 AND id IN (\(isExternal)) ORDER BY id"
        ) { try $0.text("id") }
        guard let outside else { throw failure("No default router:external network") }
        let pools = try desk.rows(.subnetPool, where: "is_default = 1", then: " ORDER BY ip_version")
        guard !pools.isEmpty else { throw failure("No default subnetpools defined") }
        return Parts(outside: outside, pools: pools)
    }

    private static func failure(_ reason: String) -> Failure {
        .clash("AutoAllocationFailure", "Deployment error: \(reason).")
    }

    /// The one that was made before, unless somebody has deleted it.
    private static func network(of project: String, _ desk: Desk) throws(Failure) -> String? {
        try desk.tx.row(
            """
            SELECT t.network_id FROM network_auto_topology t JOIN network_network n ON n.id = t.network_id
            WHERE t.project_id = \(project)
            """
        ) { try $0.text("network_id") }
    }

    private static func make(for project: String, _ parts: Parts, _ desk: Desk) throws(Failure) -> String {
        var network = Document()
        network["name"] = "auto_allocated_network"
        network["tenant_id"] = .string(project)
        let made = try desk.make(.network, network)
        var subnets: [Document] = []
        for pool in parts.pools {
            let version = pool.integer("ip_version") ?? 4
            var subnet = Document()
            subnet["name"] = .string("auto_allocated_subnet_v\(version)")
            subnet["tenant_id"] = .string(project)
            subnet["network_id"] = .string(made.id)
            subnet["ip_version"] = .number(version)
            subnet["subnetpool_id"] = .string(pool.id)
            subnets.append(try desk.make(.subnet, subnet))
        }
        var router = Document()
        router["name"] = "auto_allocated_router"
        router["tenant_id"] = .string(project)
        router["external_gateway_info"] = ["network_id": .string(parts.outside)]
        let way = try desk.get(.router, try desk.make(.router, router).id)
        for subnet in subnets { _ = try desk.addInterface(to: way, ["subnet_id": .string(subnet.id)]) }
        try desk.tx.run("DELETE FROM network_auto_topology WHERE project_id = \(project)")
        try desk.tx.insert(
            into: "network_auto_topology", ["project_id": project, "network_id": made.id, "router_id": way.id])
        return made.id
    }

    private static func remove(of project: String, _ desk: Desk) throws(Failure) {
        let known = try desk.tx.row("SELECT * FROM network_auto_topology WHERE project_id = \(project)") {
            (network: try $0.text("network_id"), router: try $0.text("router_id"))
        }
        guard let known else { return }
        if let router = try desk.find(.router, known.router) {
            for port in try desk.interfaces(of: router.id) {
                _ = try desk.removeInterface(of: router, ["port_id": .string(port.id)])
            }
            try RouterRows.delete(try desk.get(.router, router.id), desk)
        }
        if let network = try desk.find(.network, known.network) { try NetworkRows.delete(network, desk) }
        try desk.tx.run("DELETE FROM network_auto_topology WHERE project_id = \(project)")
    }
}
