import API
import Base
import HTTP
import Policy
import SQL

extension Resource {
    /// A security group: rules about who may speak with the ports in it.
    static let securityGroup: Resource = Resource(
        "security_group", "security_groups", path: "security-groups", table: "network_security_group", quota: 10,
        isTagged: true, missing: { .missing("SecurityGroupNotFound", "Security group \($0) does not exist") },
        attributes: [
            .id, .name, .project, .shared("security_group", set: .never),
            Attribute("stateful", .boolean, set: .always, .looseBoolean, or: .value(true)),
            Attribute("security_group_rules", nil),
        ] + Attribute.standard,
        prepare: SecurityGroupRows.prepare, create: SecurityGroupRows.create, update: SecurityGroupRows.update,
        delete: SecurityGroupRows.delete,
        derive: SecurityGroupRows.derive)
}

enum SecurityGroupRows {
    static let defaultName = "default"

    static let created = Migration(
        "create security group",
        """
        CREATE TABLE network_security_group (
            id              VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id      VARCHAR(255) NOT NULL,
            name            VARCHAR(255) NOT NULL,
            stateful        BOOLEAN      NOT NULL,
            default_of      VARCHAR(255) UNIQUE,
            description     VARCHAR(255) NOT NULL,
            created_at      BIGINT       NOT NULL,
            updated_at      BIGINT       NOT NULL,
            revision_number BIGINT       NOT NULL
        )
        """,
        "CREATE INDEX network_security_group_project ON network_security_group (project_id)")

    /// Whoever looks for groups finds the default one.
    static func prepare(_ call: Call<Network>) async throws(Failure) {
        guard let own = call.caller.projectID, !call.caller.roles.isEmpty else { return }
        // An administrator who looks for another project's groups finds its default one, too.
        let named = call.query.all("project_id") + call.query.all("tenant_id")
        let project = named.count == 1 && call.allows(.contextIsAdmin) ? named[0] : own
        let database = call.service.database
        let known = try await database.read { tx in
            try tx.exists("SELECT 1 FROM network_security_group WHERE default_of = \(project)")
        }
        guard !known else { return }
        _ = try await database.write { try Desk($0, call.service, call).ensureDefaultGroup(of: project) }
    }

    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        try requireOtherName(draft)
        try desk.ensureDefaultGroup(of: draft.project)
        let rules = try DefaultRuleRows.count(isDefault: false, desk)
        try desk.requireQuota(.securityGroupRule, draft.project, adding: rules)
        try desk.insertGroup(draft, isDefault: false)
    }

    static func update(_ changes: inout Document, _ before: Document, _ desk: Desk) throws(Failure) {
        if let name = changes.text("name"), name != before.text("name") {
            try requireOtherName(changes)
            guard before.text("name") != defaultName else {
                throw .clash("SecurityGroupCannotUpdateDefault", "Updating default security group not allowed.")
            }
        }
        if changes.has("stateful"), changes["stateful"] != before["stateful"], try desk.isGroupUsed(before.id) {
            throw .clash("SecurityGroupInUse", "Security Group \(before.id) in use.")
        }
        try desk.change(.securityGroup, before.id, changes)
    }

    private static func requireOtherName(_ group: Document) throws(Failure) {
        guard group.text("name")?.lowercased() != defaultName else {
            throw .clash("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
        }
    }

    static func delete(_ group: Document, _ desk: Desk) throws(Failure) {
        guard try !desk.isGroupUsed(group.id) else {
            throw .clash("SecurityGroupInUse", "Security Group \(group.id) in use.")
        }
        guard group.text("name") != defaultName || desk.isAdmin else {
            throw .clash(
                "SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group.")
        }
        try desk.tx.run(
            """
            DELETE FROM network_security_group_rule
            WHERE security_group_id = \(group.id) OR remote_group_id = \(group.id)
            """)
        try desk.removeLogs(about: group.id)
        try desk.remove(.securityGroup, group.id)
    }

    static func derive(_ groups: inout [Document], _ desk: Desk) throws(Failure) {
        let ids = groups.map(\.id)
        let rules = try desk.documents(
            .securityGroupRule, where: "security_group_id IN \(.list(ids))", then: " ORDER BY created_at, id")
        let byGroup = Dictionary(grouping: rules) { $0.text("security_group_id") ?? "" }
        for index in groups.indices {
            let own: [JSON] = (byGroup[ids[index]] ?? []).map { rule in
                var rule = rule
                rule["project_id"] = rule["tenant_id"]
                return .object(rule)
            }
            groups[index]["security_group_rules"] = .array(own)
        }
    }
}

extension Desk {
    fileprivate func isGroupUsed(_ id: String) throws(Failure) -> Bool {
        try tx.exists("SELECT 1 FROM network_port_group WHERE group_id = \(id)")
    }

    /// Every project has a group named so from its first use of the network on.
    @discardableResult
    func ensureDefaultGroup(of project: String) throws(Failure) -> String {
        guard !project.isEmpty else { return "" }
        let known = try tx.row("SELECT id FROM network_security_group WHERE default_of = \(project)") {
            try $0.text("id")
        }
        if let known { return known }
        let group: Document = Document([
            .init(name: "id", value: .string(newID())), .init(name: "tenant_id", value: .string(project)),
            .init(name: "name", value: .string(SecurityGroupRows.defaultName)),
            .init(name: "stateful", value: true), .init(name: "description", value: "Default security group"),
        ])
        try insertGroup(group, isDefault: true)
        try tx.run("UPDATE network_security_group SET default_of = \(project) WHERE id = \(group.id)")
        return group.id
    }

    fileprivate func insertGroup(_ group: Document, isDefault: Bool) throws(Failure) {
        try insert(.securityGroup, group)
        for rule in try DefaultRuleRows.rules(for: group, isDefault: isDefault, self) {
            try insert(.securityGroupRule, rule)
        }
    }
}
