import Base
import Contracts
import SQL

extension Provider: Record {
    static let created = Migration(
        "create resource provider",
        """
        CREATE TABLE placement_provider (
            number     \(.serial),
            uuid       VARCHAR(36)  NOT NULL,
            name       VARCHAR(200) NOT NULL,
            generation BIGINT       NOT NULL,
            root       BIGINT       NOT NULL,
            parent     BIGINT,
            updated_at BIGINT       NOT NULL,
            UNIQUE (uuid),
            UNIQUE (name)
        )
        """,
        "CREATE INDEX placement_provider_root ON placement_provider (root)",
        "CREATE INDEX placement_provider_parent ON placement_provider (parent)")

    static let select: SQL = """
        SELECT p.number, p.uuid, p.name, p.generation, p.root, root.uuid AS root_uuid, parent.uuid AS parent_uuid,
            p.updated_at
        FROM placement_provider p
        JOIN placement_provider root ON root.number = p.root
        LEFT JOIN placement_provider parent ON parent.number = p.parent
        """

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            number: try row.integer("number"), id: try row.id("uuid"), name: try row.text("name"),
            generation: try row.integer("generation"), rootNumber: try row.integer("root"),
            root: try row.id("root_uuid"), parent: try row.optionalID("parent_uuid"),
            modified: try row.moment("updated_at"))
    }
}

extension Transaction {
    func optionalProvider(_ id: ID<ResourceProvider>) throws(Failure) -> Provider? {
        try row("\(Provider.select) WHERE p.uuid = \(id)")
    }

    func provider(_ id: ID<ResourceProvider>, for purpose: String = "") throws(Failure) -> Provider {
        guard let provider = try optionalProvider(id) else {
            throw .missing("No resource provider with uuid \(id) found\(purpose)")
        }
        return provider
    }

    func providers(_ ids: some Collection<ID<ResourceProvider>>) throws(Failure) -> [Provider] {
        try rows("\(Provider.select) WHERE p.uuid IN \(.list(ids))")
    }

    func insertProvider(
        _ id: ID<ResourceProvider>, name: String, parent parentID: ID<ResourceProvider>?, now: Moment
    ) throws(Failure) -> Provider {
        try requireUnused(name: name, id: id)
        var parent: Provider?
        if let parentID {
            guard parentID != id else {
                throw .tree(
                    "create",
                    "parent provider UUID cannot be same as UUID. Please set parent provider UUID to None "
                        + "if there is no parent.")
            }
            parent = try requireParent(parentID)
        }
        let number = try serial(
            .insert(
                into: "placement_provider",
                [
                    "uuid": id, "name": name, "generation": 0, "root": parent?.rootNumber ?? 0,
                    "parent": parent?.number, "updated_at": now,
                ]))
        if parent == nil { try run("UPDATE placement_provider SET root = number WHERE number = \(number)") }
        return try provider(id)
    }

    /// - Parameter parent: nil leaves the place as it is; nil inside makes it a root.
    /// - Parameter mayMove: whether one that has a parent already may get another, or none.
    func updateProvider(
        _ provider: Provider, name: String, parent: ID<ResourceProvider>??, mayMove: Bool, now: Moment
    ) throws(Failure) -> Provider {
        if name != provider.name { try requireUnused(name: name, id: nil) }
        try run(
            "UPDATE placement_provider SET name = \(name), updated_at = \(now) WHERE number = \(provider.number)")
        if let parent, parent != provider.parent { try move(provider, under: parent, mayMove) }
        return try self.provider(provider.id)
    }

    private func move(_ provider: Provider, under parentID: ID<ResourceProvider>?, _ mayMove: Bool) throws(Failure) {
        let verb = parentID == nil ? "un-parenting" : "re-parenting"
        let parent = try parentID.map { id throws(Failure) in try requireParent(id) }
        guard provider.parent == nil || mayMove else {
            throw .tree("update", "\(verb) a provider is not currently allowed.")
        }
        let subtree = try self.subtree(of: provider)
        if let parent, subtree.contains(parent.number) {
            throw .tree("update", "creating loop in the provider tree is not allowed.")
        }
        try run("UPDATE placement_provider SET parent = \(parent?.number) WHERE number = \(provider.number)")
        let root = parent?.rootNumber ?? provider.number
        try run("UPDATE placement_provider SET root = \(root) WHERE number IN \(.list(subtree))")
    }

    /// The provider and all that stand below it.
    private func subtree(of provider: Provider) throws(Failure) -> [Int] {
        var children: [Int: [Int]] = [:]
        try each("SELECT number, parent FROM placement_provider WHERE root = \(provider.rootNumber)") { row in
            if let parent = try row.optionalInteger("parent") {
                children[parent, default: []].append(try row.integer("number"))
            }
        }
        var found = [provider.number]
        var next = 0
        while next < found.count {
            found += children[found[next]] ?? []
            next += 1
        }
        return found
    }

    func deleteProvider(_ id: ID<ResourceProvider>) throws(Failure) {
        let provider = try provider(id, for: " for delete")
        guard try !exists("SELECT 1 FROM placement_provider WHERE parent = \(provider.number)") else {
            throw .conflict(
                "Unable to delete parent resource provider \(id): It has child resource providers.",
                .cannotDeleteParent)
        }
        guard try !exists("SELECT 1 FROM placement_allocation WHERE provider = \(provider.number)") else {
            throw .conflict(
                "Unable to delete resource provider \(id): Resource provider has allocations.", .providerInUse)
        }
        try run("DELETE FROM placement_inventory WHERE provider = \(provider.number)")
        try run("DELETE FROM placement_provider_trait WHERE provider = \(provider.number)")
        try run("DELETE FROM placement_provider_aggregate WHERE provider = \(provider.number)")
        try run("DELETE FROM placement_provider WHERE number = \(provider.number)")
    }

    /// Notes a change of what the provider has or gives. Somebody who was quicker makes it fail.
    func advance(_ provider: Provider, now: Moment) throws(Failure) -> Provider {
        let changed = try run(
            """
            UPDATE placement_provider SET generation = generation + 1, updated_at = \(now)
            WHERE number = \(provider.number) AND generation = \(provider.generation)
            """)
        guard changed == 1 else { throw .outdated }
        var next = provider
        next.generation += 1
        next.modified = now
        return next
    }

    private func requireParent(_ id: ID<ResourceProvider>) throws(Failure) -> Provider {
        guard let parent = try optionalProvider(id) else {
            throw .tree("create", "parent provider UUID does not exist.")
        }
        return parent
    }

    private func requireUnused(name: String, id: ID<ResourceProvider>?) throws(Failure) {
        var taken: [String] = []
        if let id, try exists("SELECT 1 FROM placement_provider WHERE uuid = \(id)") { taken.append("uuid: \(id)") }
        if try exists("SELECT 1 FROM placement_provider WHERE name = \(name)") { taken.append("name: \(name)") }
        guard let first = taken.first else { return }
        throw .conflict("Conflicting resource provider \(first) already exists.", .duplicateName)
    }
}

extension Failure {
    /// Something that would leave no proper tree.
    fileprivate static func tree(_ action: String, _ reason: String) -> Failure {
        .invalid("Object action \(action) failed because: \(reason)")
    }
}
