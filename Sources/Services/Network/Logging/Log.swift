import API
import Base
import Policy
import SQL

extension Resource {
    /// A log: which packets hosts write down, of those that security groups let pass or don't.
    static let log: Resource = Resource(
        "log", "logs", path: "log/logs", table: "network_log",
        missing: { .missing("LogResourceNotFound", "Log resource \($0) could not be found.") },
        attributes: [
            .id, .name, .project,
            Attribute("resource_type", .text, set: .create, .text(1...255), or: .required),
            Attribute("resource_id", .text, set: .create, .nullable(.uuid), or: .value(.null)),
            Attribute("target_id", .text, set: .create, .nullable(.uuid), or: .value(.null)),
            Attribute("event", .text, set: .create, .choice(["ALL", "ACCEPT", "DROP"]), or: .value("ALL")),
            Attribute("enabled", .boolean, set: .always, .looseBoolean, or: .value(true)),
        ] + Attribute.standard,
        create: { log, desk throws(Failure) in
            try LogRows.check(log, desk)
            try desk.insert(.log, log)
        })
}

enum LogRows {
    /// What can be logged.
    private static let types = ["security_group"]

    static let created = Migration(
        "create log",
        """
        CREATE TABLE network_log (
            id              VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id      VARCHAR(255) NOT NULL,
            name            VARCHAR(255) NOT NULL,
            resource_type   VARCHAR(255) NOT NULL,
            resource_id     VARCHAR(36),
            target_id       VARCHAR(36),
            event           VARCHAR(16)  NOT NULL,
            enabled         BOOLEAN      NOT NULL,
            description     VARCHAR(255) NOT NULL,
            created_at      BIGINT       NOT NULL,
            updated_at      BIGINT       NOT NULL,
            revision_number BIGINT       NOT NULL
        )
        """)

    static let endpoints: [Endpoint<Network>] = [
        Endpoint(
            "GET", "/log/loggable-resources", "List what can be logged",
            access: .decided(by: Rule.named("get_loggable_resource"))
        ) { call in
            if let rule = Rule.network["get_loggable_resource"] {
                try call.require(rule, of: ["project_id": call.caller.projectID ?? ""])
            }
            return .json { json in
                json.array("loggable_resources", of: types) { type, json in json.object { $0.put("type", type) } }
            }
        }
    ]

    static func check(_ log: Document, _ desk: Desk) throws(Failure) {
        let type = log.text("resource_type") ?? ""
        guard types.contains(type) else {
            throw .wrong("InvalidLogResourceType", "Invalid log resource_type: \(type).")
        }
        if let group = log.text("resource_id"), try !desk.isThere(.securityGroup, group) {
            throw .missing("ResourceNotFound", "Resource \(group) could not be found.")
        }
        guard let port = log.text("target_id") else { return }
        guard try desk.isThere(.port, port) else {
            throw .missing("TargetResourceNotFound", "Target resource \(port) could not be found.")
        }
        guard let group = log.text("resource_id") else { return }
        let member: SQL = "SELECT 1 FROM network_port_group WHERE port_id = \(port) AND group_id = \(group)"
        guard try desk.tx.exists(member) else {
            throw .wrong(
                "InvalidResourceConstraint",
                "Invalid resource constraint between resource (security_group \(group)) and target resource (port \(port))."
            )
        }
    }
}

extension Desk {
    fileprivate func isThere(_ resource: Resource, _ id: String) throws(Failure) -> Bool {
        do throws(Failure) { _ = try visible(resource, id) } catch  where error.kind == .notFound { return false }
        return true
    }

    /// What is about something goes with it.
    func removeLogs(about id: String) throws(Failure) {
        try tx.run("DELETE FROM network_log WHERE resource_id = \(id) OR target_id = \(id)")
    }
}
