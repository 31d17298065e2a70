import Base
import Foundation
import Synchronization
import TestServers
import Testing

@testable import SQL

/// What only a server can do to its clients: deadlocks and broken connections.
@Suite(.enabled(if: MariaDB.isInstalled, "MariaDB is not installed: apt-get install mariadb-server"))
struct MySQLTests {
    private func withShelf(_ body: (Database) async throws -> Void) async throws {
        try await Store.mariadb.withShelf(body)
    }

    /// Two writers, each of which waits for what the other holds. The server ends one of them.
    private final class Deadlock: Sendable {
        private let gates = ["a": Gate(), "b": Gate()]
        private let arrived = Mutex<Set<String>>([])

        /// Only the first time: the victim finds the way free when it comes again.
        private func holdUntilTheOtherHoldsToo(_ mine: String, _ other: String) {
            guard arrived.withLock({ $0.insert(mine).inserted }) else { return }
            gates[other]?.open()
            gates[mine]?.wait()
        }

        func write(_ first: String, then second: String, _ database: Database, repeatable: Bool) async -> Failure? {
            do throws(Failure) {
                try await database.write(repeatable: repeatable) { tx in
                    try tx.run("UPDATE book SET pages = COALESCE(pages, 0) + 1 WHERE id = \(first)")
                    self.holdUntilTheOtherHoldsToo(first, second)
                    try tx.run("UPDATE book SET pages = COALESCE(pages, 0) + 1 WHERE id = \(second)")
                }
                return nil
            } catch {
                return error
            }
        }
    }

    private func deadlock(_ database: Database, repeatable: Bool) async throws -> [Failure?] {
        try await database.write { tx in for id in ["a", "b"] { try tx.insert(id) } }
        let deadlock = Deadlock()
        async let one = deadlock.write("a", then: "b", database, repeatable: repeatable)
        async let other = deadlock.write("b", then: "a", database, repeatable: repeatable)
        return await [one, other]
    }

    @Test func theVictimOfADeadlockRunsAgain() async throws {
        try await withShelf { database in
            let failures = try await deadlock(database, repeatable: true)
            #expect(failures.allSatisfy { $0 == nil })
            #expect(database.counts.retries == 1)
            let pages = try await database.read { try $0.rows("SELECT pages FROM book") { try $0.integer("pages") } }
            #expect(pages == [2, 2])
        }
    }

    @Test func whatIsNotRepeatableIsNotRepeated() async throws {
        try await withShelf { database in
            let failures = try await deadlock(database, repeatable: false)
            #expect(failures.compactMap { $0?.kind } == [.unavailable])
            #expect(database.counts.retries == 0)
            let pages = try await database.read { try $0.rows("SELECT pages FROM book") { try $0.integer("pages") } }
            #expect(pages == [1, 1])
        }
    }

    /// Ends the connection that the body runs on, from another one.
    private func breakConnection(of tx: Transaction, _ address: String) throws {
        let id = try tx.count("SELECT CONNECTION_ID()")
        let other = try MySQLConnection(MySQLAddress(url: address))
        defer { other.close() }
        try other.control("KILL \(id)")
    }

    @Test func aBrokenConnectionIsReplaced() async throws {
        try await MariaDB.running().withDatabase { address in
            let database = try Database(.init(address + "&connections=1"))
            try await database.migrate("library", Book.migrations, at: Moment(seconds: 0))
            let attempts = Atomic(0)
            try await database.write { tx in
                try tx.insert("a")
                if attempts.add(1, ordering: .relaxed).newValue == 1 { try breakConnection(of: tx, address) }
                try tx.insert("b")
            }
            let ids = try await database.read { try $0.ids() }
            #expect(ids == ["a", "b"])
            #expect(attempts.load(ordering: .relaxed) == 2)
            await database.close()
        }
    }

    @Test func aLossThatIsOverlookedCommitsNothing() async throws {
        try await MariaDB.running().withDatabase { address in
            let database = try Database(.init(address + "&connections=1"))
            try await database.migrate("library", Book.migrations, at: Moment(seconds: 0))
            await #expect {
                try await database.write(repeatable: false) { tx in
                    try tx.insert("a")
                    try breakConnection(of: tx, address)
                    try? tx.insert("b")
                    try? tx.insert("c")
                }
            } throws: { ($0 as? Failure)?.kind == .unavailable }
            let ids = try await database.read { try $0.ids() }
            #expect(ids.isEmpty)
            await database.close()
        }
    }

    @Test func aConnectionThatBrokeWhileNobodyLookedIsReplacedEvenForWhatIsNotRepeatable() async throws {
        try await MariaDB.running().withDatabase { address in
            let database = try Database(.init(address + "&connections=1"))
            let id = try await database.read { try $0.count("SELECT CONNECTION_ID()") }
            let other = try MySQLConnection(MySQLAddress(url: address))
            try other.control("KILL \(id)")
            other.close()
            let next = try await database.write(repeatable: false) { try $0.count("SELECT CONNECTION_ID()") }
            #expect(next != id)
            await database.close()
        }
    }

    @Test func aServerThatIsNotThereIsSaidAtOnce() async throws {
        #expect { try Database(.init("mysql://root:secret@localhost/nova?socket=/nowhere")) } throws: { error in
            let failure = error as? Failure
            return failure?.kind == .unavailable && failure?.description.contains("secret") == false
        }
    }

    @Test func statementsAreKeptWithinBounds() async throws {
        try await MariaDB.running().withDatabase { address in
            let connection = try MySQLConnection(MySQLAddress(url: address))
            defer { connection.close() }
            for number in 0..<300 { _ = try connection.prepared("SELECT \(number)") }
            #expect(connection.preparedCount == 200)
        }
    }

    @Test(.enabled(if: access("/usr/bin/openssl", X_OK) == 0)) func tlsIsSpokenAndVerified() async throws {
        let server = try await MariaDB.running()
        func cipher(_ options: String) async throws -> String? {
            let database = try Database(.init(server.address(of: "mysql") + "&connections=1" + options))
            let cipher = try await database.read { tx in
                try tx.row("SHOW SESSION STATUS LIKE 'Ssl_cipher'") { try $0.text("Value") }
            }
            await database.close()
            return cipher
        }
        #expect(try await cipher("&tls=off") == "")
        #expect(try await cipher("&tls=on") != "")
        #expect(try await cipher("&tls=verify&ca=\(server.folder)/ca.pem") != "")
        await #expect(throws: Failure.self) { try await cipher("&tls=verify&ca=/etc/ssl/certs/ca-certificates.crt") }
    }
}
