import Base
import Foundation
import SQL
import Synchronization
import Testing

@Suite struct CrashTests {
    /// Kills the process that has 64 writers at work as soon as so many of them have been told that theirs is durable.
    @Test(arguments: Store.outsideOfTheProcess, [1, 100, 2_000])
    func whatWasAcknowledgedSurvivesAKill(_ store: Store, after acknowledgements: Int) async throws {
        try await store.withAddress { address in
            let child = await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
                [address = address as String, acknowledgements = acknowledgements as Int] in
                try await CrashTests.writeUntilKilled(address, after: acknowledgements)
            }
            let output = String(decoding: try #require(child).standardOutputContent, as: UTF8.self)
            let acknowledged = output.split(separator: "\n").compactMap { line in
                line.hasPrefix("durable ") ? String(line.dropFirst("durable ".count)) : nil
            }
            #expect(acknowledged.count >= acknowledgements)

            let database = try Database(.init(address))
            let survived = Set(try await database.read { try $0.ids() })
            #expect(acknowledged.allSatisfy(survived.contains))
            try await database.write { try $0.insert("life goes on") }
            await database.close()
        }
    }

    private static func writeUntilKilled(_ address: String, after acknowledgements: Int) async throws {
        let database = try Database(.init(address))
        try await database.migrate("library", Book.migrations, at: Moment(seconds: 0))
        let witness = Witness(acknowledgements)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<64 {
                group.addTask {
                    for number in 0... {
                        let id = "\(writer)-\(number)"
                        try await database.write { try $0.insert(id) }
                        witness.note(id)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Says outside what was acknowledged, and ends the process without warning when it has seen enough.
    private final class Witness: Sendable {
        private let left: Mutex<Int>

        init(_ enough: Int) { left = Mutex(enough) }

        func note(_ id: String) {
            left.withLock { left in
                let line = Array("durable \(id)\n".utf8)
                write(STDOUT_FILENO, line, line.count)
                left -= 1
                if left == 0 { kill(getpid(), SIGKILL) }
            }
        }
    }
}
