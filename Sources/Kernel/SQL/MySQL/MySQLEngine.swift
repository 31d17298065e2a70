import Base
import CMariaDB

/// A MySQL or MariaDB server, through a few connections with a thread each.
final class MySQLEngine: Engine {
    struct Turn: Sendable {
        let work: any Work
        let readOnly: Bool
        let repeatable: Bool
    }

    private let turns = Queue<Turn>(room: 10_000)
    private let tally = Tally()
    private let threads: Latch

    /// Connects once, to say at the start when the address or the password is wrong. The others connect when needed.
    init(_ address: MySQLAddress) throws(Failure) {
        let first = Confined(try MySQLConnection(address))
        threads = Latch(address.connections)
        for number in 0..<address.connections {
            Thread.start { [turns, tally, threads] in
                mysql_thread_init()
                MySQLWorker(address, number == 0 ? first.value : nil, tally).serve(turns)
                mysql_thread_end()
                threads.countDown()
            }
        }
    }

    var counts: Database.Counts { tally.counts }

    func read(_ work: any Work) { put(Turn(work: work, readOnly: true, repeatable: true)) }
    /// A server is never answered by in a moment.
    func readAtOnce<Value>(_ body: (Transaction) throws -> Value) -> Result<Value, Failure>? { nil }

    func write(_ work: any Work, repeatable: Bool) { put(Turn(work: work, readOnly: false, repeatable: repeatable)) }

    private func put(_ turn: Turn) {
        if let refusal = turns.put(turn) { turn.work.finish(refusal) }
    }

    func stop() { turns.close() }

    func close() async {
        stop()
        await threads.wait()
    }
}
