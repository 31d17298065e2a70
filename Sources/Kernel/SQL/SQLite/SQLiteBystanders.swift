import Base
import Synchronization

/// Connections that read on the thread that asks, for as long as that takes no longer than a moment.
final class SQLiteBystanders: Sendable {
    private struct State {
        var free: [Confined<SQLiteConnection>]
        var isClosed = false
    }

    private let state: Mutex<State>
    private let tally: Tally

    init(_ connections: [Confined<SQLiteConnection>], _ tally: Tally) {
        state = Mutex(State(free: connections))
        self.tally = tally
    }

    /// Nil when none is free, or when it would take too long: then nothing has come of it.
    func read<Value>(_ body: (Transaction) throws -> Value) -> Result<Value, Failure>? {
        guard let free = state.withLock({ $0.free.popLast() }) else { return nil }
        defer { giveBack(free) }
        let connection = free.value
        connection.beginPatience()
        let result = SQLiteBystanders.read(connection, body)
        if connection.isInTransaction { try? connection.control("ROLLBACK") }
        if connection.hasGivenUp { return nil }
        // Whoever holds the store up for a moment is waited for elsewhere.
        if case .failure(let failure) = result, failure.kind == .unavailable { return nil }
        tally.note { $0.reads += 1 }
        return result
    }

    private static func read<Value>(
        _ connection: SQLiteConnection, _ body: (Transaction) throws -> Value
    ) -> Result<Value, Failure> {
        let transaction = Transaction(connection)
        do {
            try connection.control("BEGIN")
            let value = try body(transaction)
            try transaction.check()
            try connection.control("COMMIT")
            transaction.runHooks()
            return .success(value)
        } catch {
            return .failure(Failure(error))
        }
    }

    private func giveBack(_ connection: Confined<SQLiteConnection>) {
        let isClosed = state.withLock { state in
            if !state.isClosed { state.free.append(connection) }
            return state.isClosed
        }
        if isClosed { connection.value.close() }
    }

    /// Those that are reading close when they are done.
    func close() {
        let free = state.withLock { state in
            defer { state = State(free: [], isClosed: true) }
            return state.free
        }
        for connection in free { connection.value.close() }
    }
}
