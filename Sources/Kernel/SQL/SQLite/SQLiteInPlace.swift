import Base
import Synchronization

/// SQLite without threads: whoever asks does the work, one after another, in one connection. For a process that has to do
/// everything in an order of its own. Servers don't use it, for it makes their loops wait for the disk.
final class SQLiteInPlace: Engine {
    /// nil: closed.
    private let writer: Mutex<Confined<SQLiteWriter>?>
    private let connection: Confined<SQLiteConnection>
    private let isAlive: @Sendable () -> Bool
    private let tally = Tally()

    init(path: String, while isAlive: @escaping @Sendable () -> Bool) throws(Failure) {
        self.isAlive = isAlive
        let connection = try SQLiteConnection(path: path, role: .writer)
        self.connection = Confined(connection)
        writer = Mutex(Confined(SQLiteWriter(connection, tally)))
    }

    var counts: Database.Counts { tally.counts }

    func read(_ work: any Work) { serve(.read(work), work) }
    /// Everything is done at once here anyway.
    func readAtOnce<Value>(_ body: (Transaction) throws -> Value) -> Result<Value, Failure>? { nil }

    func write(_ work: any Work, repeatable: Bool) { serve(.write(work), work) }

    private func serve(_ turn: SQLiteWriter.Turn, _ work: any Work) {
        let isOpen = writer.withLock { writer in
            guard let writer, isAlive() else { return false }
            writer.value.serve([turn])
            return true
        }
        if !isOpen { work.finish(.unavailable("The database is closed.")) }
    }

    func stop() {}

    func close() async {
        writer.withLock { writer in
            guard writer != nil else { return }
            connection.value.close()
            writer = nil
        }
    }
}
