import API
import Base
import SQL

extension Resource {
    /// A subnet pool: addresses from which subnets are cut.
    static let subnetPool: Resource = Resource(
        "subnetpool", "subnetpools", table: "network_subnetpool", quota: -1, isTagged: true,
        missing: { .missing("SubnetPoolNotFound", "Subnet pool \($0) could not be found.") },
        attributes: [
            .id, Attribute("name", .text, set: .always, .name, or: .required), .project,
            .shared("subnetpool", set: .create),
        ] + SubnetPoolRows.attributes + Attribute.standard,
        create: SubnetPoolRows.create, update: SubnetPoolRows.update, delete: SubnetPoolRows.delete,
        derive: { pools, _ throws(Failure) in
            // The reference shows these as texts, and so do its clients expect them.
            for index in pools.indices {
                for name in ["default_prefixlen", "min_prefixlen", "max_prefixlen"] {
                    pools[index][name] = pools[index].integer(name).map { .string(String($0)) } ?? .null
                }
            }
        })
}

enum SubnetPoolRows {
    private static let length: Shape = .looseInteger(0...128)

    static let attributes: [Attribute] = [
        Attribute(
            "prefixes", .json, set: .always, .list(of: .text(1...64, format: .cidr), count: 1...1_000), or: .required),
        Attribute("default_quota", .integer, set: .always, .nullable(.looseInteger(0...Int64.max))),
        Attribute("ip_version", .integer),
        Attribute("default_prefixlen", .integer, set: .always, length),
        Attribute("min_prefixlen", .integer, set: .always, length),
        Attribute("max_prefixlen", .integer, set: .always, length),
        Attribute("is_default", .boolean, set: .always, .looseBoolean, or: .value(false)),
        Attribute("address_scope_id", .text, set: .always, .nullable(.uuid), or: .value(.null)),
    ]

    static let created = Migration(
        "create subnet pool",
        """
        CREATE TABLE network_subnetpool (
            id                VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id        VARCHAR(255) NOT NULL,
            name              VARCHAR(255) NOT NULL,
            prefixes          MEDIUMTEXT   NOT NULL,
            default_quota     BIGINT,
            ip_version        BIGINT       NOT NULL,
            default_prefixlen BIGINT       NOT NULL,
            min_prefixlen     BIGINT       NOT NULL,
            max_prefixlen     BIGINT       NOT NULL,
            is_default        BOOLEAN      NOT NULL,
            address_scope_id  VARCHAR(36),
            description       VARCHAR(255) NOT NULL,
            created_at        BIGINT       NOT NULL,
            updated_at        BIGINT       NOT NULL,
            revision_number   BIGINT       NOT NULL
        )
        """)

    // MARK: Rules

    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        let prefixes = try prefixes(draft)
        let family = prefixes[0].family
        draft["prefixes"] = .strings(prefixes.map(\.description))
        draft["ip_version"] = .number(family.rawValue)
        draft.fill("min_prefixlen", family == .v4 ? 8 : 64)
        draft.fill("max_prefixlen", .number(family.bits))
        draft.fill("default_prefixlen", draft["min_prefixlen"] ?? .null)
        try check(draft, prefixes, desk)
        try desk.insert(.subnetPool, draft)
    }

    static func update(_ changes: inout Document, _ before: Document, _ desk: Desk) throws(Failure) {
        var after = before.merging(changes)
        let prefixes = try prefixes(after)
        if let scope = before.text("address_scope_id") { try requireOwnScope(scope, before, desk) }
        if changes.has("prefixes") {
            let old = before.texts("prefixes").compactMap { IPNetwork($0) }
            guard old.allSatisfy({ one in prefixes.contains { $0.prefix <= one.prefix && $0.contains(one.first) } })
            else {
                throw .wrong(
                    "IllegalSubnetPoolPrefixUpdate", "Illegal update to prefixes: they can be extended, not withdrawn.")
            }
            changes["prefixes"] = .strings(prefixes.map(\.description))
            after["prefixes"] = changes["prefixes"]
        }
        try check(after, prefixes, desk)
        try desk.change(.subnetPool, before.id, changes)
    }

    /// What lies in somebody else's scope is theirs to change, as it has to keep apart from what else lies there.
    private static func requireOwnScope(_ id: String, _ pool: Document, _ desk: Desk) throws(Failure) {
        if desk.isAdmin { return }
        guard try desk.get(.addressScope, id).project != desk.viewer.project else { return }
        throw .wrong(
            "IllegalSubnetPoolUpdate",
            "Illegal subnetpool update: subnetpool \(pool.id) cannot be updated when associated with shared address scope \(id)."
        )
    }

    static func delete(_ pool: Document, _ desk: Desk) throws(Failure) {
        guard try !desk.tx.exists("SELECT 1 FROM network_subnet WHERE subnetpool_id = \(pool.id)") else {
            throw .wrong(
                "SubnetPoolDeleteError", "Unable to delete subnet pool: Subnet pool has existing allocations.")
        }
        try desk.remove(.subnetPool, pool.id)
    }

    // MARK: Parts

    /// The prefixes of one family, in order, those that touch joined.
    private static func prefixes(_ pool: Document) throws(Failure) -> [IPNetwork] {
        let given = pool.texts("prefixes").compactMap { IPNetwork($0)?.network }
        guard let family = given.first?.family else {
            throw .wrong("EmptySubnetPoolPrefixList", "Empty subnet pool prefix list.")
        }
        guard given.allSatisfy({ $0.family == family }) else {
            throw .wrong("PrefixVersionMismatch", "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.")
        }
        return IPNetwork.joined(given)
    }

    private static func check(_ pool: Document, _ prefixes: [IPNetwork], _ desk: Desk) throws(Failure) {
        let lengths = ["min_prefixlen", "default_prefixlen", "max_prefixlen"].map { pool.integer($0) ?? 0 }
        let bits = prefixes[0].family.bits
        guard lengths.allSatisfy({ (0...bits).contains($0) }), lengths == lengths.sorted() else {
            throw .wrong(
                "IllegalSubnetPoolPrefixBounds",
                "Illegal prefix bounds: min_prefixlen=\(lengths[0]), default_prefixlen=\(lengths[1]), max_prefixlen=\(lengths[2])."
            )
        }
        if pool.flag("is_default") {
            let version = prefixes[0].family.rawValue
            let others: SQL = "is_default = 1 AND ip_version = \(version) AND id <> \(pool.id)"
            guard try !desk.tx.exists("SELECT 1 FROM network_subnetpool WHERE \(others)") else {
                throw .input("A default subnetpool for IPv\(version) already exists")
            }
        }
        if let scope = pool.text("address_scope_id") { try check(pool, prefixes, within: scope, desk) }
    }

    private static func check(
        _ pool: Document, _ prefixes: [IPNetwork], within id: String, _ desk: Desk
    ) throws(Failure) {
        let scope = try desk.visible(.addressScope, id)
        guard desk.isAdmin || scope.project == pool.project || scope.flag("shared") else {
            throw .wrong(
                "IllegalSubnetPoolAssociationToAddressScope",
                "Illegal subnetpool association: subnetpool \(pool.id) cannot be associated with address scope \(id).")
        }
        guard scope.integer("ip_version") == prefixes[0].family.rawValue else {
            throw .wrong(
                "IllegalSubnetPoolIpVersionAssociationToAddressScope",
                "Illegal subnetpool association: subnetpool \(pool.id) cannot associate with address scope \(id) because subnetpool ip_version is not \(scope.integer("ip_version") ?? 0)."
            )
        }
        for other in try desk.rows(.subnetPool, where: "address_scope_id = \(id) AND id <> \(pool.id)") {
            let taken = other.texts("prefixes").compactMap { IPNetwork($0) }
            guard !taken.contains(where: { one in prefixes.contains { $0.overlaps(one) } }) else {
                throw .clash(
                    "AddressScopePrefixConflict",
                    "Failed to associate address scope: subnetpools within an address scope must have unique prefixes.")
            }
        }
    }
}

extension IPNetwork {
    /// As few networks as say the same.
    static func joined(_ networks: [IPNetwork]) -> [IPNetwork] {
        var joined: [IPNetwork] = []
        for next in networks.sorted(by: { ($0.first, $0.prefix) < ($1.first, $1.prefix) }) {
            if let last = joined.last, last.contains(next.first) { continue }
            joined.append(next)
            while joined.count > 1, let pair = joined[joined.count - 2].joined(with: joined[joined.count - 1]) {
                joined.removeLast(2)
                joined.append(pair)
            }
        }
        return joined
    }

    private func joined(with next: IPNetwork) -> IPNetwork? {
        guard prefix == next.prefix, prefix > 0, let whole = IPNetwork(first, prefix: prefix - 1),
            whole.first == first, whole.contains(next.first)
        else { return nil }
        return whole
    }
}
