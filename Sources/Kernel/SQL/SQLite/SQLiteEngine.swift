import Base
import Glibc

/// SQLite with one writer and a few readers, each with a thread and a connection of its own, and a few connections more
/// for what is read in a moment, on the thread that asks: to change threads costs some 15 µs, a point read 3.
///
/// A database in memory has but one connection, so there the writer's thread does the reading too.
final class SQLiteEngine: Engine {
    let writer = Queue<SQLiteWriter.Turn>(room: 10_000)
    private let readers: Queue<any Work>?
    private let tally = Tally()
    private let readerThreads: Latch
    private let bystanders: SQLiteBystanders?
    let writerThread = Latch(1)

    init(path: String?, readsAtOnce: Bool) throws(Failure) {
        let writing = try Confined(SQLiteConnection(path: path, role: .writer))
        var reading: [Confined<SQLiteConnection>] = []
        var standingBy: [Confined<SQLiteConnection>] = []
        if let path {
            // More readers than cores only wait for one another.
            let count = max(2, min(4, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
            for _ in 0..<count {
                reading.append(Confined(try SQLiteConnection(path: path, role: .reader)))
                if readsAtOnce { standingBy.append(Confined(try SQLiteConnection(path: path, role: .bystander))) }
            }
        }
        let readers = path.map { _ in Queue<any Work>(room: 10_000) }
        self.readers = readers
        bystanders = standingBy.isEmpty ? nil : SQLiteBystanders(standingBy, tally)
        readerThreads = Latch(reading.count)
        start(writing)
        if let readers { for connection in reading { start(connection, on: readers) } }
    }

    private func start(_ connection: Confined<SQLiteConnection>) {
        Thread.start { [writer, tally, writerThread] in
            SQLiteWriter(connection.value, tally).serve(writer)
            connection.value.close()
            writerThread.countDown()
        }
    }

    private func start(_ connection: Confined<SQLiteConnection>, on queue: Queue<any Work>) {
        Thread.start { [tally, readerThreads] in
            let reader = SQLiteReader(connection: connection.value, tally: tally)
            while let work = queue.take(atMost: 1).first { reader.perform(work) }
            connection.value.close()
            readerThreads.countDown()
        }
    }

    var counts: Database.Counts { tally.counts }

    func read(_ work: any Work) {
        let refusal = readers.map { $0.put(work) } ?? writer.put(.read(work))
        if let refusal { work.finish(refusal) }
    }

    func readAtOnce<Value>(_ body: (Transaction) throws -> Value) -> Result<Value, Failure>? {
        bystanders?.read(body)
    }

    /// Here no closure has to run again: there are no deadlocks with a single writer.
    func write(_ work: any Work, repeatable: Bool) {
        if let refusal = writer.put(.write(work)) { work.finish(refusal) }
    }

    func stop() {
        bystanders?.close()
        readers?.close()
        writer.close()
    }

    /// The writer goes last, for whoever goes last moves what is in the log into the database file.
    func close() async {
        bystanders?.close()
        readers?.close()
        await readerThreads.wait()
        writer.close()
        await writerThread.wait()
    }
}

/// Reads in a transaction, so that all of it sees the same moment.
struct SQLiteReader {
    let connection: SQLiteConnection
    let tally: Tally

    func perform(_ work: any Work) {
        tally.note { $0.reads += 1 }
        let transaction = Transaction(connection)
        do throws(Failure) {
            try connection.control("BEGIN")
            try work.run(transaction)
            try connection.control("COMMIT")
            transaction.runHooks()
            work.finish(nil)
        } catch {
            if connection.isInTransaction { try? connection.control("ROLLBACK") }
            work.finish(error)
        }
    }
}
