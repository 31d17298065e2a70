package import Base

/// What can be done within one transaction. It lives on a thread of the database and ends with the closure it is given to.
///
/// Closures here may throw anything, so that they need no annotation; it comes out as a `Failure`.
package final class Transaction {
    let connection: any Connection
    private var hooks: [@Sendable () -> Void] = []
    private var depth = 0
    /// Why nothing more can be done: the engine has given up the transaction as a whole.
    private var loss: Failure?

    init(_ connection: any Connection) { self.connection = connection }

    /// Each row in turn, as it comes from the database.
    package func each(_ sql: SQL, _ body: (borrowing Row) throws -> Void) throws(Failure) {
        try scan(sql) { row in
            try body(row)
            return true
        }
    }

    /// The rows for as long as `body` wants more of them.
    private func scan(_ sql: SQL, _ body: (borrowing Row) throws -> Bool) throws(Failure) {
        try guarded {
            let statement = try connection.prepared(sql.text)
            defer { statement.finish() }
            try statement.start(sql.values)
            guard try statement.step() else { return }
            let row = Row(statement)
            while try body(row), try statement.step() {}
        }
    }

    /// Runs a statement and says how many rows it met.
    @discardableResult
    package func run(_ sql: SQL) throws(Failure) -> Int { try guarded { try connection.run(sql.text, sql.values) } }

    /// Notices when the engine gives up the whole transaction, so that nothing is written outside of one by mistake.
    private func guarded<Value>(_ body: () throws -> Value) throws(Failure) -> Value {
        if let loss { throw loss }
        do {
            return try body()
        } catch {
            let failure = Failure(error)
            if !connection.isInTransaction { loss = loss ?? failure }
            throw failure
        }
    }

    /// The first row, if there is one.
    package func row<Value>(_ sql: SQL, _ make: (borrowing Row) throws -> Value) throws(Failure) -> Value? {
        var value: Value?
        try scan(sql) { row in
            value = try make(row)
            return false
        }
        return value
    }
}

extension Transaction {
    package func rows<Value>(_ sql: SQL, _ make: (borrowing Row) throws -> Value) throws(Failure) -> [Value] {
        var values: [Value] = []
        try each(sql) { values.append(try make($0)) }
        return values
    }

    package func rows<Value: Record>(_ sql: SQL) throws(Failure) -> [Value] { try rows(sql) { try Value($0) } }
    package func row<Value: Record>(_ sql: SQL) throws(Failure) -> Value? { try row(sql) { try Value($0) } }

    /// Whether the query finds anything.
    package func exists(_ sql: SQL) throws(Failure) -> Bool { try row(sql) { _ in true } ?? false }

    /// The number that a `SELECT COUNT(*)` or `SUM(…)` answers.
    package func count(_ sql: SQL) throws(Failure) -> Int { try row(sql) { try $0.number() } ?? 0 }

    /// Inserts one row, each value beside its column.
    package func insert(
        into table: StaticString, _ values: KeyValuePairs<StaticString, any SQL.Bindable>
    ) throws(Failure) {
        try run(.insert(into: table, values))
    }

    /// Runs an INSERT into a table with a serial column, and says which number the row was given.
    @discardableResult
    package func serial(_ sql: SQL) throws(Failure) -> Int {
        try run(sql)
        return Int(connection.lastSerial)
    }
}

extension Transaction {
    /// Done as soon as what is written here is durable, before the caller goes on; never if it is undone.
    /// For quick things such as forgetting what a cache holds: it runs on the database's own thread.
    package func afterCommit(_ hook: @escaping @Sendable () -> Void) { hooks.append(hook) }

    func runHooks() { for hook in hooks { hook() } }

    /// What `body` writes is undone when it throws, and the transaction can go on.
    package func attempt<Value>(_ body: () throws -> Value) throws(Failure) -> Value {
        let name = "attempt\(depth)"
        let hooksBefore = hooks.count
        try control("SAVEPOINT \(name)")
        depth += 1
        defer { depth -= 1 }
        do {
            let value = try body()
            try control("RELEASE SAVEPOINT \(name)")
            return value
        } catch {
            hooks.removeSubrange(hooksBefore...)
            if connection.isInTransaction {
                try control("ROLLBACK TO SAVEPOINT \(name)")
                try control("RELEASE SAVEPOINT \(name)")
            }
            throw Failure(error)
        }
    }

    private func control(_ text: String) throws(Failure) { try guarded { try connection.control(text) } }

    /// Thrown when the transaction was lost and the closure went on regardless: then there is nothing to commit.
    func check() throws(Failure) { if let loss { throw loss } }
}
