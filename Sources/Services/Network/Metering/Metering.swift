import API
import Base
import SQL

extension Resource {
    /// A metering label: a name under which a project's traffic is counted.
    static let meteringLabel: Resource = Resource(
        "metering_label", "metering_labels", path: "metering/metering-labels", table: "network_metering_label",
        missing: { .missing("MeteringLabelNotFound", "Metering label \($0) does not exist") },
        attributes: [
            .id, Attribute("name", .text, set: .create, .text(0...255), or: .value("")), .project,
            Attribute("description", .text, set: .create, .text(0...1_024), or: .value("")),
            Attribute("shared", .boolean, set: .create, .looseBoolean, or: .value(false)),
        ],
        delete: { label, desk throws(Failure) in
            try desk.tx.run("DELETE FROM network_metering_rule WHERE metering_label_id = \(label.id)")
            try desk.remove(.meteringLabel, label.id)
        })

    /// A metering rule: which traffic counts for its label, and which doesn't.
    static let meteringRule: Resource = Resource(
        "metering_label_rule", "metering_label_rules", path: "metering/metering-label-rules",
        table: "network_metering_rule",
        missing: { .missing("MeteringLabelRuleNotFound", "Metering label rule \($0) does not exist") },
        attributes: [
            .id, .project, Attribute("metering_label_id", .text, set: .create, .uuid, or: .required),
            Attribute("direction", .text, set: .create, .choice(["ingress", "egress"]), or: .required),
            Attribute("excluded", .boolean, set: .create, .looseBoolean, or: .value(false)),
            Attribute("remote_ip_prefix", .text, set: .create, prefix, or: .value(.null), as: Normal.cidr),
            Attribute("source_ip_prefix", .text, set: .create, prefix, or: .value(.null), as: Normal.cidr),
            Attribute("destination_ip_prefix", .text, set: .create, prefix, or: .value(.null), as: Normal.cidr),
        ],
        create: { draft, desk throws(Failure) in
            _ = try desk.visible(.meteringLabel, draft.text("metering_label_id") ?? "")
            try desk.insert(.meteringRule, draft)
        })

    private static let prefix: Shape = .nullable(.text(1...64, format: .cidr))
}

enum MeteringRows {
    static let created = Migration(
        "create metering",
        """
        CREATE TABLE network_metering_label (
            id          VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id  VARCHAR(255) NOT NULL,
            name        VARCHAR(255) NOT NULL,
            description MEDIUMTEXT   NOT NULL,
            shared      BOOLEAN      NOT NULL
        )
        """,
        """
        CREATE TABLE network_metering_rule (
            id                    VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id            VARCHAR(255) NOT NULL,
            metering_label_id     VARCHAR(36)  NOT NULL,
            direction             VARCHAR(16)  NOT NULL,
            excluded              BOOLEAN      NOT NULL,
            remote_ip_prefix      VARCHAR(64),
            source_ip_prefix      VARCHAR(64),
            destination_ip_prefix VARCHAR(64),
            FOREIGN KEY (metering_label_id) REFERENCES network_metering_label (id)
        )
        """)
}
