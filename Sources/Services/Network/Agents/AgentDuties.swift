import API
import Base
import HTTP
import Policy
import SQL

/// What agents have to do: which networks an agent serves with addresses, and which routers it hosts. An agent serves a
/// network when the network's address port is on its host; it hosts a router when the router's ports are.
enum AgentDuties {
    private struct Duty: Sendable {
        let agentType: String
        /// `network`, and how it is called below an agent.
        let thing: Resource
        let path: String
        let key: String
        /// How agents are called below it.
        let agents: String
        let rules: (list: String, create: String, delete: String, agents: String)
        let hosts: @Sendable (_ thing: SQL) -> SQL
    }

    private static let addresses = Duty(
        agentType: "DHCP agent", thing: .network, path: "dhcp-networks", key: "network_id", agents: "dhcp-agents",
        rules: (
            list: "get_dhcp-networks", create: "create_dhcp-network", delete: "delete_dhcp-network",
            agents: "get_dhcp-agents"
        ),
        hosts: { "SELECT host_id, network_id AS thing FROM network_port WHERE device_owner = 'network:dhcp' AND \($0)" }
    )
    private static let routing = Duty(
        agentType: "L3 agent", thing: .router, path: "l3-routers", key: "router_id", agents: "l3-agents",
        rules: (
            list: "get_l3-routers", create: "create_l3-router", delete: "delete_l3-router", agents: "get_l3-agents"
        ),
        hosts: {
            """
            SELECT DISTINCT host_id, device_id AS thing FROM network_port
            WHERE device_owner IN ('network:router_interface', 'network:router_gateway') AND \($0)
            """
        })

    /// What was given to an agent by hand, also while there is nothing yet to be done for it.
    static let created = Migration(
        "create agent duty",
        """
        CREATE TABLE network_duty (
            thing VARCHAR(36)  NOT NULL,
            host  VARCHAR(255) NOT NULL,
            PRIMARY KEY (thing, host)
        )
        """)

    static let endpoints: [Endpoint<Network>] = [addresses, routing].flatMap(endpoints)

    private static func endpoints(_ duty: Duty) -> [Endpoint<Network>] {
        let below = "/agents/{id}/\(duty.path)"
        return [
            Endpoint(
                "GET", below, "List what an agent does: \(duty.path)", access: .decided(by: Rule.named(duty.rules.list))
            ) { call in
                let (things, view) = try await call.service.database.read { tx in
                    let desk = Desk(tx, call.service, call)
                    let agent = try agent(call["id"], duty, desk)
                    try desk.require(duty.rules.list, of: Desk.Target(own: agent, parent: nil))
                    let ids = try hosted(by: agent, duty, desk)
                    let things = try desk.documents(duty.thing, where: "id IN \(.list(ids))", then: " ORDER BY id")
                    return (things, try View(duty.thing, desk, of: things))
                }
                return .json { json in json.array(duty.thing.many, of: things) { view.write($0, to: &$1) } }
            },
            Endpoint(
                "POST", below, "Give an agent something to do: \(duty.path)",
                access: .decided(by: Rule.named(duty.rules.create)), body: .json(.any)
            ) { call in
                try await call.service.database.write { tx in
                    let desk = Desk(tx, call.service, call)
                    let agent = try agent(call["id"], duty, desk)
                    try desk.require(duty.rules.create, of: Desk.Target(own: agent, parent: nil))
                    guard let id = call.body[duty.key]?.string else {
                        throw Failure.badRequest(duty.path, "\(duty.key) is required")
                    }
                    try add(try desk.get(duty.thing, id), to: agent, duty, desk)
                }
                return Reply.json(201) { _ in }
            },
            Endpoint(
                "DELETE", below + "/{thing}", "Take something off an agent: \(duty.path)",
                access: .decided(by: Rule.named(duty.rules.delete))
            ) { call in
                try await call.service.database.write { tx in
                    let desk = Desk(tx, call.service, call)
                    let agent = try agent(call["id"], duty, desk)
                    try desk.require(duty.rules.delete, of: Desk.Target(own: agent, parent: nil))
                    try remove(try desk.get(duty.thing, call["thing"]), from: agent, duty, desk)
                }
                return .noContent
            },
            Endpoint(
                "GET", "\(duty.thing.path)/{id}/\(duty.agents)", "List the agents behind a \(duty.thing.one)",
                access: .decided(by: Rule.named(duty.rules.agents))
            ) { call in
                let (agents, view) = try await call.service.database.read { tx in
                    let desk = Desk(tx, call.service, call)
                    let thing = try desk.visible(duty.thing, call["id"])
                    try desk.require(duty.rules.agents, of: try desk.target(duty.thing, thing))
                    let column: SQL = duty.key == "network_id" ? "network_id" : "device_id"
                    let hosts =
                        try tx.rows(duty.hosts("\(column) = \(thing.id)")) { try $0.text("host_id") }
                        + tx.rows("SELECT host FROM network_duty WHERE thing = \(thing.id)") { try $0.text("host") }
                    let agents = try desk.documents(
                        .agent, where: "agent_type = \(duty.agentType) AND host IN \(.list(hosts))")
                    return (agents, try View(.agent, desk, of: agents))
                }
                return .json { json in json.array("agents", of: agents) { view.write($0, to: &$1) } }
            },
        ]
    }

    private static func agent(_ id: String, _ duty: Duty, _ desk: Desk) throws(Failure) -> Document {
        try desk.get(.agent, id)
    }

    private static func hosted(by agent: Document, _ duty: Duty, _ desk: Desk) throws(Failure) -> [String] {
        guard agent.text("agent_type") == duty.agentType else { return [] }
        let host = agent.text("host") ?? ""
        let given = try desk.tx.rows("SELECT thing FROM network_duty WHERE host = \(host)") { try $0.text("thing") }
        return try given + desk.tx.rows(duty.hosts("host_id = \(host)")) { try $0.text("thing") }
    }

    private static func add(
        _ thing: Document, to agent: Document, _ duty: Duty, _ desk: Desk
    ) throws(Failure) {
        let host = agent.text("host") ?? ""
        guard agent.text("agent_type") == duty.agentType, agent.flag("admin_state_up") else {
            throw .clash("InvalidAgent", "Agent \(agent.id) is not a valid \(duty.agentType) or has been disabled.")
        }
        let isHosted = try hosted(by: agent, duty, desk).contains(thing.id)
        // A router may be given to its own agent again, a network may not.
        guard !isHosted else {
            guard duty.key == "network_id" else { return }
            throw .clash(
                "NetworkHostedByDHCPAgent",
                "The network \(thing.id) has been already hosted by the DHCP Agent \(agent.id).")
        }
        try desk.tx.insert(into: "network_duty", ["thing": thing.id, "host": host])
        if duty.key == "network_id" { return try desk.followSubnets(of: thing.id) }
        try desk.place(thing.id, on: host)
    }

    private static func remove(
        _ thing: Document, from agent: Document, _ duty: Duty, _ desk: Desk
    ) throws(Failure) {
        guard try hosted(by: agent, duty, desk).contains(thing.id) else {
            throw .clash(
                duty.key == "network_id" ? "NetworkNotHostedByDhcpAgent" : "RouterNotHostedByL3Agent",
                "The \(duty.thing.one) \(thing.id) is not hosted by the \(duty.agentType) \(agent.id).")
        }
        try desk.tx.run("DELETE FROM network_duty WHERE thing = \(thing.id)")
        guard duty.key == "network_id" else { return try desk.place(thing.id, on: "") }
        let own: SQL = "network_id = \(thing.id) AND device_owner = \(DeviceOwner.dhcp)"
        for port in try desk.rows(.port, where: own) { try desk.removePort(port.id) }
    }
}

extension Desk {
    /// Moves a router with all its ports to a host, or to none, where no floating IP leads through it any more.
    fileprivate func place(_ router: String, on host: String) throws(Failure) {
        let owners = [DeviceOwner.routerInterface, DeviceOwner.routerGateway]
        let own: SQL = "device_id = \(router) AND device_owner IN \(.list(owners))"
        for port in try documents(.port, where: own) {
            var changes = Document()
            changes["binding:host_id"] = .string(host)
            try PortRows.update(&changes, port, self)
        }
        let status = host.isEmpty ? "DOWN" : "ACTIVE"
        try tx.run(
            """
            UPDATE network_floatingip SET status = \(status), revision_number = revision_number + 1, updated_at = \(now)
            WHERE router_id = \(router) AND status <> \(status)
            """)
    }
}
