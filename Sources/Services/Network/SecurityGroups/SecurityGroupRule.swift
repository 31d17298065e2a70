import API
import Base
import SQL

extension Resource {
    /// One sentence of a security group: this may pass.
    static let securityGroupRule: Resource = Resource(
        "security_group_rule", "security_group_rules", path: "security-group-rules",
        table: "network_security_group_rule",
        parent: Parent(
            resource: .securityGroup, key: "security_group_id", column: "security_group_id", prefix: "security_group",
            lends: []),
        quota: 100,
        missing: { .missing("SecurityGroupRuleNotFound", "Security group rule \($0) does not exist") },
        attributes: [.id, .project] + SecurityGroupRuleRows.attributes + Attribute.standard,
        create: SecurityGroupRuleRows.create, delete: SecurityGroupRuleRows.delete,
        derive: SecurityGroupRuleRows.derive)
}

enum SecurityGroupRuleRows {
    static let attributes: [Attribute] = [
        Attribute("security_group_id", .text, set: .create, .text(1...36), or: .required),
        Attribute("direction", .text, set: .create, .choice(["ingress", "egress"]), or: .required),
        Attribute("ethertype", .text, set: .create, .nullable(.text(0...16)), or: .value("IPv4"), as: ethertype),
        Attribute("protocol", .text, set: .create, .any, or: .value(.null), as: IPProtocol.normal),
        Attribute("port_range_min", .integer, set: .create, or: .value(.null), as: number),
        Attribute("port_range_max", .integer, set: .create, or: .value(.null), as: number),
        Attribute("remote_ip_prefix", .text, set: .create, .nullable(.text(0...64)), or: .value(.null), as: prefix),
        Attribute("normalized_cidr", nil),
        Attribute("remote_group_id", .text, set: .create, .nullable(.text(0...36)), or: .value(.null)),
        Attribute("remote_address_group_id", .text, set: .create, .nullable(.text(0...36)), or: .value(.null)),
        Attribute("belongs_to_default_sg", nil),
    ]

    static let created = Migration(
        "create security group rule",
        """
        CREATE TABLE network_security_group_rule (
            id                VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id        VARCHAR(255) NOT NULL,
            security_group_id VARCHAR(36)  NOT NULL,
            direction         VARCHAR(16)  NOT NULL,
            ethertype         VARCHAR(16)  NOT NULL,
            protocol          VARCHAR(40),
            port_range_min    BIGINT,
            port_range_max    BIGINT,
            remote_ip_prefix  VARCHAR(64),
            remote_group_id   VARCHAR(36),
            description       VARCHAR(255) NOT NULL,
            created_at        BIGINT       NOT NULL,
            updated_at        BIGINT       NOT NULL,
            revision_number   BIGINT       NOT NULL,
            FOREIGN KEY (security_group_id) REFERENCES network_security_group (id)
        )
        """,
        "CREATE INDEX network_security_group_rule_group ON network_security_group_rule (security_group_id)",
        "CREATE INDEX network_security_group_rule_project ON network_security_group_rule (project_id)")

    private static let ethertype: Attribute.Normal = { value throws(Failure) in
        let known = ["IPv4", "IPv6"]
        guard let type = known.first(where: { $0.lowercased() == value.string?.lowercased() }) else {
            throw .input(
                "Security group rule for ethertype '\(value.plain)' not supported. Allowed values are \(known)")
        }
        return .string(type)
    }

    private static let number: Attribute.Normal = { value throws(Failure) in
        guard !value.isNull else { return .null }
        guard let number = value.looseInteger, (0...65_535).contains(number) else {
            throw .input("Invalid value for port \(value.plain)")
        }
        return .integer(number)
    }

    private static let prefix: Attribute.Normal = { value throws(Failure) in
        guard let text = value.string, !text.isEmpty else { return .null }
        guard let network = IPNetwork(text) else {
            throw .input("'\(text)' is not a valid CIDR")
        }
        return .string(network.description)
    }

    // MARK: Rules

    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        let group = try desk.visible(.securityGroup, draft.text("security_group_id") ?? "")
        try IPProtocol.check(draft)
        try checkRemote(draft, desk)
        if let twin = try twin(of: draft, desk) {
            throw .clash("SecurityGroupRuleExists", "Security group rule already exists. Rule id is \(twin).")
        }
        draft["tenant_id"] = group["tenant_id"]
        try desk.insert(.securityGroupRule, draft)
        try desk.touch(.securityGroup, group.id)
    }

    static func checkRemote(_ rule: Document, _ desk: Desk) throws(Failure) {
        let ways = ["remote_ip_prefix", "remote_group_id", "remote_address_group_id"]
        guard ways.count(where: { rule.says($0) }) <= 1 else {
            throw .input(
                "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided")
        }
        if let group = rule.text("remote_address_group_id") { _ = try desk.visible(.addressGroup, group) }
        if let group = rule.text("remote_group_id") { _ = try desk.visible(.securityGroup, group) }
        guard let network = rule.text("remote_ip_prefix").flatMap({ IPNetwork($0) }) else { return }
        let ethertype = network.family == .v4 ? "IPv4" : "IPv6"
        guard rule.text("ethertype") == ethertype else {
            throw .input("Conflicting value ethertype \(rule.text("ethertype") ?? "") for CIDR \(network)")
        }
    }

    /// The rule that says the same already.
    private static func twin(of rule: Document, _ desk: Desk) throws(Failure) -> String? {
        let telling = [
            "direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix",
            "remote_group_id", "remote_address_group_id",
        ]
        let group = rule.text("security_group_id") ?? ""
        let others = try desk.rows(.securityGroupRule, where: "security_group_id = \(group)")
        return others.first { other in telling.allSatisfy { (other[$0] ?? .null) == (rule[$0] ?? .null) } }?.id
    }

    static func delete(_ rule: Document, _ desk: Desk) throws(Failure) {
        try desk.remove(.securityGroupRule, rule.id)
        try desk.touch(.securityGroup, rule.text("security_group_id") ?? "")
    }

    static func derive(_ rules: inout [Document], _ desk: Desk) throws(Failure) {
        let groups = Set(rules.compactMap { $0.text("security_group_id") }).sorted()
        let own: SQL = "id IN \(.list(groups)) AND default_of IS NOT NULL"
        let defaults = Set(
            try desk.tx.rows("SELECT id FROM network_security_group WHERE \(own)") { try $0.text("id") })
        for index in rules.indices {
            rules[index]["belongs_to_default_sg"] = .bool(
                defaults.contains(rules[index].text("security_group_id") ?? ""))
            let network = rules[index].text("remote_ip_prefix").flatMap { IPNetwork($0) }
            rules[index]["normalized_cidr"] = .optional(network?.network.description)
        }
    }
}
