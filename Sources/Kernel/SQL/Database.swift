package import Base
import Trace

/// The store. Everything that touches it is a transaction that `read` or `write` gives to a closure.
///
/// The closures run on the database's own threads, so that a request's loop never waits for a disk; only what SQLite can
/// read in a moment may be read where it is asked for. They are plain functions of the transaction and should do nothing
/// else, for others wait behind them. Whatever they throw comes out as a `Failure`.
package final class Database: Sendable {
    /// Where the store is.
    package enum Location: Sendable {
        /// Gone with the process. For tests.
        case memory
        case file(String)
        case mysql(MySQLAddress)

        /// As a configuration says it: `mysql://…`, or the path of a file.
        package init(_ address: String) throws(Failure) {
            let isServer = address.hasPrefix("mysql://") || address.hasPrefix("mariadb://")
            self = isServer ? .mysql(try MySQLAddress(url: address)) : .file(address)
        }
    }

    let engine: any Engine

    /// - Parameter readsAtOnce: whether SQLite reads on the thread that asks what takes but a moment. Then no closure may
    ///   wait for anything.
    package init(_ location: Location, readsAtOnce: Bool = false) throws(Failure) {
        switch location {
        case .memory: engine = try SQLiteEngine(path: nil, readsAtOnce: false)
        case .file(let path): engine = try SQLiteEngine(path: path, readsAtOnce: readsAtOnce)
        case .mysql(let address): engine = try MySQLEngine(address)
        }
    }

    /// A file, with no threads of its own: the caller does the work where it stands, for as long as `isAlive`. See
    /// `SQLiteInPlace`.
    package init(inPlace path: String, while isAlive: @escaping @Sendable () -> Bool) throws(Failure) {
        engine = try SQLiteInPlace(path: path, while: isAlive)
    }

    deinit { engine.stop() }

    /// Sees one moment of the store from beginning to end, and changes nothing. What turns out to take long is begun anew
    /// on another thread, so the closure may run twice.
    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (Transaction) throws -> Value
    ) async throws(Failure) -> Value {
        if let result = engine.readAtOnce(body) { return try result.get() }
        return try await withUnsafeContinuation { engine.read(Job($0, body)) }.get()
    }

    /// Happens as a whole or not at all, and is durable when it returns: neither a crash nor a power failure undoes it.
    ///
    /// Engines that can run into deadlocks run the closure again then, unless it isn't `repeatable`. So it should have
    /// no effect but through the transaction, and leave the rest to `afterCommit`.
    @discardableResult
    package func write<Value: Sendable>(
        repeatable: Bool = true, _ body: @escaping @Sendable (Transaction) throws -> Value
    ) async throws(Failure) -> Value {
        let carried = Tracing.carrying(body)
        return try await withUnsafeContinuation { engine.write(Job($0, carried), repeatable: repeatable) }.get()
    }

    /// How much was done since the start.
    package var counts: Counts { engine.counts }

    /// Finishes what is under way and leaves the files tidy. Whatever comes later is refused.
    package func close() async { await engine.close() }
}

extension Database {
    package struct Counts: Hashable, Sendable {
        package var reads = 0
        package var writes = 0
        /// Fewer than writes, where several are made durable at once.
        package var commits = 0
        package var retries = 0
    }
}

/// What stands behind a database.
protocol Engine: Sendable {
    var counts: Database.Counts { get }
    func read(_ work: any Work)
    /// Reads on the thread that asks. Nil when that can't be done in a moment: then it has to be `read`.
    func readAtOnce<Value>(_ body: (Transaction) throws -> Value) -> Result<Value, Failure>?
    func write(_ work: any Work, repeatable: Bool)
    /// No more is taken in; what was is finished in the background.
    func stop()
    /// The same, and returns when it is done.
    func close() async
}
