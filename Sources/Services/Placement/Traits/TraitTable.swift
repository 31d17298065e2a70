import Base
import SQL

extension Trait: Record {
    /// Only the custom ones; the others are data of the program.
    static let created = Migration(
        "create trait",
        """
        CREATE TABLE placement_trait (
            name       VARCHAR(255) NOT NULL PRIMARY KEY,
            created_at BIGINT       NOT NULL
        )
        """,
        """
        CREATE TABLE placement_provider_trait (
            provider BIGINT       NOT NULL,
            trait    VARCHAR(255) NOT NULL,
            PRIMARY KEY (provider, trait)
        )
        """,
        "CREATE INDEX placement_provider_trait_trait ON placement_provider_trait (trait)")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(name: try row.text("name"), created: try row.moment("created_at"))
    }
}

/// Which traits a list is narrowed to.
struct TraitFilter: Sendable {
    var names: Set<String>?
    var prefix: String?
    /// Whether some provider has it.
    var isAssociated: Bool?
}

extension Transaction {
    func traits(_ filter: TraitFilter) throws(Failure) -> [Trait] {
        let custom: [Trait] = try rows("SELECT * FROM placement_trait")
        var found = StandardTraits.names.map { Trait(name: $0) } + custom
        if let names = filter.names { found.removeAll { !names.contains($0.name) } }
        if let prefix = filter.prefix { found.removeAll { !$0.name.hasPrefix(prefix) } }
        if let isAssociated = filter.isAssociated {
            let used = Set(try rows("SELECT DISTINCT trait FROM placement_provider_trait") { try $0.text("trait") })
            found.removeAll { used.contains($0.name) != isAssociated }
        }
        return found.sorted { $0.name < $1.name }
    }

    func optionalTrait(_ name: String) throws(Failure) -> Trait? {
        if StandardTraits.names.contains(name) { return Trait(name: name) }
        return try row("SELECT * FROM placement_trait WHERE name = \(name)")
    }

    func trait(_ name: String) throws(Failure) -> Trait {
        guard let trait = try optionalTrait(name) else { throw .missing("No such trait(s): \(name).") }
        return trait
    }

    /// Those of the names that no trait has.
    func unknownTraits(_ names: Set<String>) throws(Failure) -> [String] {
        let custom = names.subtracting(StandardTraits.names)
        guard !custom.isEmpty else { return [] }
        let known = try rows("SELECT name FROM placement_trait WHERE name IN \(.list(custom.sorted()))") {
            try $0.text("name")
        }
        return custom.subtracting(known).sorted()
    }

    func requireTraits(_ names: Set<String>) throws(Failure) {
        let unknown = try unknownTraits(names)
        guard unknown.isEmpty else { throw .missing("No such trait(s): \(unknown.joined(separator: ", ")).") }
    }

    /// The trait, and whether it was new.
    @discardableResult
    func ensureTrait(_ name: String, now: Moment) throws(Failure) -> (trait: Trait, isNew: Bool) {
        if let trait = try optionalTrait(name) { return (trait, false) }
        try insert(into: "placement_trait", ["name": name, "created_at": now])
        return (Trait(name: name, created: now), true)
    }

    func deleteTrait(_ name: String) throws(Failure) {
        _ = try trait(name)
        guard !StandardTraits.names.contains(name) else { throw .invalid("Cannot delete standard trait \(name).") }
        guard try !exists("SELECT 1 FROM placement_provider_trait WHERE trait = \(name)") else {
            throw .conflict("The trait \(name) is in use by a resource provider.")
        }
        try run("DELETE FROM placement_trait WHERE name = \(name)")
    }

    // MARK: Of a provider

    func traits(of provider: Provider) throws(Failure) -> [String] {
        try rows("SELECT trait FROM placement_provider_trait WHERE provider = \(provider.number) ORDER BY trait") {
            try $0.text("trait")
        }
    }

    /// Giving it what it has already changes nothing, not even its generation.
    func setTraits(_ names: Set<String>, of provider: Provider, now: Moment) throws(Failure) -> Provider {
        let unknown = try unknownTraits(names)
        guard unknown.isEmpty else { throw .invalid("No such trait \(unknown.joined(separator: ", "))") }
        let present = Set(try traits(of: provider))
        guard present != names else { return provider }
        let gone = present.subtracting(names).sorted()
        try run("DELETE FROM placement_provider_trait WHERE provider = \(provider.number) AND trait IN \(.list(gone))")
        for name in names.subtracting(present).sorted() {
            try insert(into: "placement_provider_trait", ["provider": provider.number, "trait": name])
        }
        return try advance(provider, now: now)
    }
}
