import API
import Base
import SQL

extension Resource {
    /// A default rule: a sentence that every new security group starts with.
    static let defaultRule: Resource = Resource(
        "default_security_group_rule", "default_security_group_rules", path: "default-security-group-rules",
        table: "network_default_rule",
        missing: {
            .missing("DefaultSecurityGroupRuleNotFound", "Default Security Group rule \($0) does not exist")
        },
        attributes: [.id] + DefaultRuleRows.attributes,
        create: DefaultRuleRows.create)
}

enum DefaultRuleRows {
    /// The group itself, as a rule names it before the group is there.
    static let itself = "PARENT"

    /// What a rule says: all but which group it is in, and what is worked out.
    private static let sentence = SecurityGroupRuleRows.attributes.filter {
        !["security_group_id", "normalized_cidr", "belongs_to_default_sg"].contains($0.name)
    }

    static let attributes: [Attribute] =
        sentence + [
            Attribute("used_in_default_sg", .boolean, set: .create, .looseBoolean, or: .value(false)),
            Attribute("used_in_non_default_sg", .boolean, set: .create, .looseBoolean, or: .value(true)),
            .description,
        ]

    /// With what groups started before it could be chosen.
    static let created = Migration(
        "create default rule",
        """
        CREATE TABLE network_default_rule (
            id                      VARCHAR(36)  NOT NULL PRIMARY KEY,
            direction               VARCHAR(16)  NOT NULL,
            ethertype               VARCHAR(16)  NOT NULL,
            protocol                VARCHAR(40),
            port_range_min          BIGINT,
            port_range_max          BIGINT,
            remote_ip_prefix        VARCHAR(64),
            remote_group_id         VARCHAR(36),
            remote_address_group_id VARCHAR(36),
            used_in_default_sg      BOOLEAN      NOT NULL,
            used_in_non_default_sg  BOOLEAN      NOT NULL,
            description             VARCHAR(255) NOT NULL
        )
        """,
        """
        INSERT INTO network_default_rule
            (id, direction, ethertype, remote_group_id, used_in_default_sg, used_in_non_default_sg, description)
        VALUES
            ('5d5dc9f5-6f6e-4b8e-9b8c-0f6a3c1e7a01', 'egress', 'IPv4', NULL, 1, 1, 'Legacy default SG rule for egress traffic'),
            ('5d5dc9f5-6f6e-4b8e-9b8c-0f6a3c1e7a02', 'egress', 'IPv6', NULL, 1, 1, 'Legacy default SG rule for egress traffic'),
            ('5d5dc9f5-6f6e-4b8e-9b8c-0f6a3c1e7a03', 'ingress', 'IPv4', 'PARENT', 1, 0, 'Legacy default SG rule for ingress traffic'),
            ('5d5dc9f5-6f6e-4b8e-9b8c-0f6a3c1e7a04', 'ingress', 'IPv6', 'PARENT', 1, 0, 'Legacy default SG rule for ingress traffic')
        """)

    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        try IPProtocol.check(draft)
        if draft.text("remote_group_id") == itself {
            guard !draft.says("remote_ip_prefix"), !draft.says("remote_address_group_id") else {
                throw .input(
                    "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided")
            }
        } else {
            try SecurityGroupRuleRows.checkRemote(draft, desk)
        }
        // The same sentence may stand in either kind of group, and in each of them once.
        let names = sentence.map(\.name)
        let twin = try desk.rows(.defaultRule, where: "1 = 1").first { other in
            names.allSatisfy { (other[$0] ?? .null) == (draft[$0] ?? .null) }
                && ["used_in_default_sg", "used_in_non_default_sg"].contains { other.flag($0) && draft.flag($0) }
        }
        if let twin {
            throw .clash(
                "DefaultSecurityGroupRuleExists", "Default Security group rule already exists. Rule id is \(twin.id).")
        }
        try desk.insert(.defaultRule, draft)
    }

    /// What a new group starts with, once it has an id that rules may name.
    static func rules(for group: Document, isDefault: Bool, _ desk: Desk) throws(Failure) -> [Document] {
        let kind: SQL = isDefault ? "used_in_default_sg = 1" : "used_in_non_default_sg = 1"
        return try desk.rows(.defaultRule, where: kind, then: " ORDER BY id").map { template in
            var rule = Document()
            rule["id"] = .string(desk.newID())
            rule["tenant_id"] = group["tenant_id"]
            rule["security_group_id"] = .string(group.id)
            for attribute in sentence { rule[attribute.name] = template[attribute.name] }
            if template.text("remote_group_id") == itself { rule["remote_group_id"] = .string(group.id) }
            rule["description"] = ""
            return rule
        }
    }

    static func count(isDefault: Bool, _ desk: Desk) throws(Failure) -> Int {
        let kind: SQL = isDefault ? "used_in_default_sg = 1" : "used_in_non_default_sg = 1"
        return try desk.tx.count("SELECT COUNT(*) FROM network_default_rule WHERE \(kind)")
    }
}
