import API
import Base
import SQL

extension Resource {
    /// An agent: what does the network's work on a host. It lists itself by reporting; nobody makes one by hand.
    static let agent: Resource = Resource(
        "agent", "agents", table: "network_agent",
        missing: { .missing("AgentNotFound", "Agent \($0) could not be found") },
        attributes: [
            .id,
            Attribute(
                "agent_type", .text,
                // Clients spell types as they like.
                where: { values, _ in "LOWER(agent_type) IN \(.list(values.map { $0.lowercased() }))" }),
            Attribute("binary", .text, column: "program"),
            Attribute("topic", .text),
            Attribute("host", .text), Attribute("availability_zone", .text),
            Attribute("admin_state_up", .boolean, set: .update, .looseBoolean),
            Attribute("description", .text, set: .update, .nullable(.text(0...255))),
            Attribute("configurations", .json),
            Attribute("started_at", .text), Attribute("heartbeat_timestamp", .text),
            Attribute("seen_at", .integer, isVisible: false), Attribute("alive", nil),
        ],
        derive: { agents, desk throws(Failure) in
            for index in agents.indices {
                let seen = Moment(microseconds: Int64(agents[index].integer("seen_at") ?? 0))
                agents[index]["alive"] = .bool(desk.now - seen < AgentRows.patience)
            }
        })
}

enum AgentRows {
    /// Two missed reports and a bit.
    static let patience: Duration = .seconds(75)

    static let created = Migration(
        "create agent",
        """
        CREATE TABLE network_agent (
            id                  VARCHAR(36)  NOT NULL PRIMARY KEY,
            agent_type          VARCHAR(255) NOT NULL,
            program             VARCHAR(255) NOT NULL,
            topic               VARCHAR(255) NOT NULL,
            host                VARCHAR(255) NOT NULL,
            availability_zone   VARCHAR(255) NOT NULL,
            admin_state_up      BOOLEAN      NOT NULL,
            description         VARCHAR(255),
            configurations      MEDIUMTEXT   NOT NULL,
            started_at          VARCHAR(32)  NOT NULL,
            heartbeat_timestamp VARCHAR(32)  NOT NULL,
            seen_at             BIGINT       NOT NULL,
            UNIQUE (agent_type, host)
        )
        """)
}
