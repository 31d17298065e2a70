import Base
import Synchronization

/// SQLite without threads: whoever asks does the work, one after another, in one connection. For a process that has to do
/// everything in an order of its own. Servers don't use it, for it makes their loops wait for the disk.
final class SQLiteInPlace: Engine {
    private let writer: Mutex<Confined<SQLiteWriter>>
    private let connection: Confined<SQLiteConnection>
    private let tally = Tally()

    init(path: String) throws(Failure) {
        let connection = try SQLiteConnection(path: path, role: .writer)
        self.connection = Confined(connection)
        writer = Mutex(Confined(SQLiteWriter(connection, tally)))
    }

    var counts: Database.Counts { tally.counts }

    func read(_ work: any Work) { writer.withLock { $0.value.serve([.read(work)]) } }
    func write(_ work: any Work, repeatable: Bool) { writer.withLock { $0.value.serve([.write(work)]) } }
    func stop() {}
    func close() async { writer.withLock { _ in connection.value.close() } }
}
