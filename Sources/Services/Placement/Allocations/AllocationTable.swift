import Base
import Contracts
import SQL

extension Allocations {
    static let created = Migration(
        "create allocation",
        """
        CREATE TABLE placement_consumer (
            uuid       VARCHAR(36)  NOT NULL PRIMARY KEY,
            generation BIGINT       NOT NULL,
            project    VARCHAR(255) NOT NULL,
            user_id    VARCHAR(255) NOT NULL,
            type       VARCHAR(255)
        )
        """,
        "CREATE INDEX placement_consumer_project ON placement_consumer (project, user_id)",
        """
        CREATE TABLE placement_allocation (
            consumer   VARCHAR(36)  NOT NULL,
            provider   BIGINT       NOT NULL,
            class      VARCHAR(255) NOT NULL,
            used       BIGINT       NOT NULL,
            updated_at BIGINT       NOT NULL,
            PRIMARY KEY (consumer, provider, class)
        )
        """,
        "CREATE INDEX placement_allocation_provider ON placement_allocation (provider)")
}

extension Allocation: Record {
    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            consumer: try row.id("consumer"), provider: try row.integer("provider"),
            resourceClass: try row.text("class"), used: try row.integer("used"),
            modified: try row.moment("updated_at"))
    }
}

extension ConsumerRecord: Record {
    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("uuid"), generation: try row.integer("generation"), project: try row.text("project"),
            user: try row.text("user_id"), type: try row.optionalText("type"))
    }
}

extension Transaction {
    func consumer(_ id: ID<Consumer>) throws(Failure) -> ConsumerRecord? {
        try row("SELECT * FROM placement_consumer WHERE uuid = \(id)")
    }

    func consumers(_ ids: some Collection<ID<Consumer>>) throws(Failure) -> [ID<Consumer>: ConsumerRecord] {
        let found: [ConsumerRecord] = try rows("SELECT * FROM placement_consumer WHERE uuid IN \(.list(ids))")
        return Dictionary(found.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func allocations(of consumers: some Collection<ID<Consumer>>) throws(Failure) -> [Allocation] {
        try rows(
            "SELECT * FROM placement_allocation WHERE consumer IN \(.list(consumers)) ORDER BY consumer, provider, class"
        )
    }

    func allocations(on provider: Provider) throws(Failure) -> [Allocation] {
        try rows("SELECT * FROM placement_allocation WHERE provider = \(provider.number) ORDER BY consumer, class")
    }

    func providers(numbered numbers: some Collection<Int>) throws(Failure) -> [Int: Provider] {
        let found: [Provider] = try rows("\(Provider.select) WHERE p.number IN \(.list(numbers))")
        return Dictionary(found.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func inventories(of providers: some Collection<Provider>) throws(Failure) -> [Place: Inventory] {
        var found: [Place: Inventory] = [:]
        try each("SELECT * FROM placement_inventory WHERE provider IN \(.list(providers.map(\.number)))") { row in
            let provider = try row.integer("provider")
            let inventory = try Inventory(row)
            found[Place(provider: provider, resourceClass: inventory.resourceClass)] = inventory
        }
        return found
    }

    /// Gives back all that a consumer holds. Says whether there was anything.
    func release(_ consumer: ID<Consumer>) throws(Failure) -> Bool {
        let held = try allocations(of: [consumer])
        for allocation in held { try add(-allocation.used, at: allocation.place) }
        try run("DELETE FROM placement_allocation WHERE consumer = \(consumer)")
        try run("DELETE FROM placement_consumer WHERE uuid = \(consumer)")
        return !held.isEmpty
    }

    fileprivate func add(_ difference: Int, at place: Place) throws(Failure) {
        try run(
            """
            UPDATE placement_inventory SET used = used + \(difference)
            WHERE provider = \(place.provider) AND class = \(place.resourceClass)
            """)
    }
}

// MARK: Claims

extension Transaction {
    /// Makes each consumer hold just what its claim says: all of them, or none.
    func claim(_ claims: [Claim], now: Moment) throws(Failure) {
        let byID = try claimedProviders(claims)
        try requireClasses(Set(claims.flatMap(\.allocations.values).flatMap(\.keys)))
        let known = try consumers(claims.map(\.consumer))
        for claim in claims { try requireExpected(claim, known[claim.consumer]) }

        let held = try allocations(of: claims.map(\.consumer))
        let holders = try providers(numbered: Set(held.map(\.provider)))
        let touched = Array(byID.values) + holders.values.filter { byID[$0.id] == nil }
        var ledger = Ledger(try inventories(of: touched), released: held)
        try run("DELETE FROM placement_allocation WHERE consumer IN \(.list(claims.map(\.consumer)))")
        for claim in claims {
            try write(claim, byID, &ledger, now)
            try write(claim, known[claim.consumer])
        }
        for change in ledger.changes { try add(change.difference, at: change.place) }

        let emptied = Set(claims.filter(\.allocations.isEmpty).map(\.consumer))
        let left = Set(held.filter { emptied.contains($0.consumer) }.map(\.provider))
        for provider in touched where byID[provider.id] != nil || left.contains(provider.number) {
            _ = try advance(provider, now: now)
        }
    }

    /// The providers that the claims name, held until the transaction ends.
    private func claimedProviders(_ claims: [Claim]) throws(Failure) -> [ID<ResourceProvider>: Provider] {
        let ids = Set(claims.flatMap(\.allocations.keys))
        let found: [Provider] = try rows(
            "\(Provider.select) WHERE p.uuid IN \(.list(ids)) ORDER BY p.number \(.forUpdate)")
        let byID = Dictionary(found.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        if let missing = ids.first(where: { byID[$0] == nil }) {
            throw .invalid("Allocation for resource provider '\(missing)' that does not exist.")
        }
        return byID
    }

    private func requireExpected(_ claim: Claim, _ known: ConsumerRecord?) throws(Failure) {
        let expected = known.map { "\($0.generation)" } ?? "null"
        let given: String
        switch claim.expectation {
        case .whatever: return
        case .new: given = known == nil ? "null" : "None"
        case .generation(let generation): given = "\(generation)"
        }
        guard given == expected else {
            throw .conflict(
                "consumer generation conflict - expected \(expected) but got \(given)", .concurrentUpdate)
        }
    }

    private func write(
        _ claim: Claim, _ providers: [ID<ResourceProvider>: Provider], _ ledger: inout Ledger, _ now: Moment
    ) throws(Failure) {
        for (id, resources) in claim.allocations.sorted(by: { $0.key < $1.key }) {
            guard let provider = providers[id] else { continue }
            for (resourceClass, amount) in resources.sorted(by: { $0.key < $1.key }) {
                let place = Place(provider: provider.number, resourceClass: resourceClass)
                try ledger.take(amount, at: place, of: id)
                try insert(
                    into: "placement_allocation",
                    [
                        "consumer": claim.consumer, "provider": place.provider, "class": resourceClass,
                        "used": amount, "updated_at": now,
                    ])
            }
        }
    }

    /// A consumer is known as long as it holds something.
    private func write(_ claim: Claim, _ known: ConsumerRecord?) throws(Failure) {
        guard !claim.allocations.isEmpty else {
            try run("DELETE FROM placement_consumer WHERE uuid = \(claim.consumer)")
            return
        }
        guard let known else {
            try insert(
                into: "placement_consumer",
                [
                    "uuid": claim.consumer, "generation": 1, "project": claim.project, "user_id": claim.user,
                    "type": claim.type,
                ])
            return
        }
        let changed = try run(
            """
            UPDATE placement_consumer SET generation = generation + 1, project = \(claim.project),
                user_id = \(claim.user), type = \(claim.type ?? known.type)
            WHERE uuid = \(claim.consumer) AND generation = \(known.generation)
            """)
        guard changed == 1 else { throw .outdated }
    }
}
