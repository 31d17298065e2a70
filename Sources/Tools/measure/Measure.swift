import AMQP
import Base
import Bus
import Glibc
import IO
import SQL
import Trace

/// What parts of the kernel cost, one by one.
enum Measure {
    static func tell(_ name: String, _ number: Double) {
        let line: JSON = ["name": .string(name), "figure": .number(number)]
        print(line.text)
        fflush(nil)
    }

    /// The middle one of several rounds, in microseconds for each of `count`.
    static func middle(of rounds: Int, _ count: Int, _ body: (Int) async throws -> Void) async throws -> Double {
        var taken: [Double] = []
        for _ in 0..<rounds {
            let begun = ContinuousClock.now
            try await body(count)
            let spent = ContinuousClock.now - begun
            taken.append(Double(spent.components.attoseconds) / 1e12 + Double(spent.components.seconds) * 1e6)
        }
        return taken.sorted()[rounds / 2] / Double(count)
    }

    static let table = Migration(
        "measured", "CREATE TABLE measured (id INTEGER PRIMARY KEY, name TEXT NOT NULL, amount INTEGER NOT NULL)")

    static func sql() async throws {
        let folder = "/var/tmp/martlet-measure-\(getpid())"
        guard mkdir(folder, 0o700) == 0 else { throw Failure.unavailable("Cannot make \(folder).") }
        defer { try? Files.removeFolder(folder) }
        let database = try Database(.file(folder + "/measured.db"), readsAtOnce: true)
        try await database.migrate("measure", [table], at: Moment(seconds: 0))
        let rows = 10_000
        try await database.write { tx in
            for id in 0..<rows { try tx.insert(into: "measured", ["id": id, "name": "number \(id)", "amount": id]) }
        }
        let read = try await middle(of: 5, 50_000) { count in
            for number in 0..<count {
                let id = number * 7_919 % rows
                let name = try await database.read { tx in
                    try tx.row("SELECT name, amount FROM measured WHERE id = \(id)") { try $0.text("name") }
                }
                guard name != nil else { throw Failure.bug("A row is gone.") }
            }
        }
        tell("a point read of SQLite, µs", read)
        let within = try await middle(of: 5, 50_000) { count in
            try await database.read { tx in
                for number in 0..<count {
                    let id = number * 7_919 % rows
                    _ = try tx.row("SELECT name, amount FROM measured WHERE id = \(id)") { try $0.text("name") }
                }
            }
        }
        tell("a point read of SQLite within a transaction, µs", within)
        let writers = 64
        let write = try await middle(of: 3, 40_000) { count in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<writers {
                    group.addTask {
                        for number in 0..<(count / writers) {
                            let id = (number * writers + writer) % rows
                            try await database.write { tx in
                                try tx.run("UPDATE measured SET amount = amount + 1 WHERE id = \(id)")
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        tell("a durable write, 64 writers at once, µs", write)
        await database.close()
    }

    static let echo = Message<JSON, JSON>(topic: "measure", name: "echo")

    static func calls(_ bus: any Bus, _ count: Int, rounds: Int) async throws -> Double {
        try await middle(of: rounds, count) { count in
            for _ in 0..<count {
                let answer = try await bus.call(echo, .integer(42), deadline: .seconds(60))
                guard answer.integer == 42 else { throw Failure.bug("An answer is wrong.") }
            }
        }
    }

    static func bus() async throws {
        let bus = LocalBus(clock: SystemClock())
        bus.serve(echo) { $0 }
        let life = Task { await bus.run() }
        // As requests do, it calls from a loop: the main thread would be left and returned to each time.
        let loops = Loops(count: 1)
        let asking = Task(executorPreference: loops.next()) { try await calls(bus, 50_000, rounds: 5) }
        tell("a call in a process, µs", try await asking.value)
        life.cancel()
        await loops.stop()
    }

    static func broker(_ url: String) async throws {
        let loops = Loops(count: 2)
        let address = try AMQPAddress(url)
        let asking = try RabbitBus(address, name: "asks", on: loops, world: World(), log: .silent)
        let answering = try RabbitBus(address, name: "answers", on: loops, world: World(), log: .silent)
        let lives = [asking, answering].map { bus in Task { await bus.run() } }
        answering.serve(echo) { $0 }
        for _ in 0..<300 {
            if (try? await asking.call(echo, .integer(42), deadline: .seconds(1))) != nil { break }
            try await SystemClock().sleep(for: .milliseconds(100))
        }
        tell("a call through RabbitMQ, µs", try await calls(asking, 300, rounds: 5))
        for life in lives { life.cancel() }
        await loops.stop()
    }
}
