import Base

/// One thread's way through transactions, with a connection that it makes anew when it breaks.
///
/// Writers meet in the server, so a transaction can be picked as the victim of a deadlock, and a connection can break at
/// any time. Then it runs again where that can do no harm: what was only read, what is repeatable, what had not begun.
final class MySQLWorker {
    /// How far a transaction had come when it failed.
    private enum Progress { case beginning, running, committing }

    /// Enough for the unluckiest of 64 writers to the same row; a failure that stays is told after it.
    private static let attempts = 20

    private let address: MySQLAddress
    private let tally: Tally
    private var connection: MySQLConnection?

    init(_ address: MySQLAddress, _ connection: MySQLConnection?, _ tally: Tally) {
        self.address = address
        self.connection = connection
        self.tally = tally
    }

    func serve(_ turns: Queue<MySQLEngine.Turn>) {
        while let turn = turns.take(atMost: 1).first {
            tally.note { if turn.readOnly { $0.reads += 1 } else { $0.writes += 1 } }
            perform(turn)
        }
        connection?.close()
    }

    private func perform(_ turn: MySQLEngine.Turn) {
        for attempt in 1...MySQLWorker.attempts {
            var progress = Progress.beginning
            do throws(Failure) {
                try run(turn, &progress)
                return
            } catch {
                let again = attempt < MySQLWorker.attempts && mayRunAgain(turn, progress, error)
                tidyUp()
                guard again else { return turn.work.finish(error) }
                tally.note { $0.retries += 1 }
            }
        }
    }

    private func run(_ turn: MySQLEngine.Turn, _ progress: inout Progress) throws(Failure) {
        let connection = try connected()
        try connection.begin(readOnly: turn.readOnly)
        progress = .running
        let transaction = Transaction(connection)
        try turn.work.run(transaction)
        progress = .committing
        try connection.commit()
        if !turn.readOnly { tally.note { $0.commits += 1 } }
        transaction.runHooks()
        turn.work.finish(nil)
    }

    private func connected() throws(Failure) -> MySQLConnection {
        if let connection { return connection }
        let new = try MySQLConnection(address)
        connection = new
        return new
    }

    /// A commit that was not answered may have happened, so it must not happen again.
    private func mayRunAgain(_ turn: MySQLEngine.Turn, _ progress: Progress, _ failure: Failure) -> Bool {
        guard connection != nil, let error = failure.cause as? EngineError else { return false }
        switch (MySQLTrouble(error), progress) {
        case (.lost, .beginning): return true
        case (.lost, .running), (.undone, _): return turn.repeatable
        case (.lost, .committing): return turn.readOnly
        default: return false
        }
    }

    private func tidyUp() {
        guard let connection else { return }
        connection.rollback()
        if connection.isLost {
            connection.close()
            self.connection = nil
        }
    }
}
