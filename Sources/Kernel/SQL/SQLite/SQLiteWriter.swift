import Base

/// The one thread that changes a SQLite database.
///
/// Making a change durable costs a disk's fsync, some milliseconds, however much has changed. So the writes that have
/// come in meanwhile share one: each has a savepoint of its own within the same transaction, so that one that throws
/// takes back only its own changes, and nobody is told anything before the commit is on the disk.
final class SQLiteWriter {
    enum Turn: Sendable {
        case write(any Work)
        /// In a database in memory.
        case read(any Work)
    }

    private struct Outcome {
        let work: any Work
        let transaction: Transaction
        let failure: Failure?
    }

    /// So that the first of a group doesn't wait too long for the last.
    private static let groupSize = 256

    private let connection: SQLiteConnection
    private let tally: Tally

    init(_ connection: SQLiteConnection, _ tally: Tally) {
        self.connection = connection
        self.tally = tally
    }

    func serve(_ queue: Queue<Turn>) {
        while true {
            let turns = queue.take(atMost: SQLiteWriter.groupSize)
            if turns.isEmpty { return }
            serve(turns)
        }
    }

    func serve(_ turns: some Sequence<Turn>) {
        var group: [any Work] = []
        for turn in turns {
            switch turn {
            case .write(let work): group.append(work)
            case .read(let work):
                write(group)
                group = []
                SQLiteReader(connection: connection, tally: tally).perform(work)
            }
        }
        write(group)
        connection.checkpointIfDue()
    }

    private func write(_ group: [any Work]) {
        guard !group.isEmpty else { return }
        tally.note { $0.writes += group.count }
        var outcomes: [Outcome] = []
        do throws(Failure) {
            try connection.control("BEGIN IMMEDIATE")
            for work in group { outcomes.append(try attempt(work, isAlone: group.count == 1)) }
            try end(anythingToKeep: outcomes.contains { $0.failure == nil })
        } catch {
            if connection.isInTransaction { try? connection.control("ROLLBACK") }
            for work in group { work.finish(error) }
            return
        }
        for outcome in outcomes where outcome.failure == nil { outcome.transaction.runHooks() }
        for outcome in outcomes { outcome.work.finish(outcome.failure) }
    }

    /// Throws only when the group as a whole is lost. What is alone in its group is undone with it.
    private func attempt(_ work: any Work, isAlone: Bool) throws(Failure) -> Outcome {
        let transaction = Transaction(connection)
        if !isAlone { try connection.control("SAVEPOINT work") }
        do throws(Failure) {
            try work.run(transaction)
            if !isAlone { try connection.control("RELEASE work") }
            return Outcome(work: work, transaction: transaction, failure: nil)
        } catch {
            guard connection.isInTransaction else { throw error }
            if !isAlone {
                try connection.control("ROLLBACK TO work")
                try connection.control("RELEASE work")
            }
            return Outcome(work: work, transaction: transaction, failure: error)
        }
    }

    private func end(anythingToKeep: Bool) throws(Failure) {
        guard anythingToKeep else {
            try connection.control("ROLLBACK")
            return
        }
        try connection.control("COMMIT")
        tally.note { $0.commits += 1 }
    }
}
