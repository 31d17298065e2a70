import API
import Base
import SQL

extension Resource {
    /// A quality-of-service policy: rules about how fast, and with which mark, traffic goes.
    static let qosPolicy: Resource = Resource(
        "policy", "policies", path: "qos/policies", table: "network_qos_policy", isTagged: true,
        missing: { .missing("QosPolicyNotFound", "QoS policy \($0) could not be found.") },
        attributes: [
            .id, .name, .project, .shared("qos_policy"),
            Attribute("is_default", .boolean, set: .always, .looseBoolean, or: .value(false)),
            Attribute("rules", nil),
        ] + Attribute.standard,
        create: QoSRows.create, update: QoSRows.update, delete: QoSRows.delete, derive: QoSRows.derive)
}

enum QoSRows {
    static let created = Migration(
        "create qos",
        """
        CREATE TABLE network_qos_policy (
            id              VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id      VARCHAR(255) NOT NULL,
            name            VARCHAR(255) NOT NULL,
            is_default      BOOLEAN      NOT NULL,
            description     VARCHAR(255) NOT NULL,
            created_at      BIGINT       NOT NULL,
            updated_at      BIGINT       NOT NULL,
            revision_number BIGINT       NOT NULL
        )
        """,
        """
        CREATE TABLE network_qos_rule (
            id             VARCHAR(36) NOT NULL PRIMARY KEY,
            qos_policy_id  VARCHAR(36) NOT NULL,
            kind           VARCHAR(32) NOT NULL,
            direction      VARCHAR(16),
            max_kbps       BIGINT,
            max_burst_kbps BIGINT,
            min_kbps       BIGINT,
            max_kpps       BIGINT,
            max_burst_kpps BIGINT,
            min_kpps       BIGINT,
            dscp_mark      BIGINT,
            FOREIGN KEY (qos_policy_id) REFERENCES network_qos_policy (id)
        )
        """,
        "CREATE INDEX network_qos_rule_policy ON network_qos_rule (qos_policy_id)",
        "ALTER TABLE network_network ADD COLUMN qos_policy_id VARCHAR(36)",
        "ALTER TABLE network_port ADD COLUMN qos_policy_id VARCHAR(36)",
        "ALTER TABLE network_floatingip ADD COLUMN qos_policy_id VARCHAR(36)",
        "ALTER TABLE network_router ADD COLUMN qos_policy_id VARCHAR(36)")

    /// On what may have one: the policy that holds for it.
    static let attribute = Attribute("qos_policy_id", .text, set: .always, .nullable(.uuid), or: .value(.null))
    /// A network for which nothing is said may get its project's default.
    static let networkAttribute = Attribute("qos_policy_id", .text, set: .always, .nullable(.uuid))

    // MARK: Rules

    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        if draft.flag("is_default") { try requireOnlyDefault(draft, desk) }
        try desk.insert(.qosPolicy, draft)
    }

    static func update(_ changes: inout Document, _ before: Document, _ desk: Desk) throws(Failure) {
        if changes.flag("is_default"), !before.flag("is_default") { try requireOnlyDefault(before, desk) }
        try desk.change(.qosPolicy, before.id, changes)
    }

    private static func requireOnlyDefault(_ policy: Document, _ desk: Desk) throws(Failure) {
        let others: SQL = "project_id = \(policy.project) AND is_default = 1 AND id <> \(policy.id)"
        guard try !desk.tx.exists("SELECT 1 FROM network_qos_policy WHERE \(others)") else {
            throw .clash(
                "QoSPolicyDefaultAlreadyExists", "A default QoS policy exists for project \(policy.project).")
        }
    }

    private static let users: [(name: String, table: StaticString)] = [
        (name: "network", table: "network_network"), (name: "port", table: "network_port"),
        (name: "floatingip", table: "network_floatingip"), (name: "router", table: "network_router"),
    ]

    static func delete(_ policy: Document, _ desk: Desk) throws(Failure) {
        for (name, table) in users {
            let user = try desk.tx.row("SELECT id FROM \(SQL.raw(table)) WHERE qos_policy_id = \(policy.id)") {
                try $0.text("id")
            }
            if let user {
                throw .clash("QosPolicyInUse", "QoS Policy \(policy.id) is used by \(name) \(user).")
            }
        }
        try desk.tx.run("DELETE FROM network_qos_rule WHERE qos_policy_id = \(policy.id)")
        try desk.remove(.qosPolicy, policy.id)
    }

    static func derive(_ policies: inout [Document], _ desk: Desk) throws(Failure) {
        var rules: [String: [JSON]] = [:]
        for kind in QoSRuleKind.all {
            let condition: SQL = """
                qos_policy_id IN \(.list(policies.map(\.id))) AND kind = \(kind.name)
                """
            for rule in try desk.rows(kind.resource, where: condition, then: " ORDER BY id") {
                var shown = rule
                let policy = rule.text("qos_policy_id") ?? ""
                shown["kind"] = nil
                shown["type"] = .string(kind.name)
                rules[policy, default: []].append(.object(shown))
            }
        }
        for index in policies.indices { policies[index]["rules"] = .array(rules[policies[index].id] ?? []) }
    }

    // MARK: Use

    /// Whether whoever asks may put this policy on a thing, or take away the one that is there.
    static func check(_ changes: Document, _ before: Document?, _ desk: Desk) throws(Failure) {
        guard changes.has("qos_policy_id") else { return }
        let old = before?.text("qos_policy_id")
        let new = changes.text("qos_policy_id")
        guard old != new else { return }
        if let new { _ = try desk.visible(.qosPolicy, new) }
        guard let old, new == nil else { return }
        do throws(Failure) { _ = try desk.visible(.qosPolicy, old) } catch {
            throw Failure(
                .forbidden, "Failed to remove provided policy \(old) because you are not authorized.",
                name: "PolicyRemoveAuthorizationError")
        }
    }

    /// What a new network gets when nothing is said: its project's default.
    static func standard(for project: String, _ desk: Desk) throws(Failure) -> String? {
        try desk.rows(.qosPolicy, where: "project_id = \(project) AND is_default = 1").first?.id
    }
}
