package import Base

/// One named step of a schema's history. A service keeps a list of them, to which one only ever adds.
///
/// On SQLite a service's missing steps happen together or not at all. MySQL commits with every change of a table, so
/// there an interrupted step is taken up again at the statement it had reached: a statement that changes data should
/// be written so that running it twice does no harm.
package struct Migration: Sendable {
    package let name: String
    package let statements: [SQL]

    package init(_ name: String, _ statements: SQL...) {
        self.name = name
        self.statements = statements
    }
}

/// A migration that this database has been through.
package struct AppliedMigration: Record, Hashable {
    package let service: String
    package let name: String
    /// Nil while it is half done.
    package let appliedAt: Moment?
    fileprivate let statementsDone: Int

    package init(_ row: borrowing Row) throws(Failure) {
        service = try row.text("service")
        name = try row.text("name")
        statementsDone = try row.integer("statements_done")
        appliedAt = try row.optionalMoment("applied_at")
    }
}

extension Database {
    /// Brings a service's tables up to date, one process at a time. Refuses a history other than its own: a database
    /// from a newer version, or steps that were renamed, removed or put in another order.
    ///
    /// - Parameter tell: hears of each step before it is taken; of a service's first tables, which take a moment, only once.
    package func migrate(
        _ service: String, _ migrations: [Migration], at now: Moment,
        _ tell: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws(Failure) {
        let history = History(service: service, migrations: migrations, now: now, tell: tell)
        try await write(repeatable: false) { tx in try history.bringUpToDate(tx) }
    }

    /// Every service's migrations so far, in order.
    package func appliedMigrations() async throws(Failure) -> [AppliedMigration] {
        try await write { tx in
            try tx.run(History.table)
            return try tx.rows("SELECT * FROM schema_migration ORDER BY service, position")
        }
    }
}

/// What one service's tables have been through, and what they still have before them.
private struct History: Sendable {
    let service: String
    let migrations: [Migration]
    let now: Moment
    let tell: @Sendable (String) -> Void

    static let table: SQL = """
        CREATE TABLE IF NOT EXISTS schema_migration (
            service         VARCHAR(64)  NOT NULL,
            position        INTEGER      NOT NULL,
            name            VARCHAR(255) NOT NULL,
            statements_done INTEGER      NOT NULL,
            applied_at      BIGINT,
            PRIMARY KEY (service, position)
        )
        """

    func bringUpToDate(_ tx: Transaction) throws(Failure) {
        try tx.lockMigrations()
        defer { tx.unlockMigrations() }
        try tx.run(History.table)
        let past: [AppliedMigration] = try tx.rows(
            "SELECT * FROM schema_migration WHERE service = \(service) ORDER BY position")
        try compare(past)
        if past.isEmpty && !migrations.isEmpty { tell("\(service): made") }
        for position in migrations.indices {
            let before = position < past.count ? past[position] : nil
            guard before?.appliedAt == nil else { continue }
            if !past.isEmpty {
                tell("\(service): \(migrations[position].name) (\(position + 1) of \(migrations.count))")
            }
            try apply(position, after: before?.statementsDone, tx)
        }
    }

    private func compare(_ past: [AppliedMigration]) throws(Failure) {
        guard Set(migrations.map(\.name)).count == migrations.count else {
            throw .bug("Two migrations of \(service) have the same name.")
        }
        for (position, before) in past.enumerated() {
            guard position < migrations.count else {
                throw .conflict(
                    "The database was made by a newer version: \(service) has been through “\(before.name)”, which this "
                        + "one does not know. Start the newer version, or restore a backup.")
            }
            guard migrations[position].name == before.name else {
                throw .conflict(
                    "The database has another history: step \(position + 1) of \(service) was “\(before.name)”, and here "
                        + "it is “\(migrations[position].name)”. Start the version that made it, or restore a backup.")
            }
        }
    }

    /// `interruptedAt` is how many statements were noted as done when an earlier attempt broke off.
    private func apply(_ position: Int, after interruptedAt: Int?, _ tx: Transaction) throws(Failure) {
        let migration = migrations[position]
        if interruptedAt == nil {
            try tx.insert(
                into: "schema_migration",
                ["service": service, "position": position, "name": migration.name, "statements_done": 0])
        }
        let first = interruptedAt ?? 0
        for (index, statement) in migration.statements.enumerated().dropFirst(first) {
            do throws(Failure) {
                try tx.run(statement)
            } catch  where interruptedAt == index && error.saysItIsDoneAlready {
                // Done, but the process ended before it was noted.
            }
            try note(position, ["statements_done": index + 1], tx)
        }
        try note(position, ["applied_at": now], tx)
    }

    private func note(
        _ position: Int, _ values: KeyValuePairs<StaticString, any SQL.Bindable>, _ tx: Transaction
    ) throws(Failure) {
        try tx.run(
            "UPDATE schema_migration SET \(.set(values)) WHERE service = \(service) AND position = \(position)")
    }
}

extension Transaction {
    /// SQLite's writer holds the whole database anyway.
    fileprivate func lockMigrations() throws(Failure) {
        guard case .mysql = connection.dialect else { return }
        guard try count("SELECT GET_LOCK(CONCAT(DATABASE(), ' migration'), 60)") == 1 else {
            throw .unavailable("Another process has been migrating the database for a minute. Please try again.")
        }
    }

    fileprivate func unlockMigrations() {
        guard case .mysql = connection.dialect else { return }
        _ = try? count("SELECT RELEASE_LOCK(CONCAT(DATABASE(), ' migration'))")
    }
}

extension Failure {
    /// MySQL's ways to say that a table, column, index or constraint is there already, or gone already.
    fileprivate var saysItIsDoneAlready: Bool {
        guard let error = cause as? EngineError else { return false }
        return [1050, 1051, 1060, 1061, 1091, 1826].contains(error.code)
    }
}
