import API
import Base
import HTTP
import Policy
import SQL

extension Resource {
    /// An address group: addresses by one name, which rules of security groups can speak of.
    static let addressGroup: Resource = Resource(
        "address_group", "address_groups", path: "address-groups", table: "network_address_group",
        missing: { .missing("AddressGroupNotFound", "Address group \($0) could not be found.") },
        attributes: [
            .id, .name, .project,
            Attribute(
                "shared", nil, isVisible: false,
                where: { values, viewer in
                    .holds(values, "id IN (\(AccessPolicy.objects(of: "address_group", .shared, for: viewer)))")
                }),
            Attribute(
                "addresses", .json, set: .create, .nullable(AddressGroupRows.addresses), or: .value([]),
                as: AddressGroupRows.normal),
        ] + Attribute.standard,
        delete: AddressGroupRows.delete)
}

enum AddressGroupRows {
    static let addresses: Shape = .list(of: .text(1...64, format: .cidr), count: 0...1_000)
    private static let body: Shape = .object(Fields([.required("addresses", addresses)], others: .allowed))

    static let created = Migration(
        "create address group",
        """
        CREATE TABLE network_address_group (
            id              VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id      VARCHAR(255) NOT NULL,
            name            VARCHAR(255) NOT NULL,
            addresses       MEDIUMTEXT   NOT NULL,
            description     VARCHAR(255) NOT NULL,
            created_at      BIGINT       NOT NULL,
            updated_at      BIGINT       NOT NULL,
            revision_number BIGINT       NOT NULL
        )
        """,
        "CREATE INDEX network_address_group_project ON network_address_group (project_id)",
        "ALTER TABLE network_security_group_rule ADD COLUMN remote_address_group_id VARCHAR(36)")

    /// In their one spelling, each once.
    static let normal: Attribute.Normal = { value throws(Failure) in
        if let bare = (value.array ?? []).compactMap(\.string).first(where: { !$0.contains("/") }) {
            throw .invalid("Invalid input for addresses. Reason: '\(bare)' is no network with its length.")
        }
        return .strings(spelled(value))
    }

    private static func spelled(_ value: JSON) -> [String] {
        var spelled: [String] = []
        for text in (value.array ?? []).compactMap(\.string) {
            let network = IPNetwork(text)?.network.description ?? text
            if !spelled.contains(network) { spelled.append(network) }
        }
        return spelled
    }

    static let endpoints: [Endpoint<Network>] = [
        action("add_addresses", "Add addresses to a group") { group, asked throws(Failure) in
            _ = try normal(asked)
            let asked = spelled(asked)
            let known = group.texts("addresses")
            let twice = asked.filter { known.contains($0) }
            guard twice.isEmpty else {
                throw .wrong(
                    "AddressesAlreadyExist",
                    "Addresses \(twice.joined(separator: ", ")) already exist in the address group \(group.id).")
            }
            return known + asked
        },
        action("remove_addresses", "Remove addresses from a group") { group, asked throws(Failure) in
            let asked = spelled(asked)
            let known = group.texts("addresses")
            let unknown = asked.filter { !known.contains($0) }
            guard unknown.isEmpty else {
                throw .missing(
                    "AddressesNotFound",
                    "Addresses \(unknown.joined(separator: ", ")) not found in the address group \(group.id).")
            }
            return known.filter { !asked.contains($0) }
        },
    ]

    /// `PUT /address-groups/{id}/VERB`
    private static func action(
        _ verb: String, _ summary: String,
        _ work: @escaping @Sendable (_ group: Document, _ asked: JSON) throws(Failure) -> [String]
    ) -> Endpoint<Network> {
        Endpoint(
            "PUT", "/address-groups/{id}/\(verb)", summary, access: .decided(by: Rule.named(verb)), body: .json(body)
        ) { call in
            let (group, view) = try await call.service.database.write { tx in
                let desk = Desk(tx, call.service, call)
                let before = try desk.visible(.addressGroup, call["id"])
                try desk.require(verb, of: try desk.target(.addressGroup, before))
                var changes = Document()
                changes["addresses"] = .strings(try work(before, call.body["addresses"] ?? []))
                try desk.change(.addressGroup, before.id, changes)
                let group = try desk.get(.addressGroup, before.id)
                return (group, try View(.addressGroup, desk, of: [group]))
            }
            return Resource.addressGroup.reply(group, view)
        }
    }

    static func delete(_ group: Document, _ desk: Desk) throws(Failure) {
        let used: SQL = "SELECT 1 FROM network_security_group_rule WHERE remote_address_group_id = \(group.id)"
        guard try !desk.tx.exists(used) else {
            throw .clash(
                "AddressGroupInUse", "Address group \(group.id) is in use on one or more security group rules.")
        }
        try desk.remove(.addressGroup, group.id)
    }
}
