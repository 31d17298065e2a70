import Base
import Foundation
import Synchronization
import Testing

@testable import SQL

/// What only the embedded engine does: many writes to one fsync, and a file that survives whatever happens.
@Suite struct SQLiteTests {
    /// A write whose every moment a test can see.
    final class Probe: Work {
        let body: @Sendable (Transaction) throws -> Void
        let finished: @Sendable (Failure?) -> Void

        init(_ body: @escaping @Sendable (Transaction) throws -> Void, finished: @escaping @Sendable (Failure?) -> Void)
        {
            self.body = body
            self.finished = finished
        }

        func run(_ transaction: Transaction) throws(Failure) {
            do { try body(transaction) } catch { throw Failure(error) }
        }
        func finish(_ failure: Failure?) { finished(failure) }
    }

    /// Runs the bodies as one group: they come in while the writer is busy. Answers how each ended, and how many
    /// commits there had been when it was told.
    func group(
        _ bodies: [@Sendable (Transaction) throws -> Void], in database: Database
    ) async -> [(failure: Failure?, commits: Int)] {
        let (busy, isBusy) = AsyncStream.makeStream(of: Void.self)
        let gate = Gate()
        async let holding: Void = database.write { tx in
            isBusy.finish()
            gate.wait()
        }
        for await _ in busy {}
        let (ends, end) = AsyncStream.makeStream(of: (Int, Failure?, Int).self)
        for (index, body) in bodies.enumerated() {
            let probe = Probe(body) { end.yield((index, $0, database.counts.commits)) }
            database.engine.write(probe, repeatable: true)
        }
        gate.open()
        try? await holding
        var outcomes = bodies.map { _ in (failure: Failure?.none, commits: 0) }
        var left = bodies.count
        for await (index, failure, commits) in ends {
            outcomes[index] = (failure, commits)
            left -= 1
            if left == 0 { break }
        }
        return outcomes
    }

    @Test func writesThatComeTogetherShareACommit() async throws {
        try await Store.file.withShelf { database in
            let before = database.counts.commits
            let outcomes = await group((0..<10).map { id in { try $0.insert("\(id)") } }, in: database)
            #expect(outcomes.allSatisfy { $0.failure == nil })
            #expect(outcomes.map(\.commits) == Array(repeating: before + 2, count: 10))
            let books = try await database.read { try $0.count("SELECT COUNT(*) FROM book") }
            #expect(books == 10)
        }
    }

    @Test func aWriteThatThrowsTakesBackOnlyItsOwn() async throws {
        try await Store.file.withShelf { database in
            let outcomes = await group(
                [
                    { try $0.insert("a") },
                    { tx in
                        try tx.insert("b")
                        try tx.insert("a")
                    },
                    { try $0.insert("c") },
                ], in: database)
            #expect(outcomes.map { $0.failure?.kind } == [nil, .conflict, nil])
            let left = try await database.read { try $0.ids() }
            #expect(left == ["a", "c"])
        }
    }

    @Test func whenTheCommitFailsNobodyIsToldItWorked() async throws {
        try await Store.file.withShelf { database in
            try await database.write { tx in
                try tx.run("CREATE TABLE later (book_id TEXT REFERENCES book (id) DEFERRABLE INITIALLY DEFERRED)")
            }
            let hooks = Atomic(0)
            let outcomes = await group(
                [
                    { tx in
                        tx.afterCommit { hooks.add(1, ordering: .relaxed) }
                        try tx.insert("a")
                    }, { try $0.run("INSERT INTO later VALUES ('none')") },
                ], in: database)
            #expect(outcomes.map { $0.failure?.kind } == [.conflict, .conflict])
            #expect(hooks.load(ordering: .relaxed) == 0)
            let left = try await database.read { try $0.ids() }
            #expect(left.isEmpty)
        }
    }

    @Test func aWriteThatChangesNothingWritesNothing() async throws {
        try await withTemporaryPath { path in
            let database = try Database(.file(path))
            try await database.migrate("library", Book.migrations, at: Moment(seconds: 0))
            func logSize() throws -> Int { try Data(contentsOf: URL(filePath: path + "-wal")).count }
            let before = try logSize()
            try await database.write { try $0.run("DELETE FROM book WHERE id = 'none'") }
            #expect(try logSize() == before)
            try await database.write { try $0.insert("a") }
            #expect(try logSize() > before)
            await database.close()
        }
    }

    /// A shelf of three thousand books whose readers don't change threads for one.
    private func withHastyShelf(_ body: (Database) async throws -> Void) async throws {
        try await withTemporaryPath { path in
            let database = try Database(.file(path), readsAtOnce: true)
            try await database.migrate("library", Book.migrations, at: Moment(seconds: 0))
            try await database.write { tx in for number in 0..<3_000 { try tx.insert("\(number)") } }
            try await body(database)
            await database.close()
        }
    }

    @Test func aLongReadIsBegunAnewWhereItHindersNobody() async throws {
        try await withHastyShelf { database in
            let begun = Atomic(0)
            func read(_ condition: SQL) async throws -> Int {
                try await database.read { tx in
                    begun.add(1, ordering: .relaxed)
                    return try tx.ids(condition).count
                }
            }
            let quick = try await read("id = '17'")
            #expect(quick == 1)
            #expect(begun.exchange(0, ordering: .relaxed) == 1)
            let long = try await read("1 = 1")
            #expect(long == 3_000)
            #expect(begun.exchange(0, ordering: .relaxed) == 2)
            let again = try await read("id = '18'")
            #expect(again == 1)
            #expect(begun.load(ordering: .relaxed) == 1)
        }
    }

    @Test func shortReadsAreDoneOnTheSpotHoweverManyLongOnesThereWere() async throws {
        try await withHastyShelf { database in
            @Sendable func thread() -> UInt { UInt(pthread_self()) }
            for _ in 0..<1_200 {
                let count = try await database.read { try $0.count("SELECT COUNT(*) FROM book WHERE title <> ''") }
                #expect(count == 3_000)
                let asking = thread()
                let reading = try await database.read { tx in
                    _ = try tx.ids("id = '17'")
                    return thread()
                }
                #expect(reading == asking)
            }
        }
    }

    @Test func aReadThatIsGivenUpLeavesNothingToTheNext() async throws {
        try await withHastyShelf { database in
            // Whoever hides the failure doesn't get away with half an answer.
            let count = try await database.read { tx in (try? tx.ids().count) ?? -1 }
            #expect(count == 3_000)
            await #expect(throws: Failure.self) {
                try await database.read { tx throws in try tx.run("DELETE FROM book") }
            }
            let left = try await database.read { try $0.count("SELECT COUNT(*) FROM book") }
            #expect(left == 3_000)
        }
    }

    @Test func everyCommitIsSynced() async throws {
        try await Store.file.withDatabase { database in
            try await database.write { tx throws in
                #expect(try tx.count("PRAGMA synchronous") == 2)
                #expect(try tx.row("PRAGMA journal_mode") { try $0.text("journal_mode") } == "wal")
            }
        }
    }

    /// A megabyte each.
    private func insertLargeBooks(_ numbers: Range<UInt8>, into database: Database) async throws {
        for number in numbers {
            let cover = [UInt8](repeating: number, count: 1 << 20)
            try await database.write { try $0.insert(Book(id: ID("\(number)"), title: "\(number)", cover: cover)) }
        }
    }

    @Test func theLogIsMovedIntoTheFileInTime() async throws {
        try await withTemporaryPath { path in
            let database = try Database(.file(path))
            try await database.migrate("library", Book.migrations, at: Moment(seconds: 0))
            try await insertLargeBooks(0..<64, into: database)
            #expect(try Data(contentsOf: URL(filePath: path + "-wal")).count < 32 << 20)
            await database.close()
            #expect(!FileManager.default.fileExists(atPath: path + "-wal"))
            let again = try Database(.file(path))
            #expect(try await again.read { try $0.count("SELECT COUNT(*) FROM book") } == 64)
            await again.close()
        }
    }

    @Test func aReaderThatStaysKeepsTheLogOnlyWhileItStays() async throws {
        try await withTemporaryPath { path in
            let database = try Database(.file(path))
            try await database.migrate("library", Book.migrations, at: Moment(seconds: 0))
            let (looking, looks) = AsyncStream.makeStream(of: Void.self)
            let gate = Gate()
            async let count = database.read { tx in
                _ = try tx.ids()
                looks.finish()
                gate.wait()
                return try tx.count("SELECT COUNT(*) FROM book")
            }
            for await _ in looking {}
            try await insertLargeBooks(0..<48, into: database)
            gate.open()
            #expect(try await count == 0)
            let size = try Data(contentsOf: URL(filePath: path + "-wal")).count
            try await insertLargeBooks(48..<112, into: database)
            #expect(try Data(contentsOf: URL(filePath: path + "-wal")).count < size + (32 << 20))
            await database.close()
        }
    }

    @Test func aQueueHasAnEnd() {
        let queue = Queue<Int>(room: 2)
        #expect(queue.put(1) == nil)
        #expect(queue.put(2) == nil)
        #expect(queue.put(3)?.kind == .unavailable)
        #expect(queue.take(atMost: 10) == [1, 2])
        #expect(queue.put(4) == nil)
        queue.close()
        #expect(queue.put(5)?.kind == .unavailable)
        #expect(queue.take(atMost: 10) == [4])
        #expect(queue.take(atMost: 10).isEmpty)
    }

    @Test func statementsAreKeptWithinBounds() throws {
        let connection = try SQLiteConnection(path: nil, role: .writer)
        defer { connection.close() }
        for number in 0..<1_000 { _ = try connection.prepared("SELECT \(number)") }
        #expect(connection.preparedCount == 200)
        let last = try connection.prepared("SELECT 999")
        #expect(try connection.prepared("SELECT 999") === last)
    }

    @Test(.timeLimit(.minutes(1))) func aDatabaseThatIsDroppedLetsItsThreadsGo() async throws {
        try await withTemporaryPath { path in
            let thread = try #require(try Database(.file(path)).engine as? SQLiteEngine).writerThread
            await thread.wait()
        }
    }

    @Test func aFileThatIsNoDatabaseIsRefused() async throws {
        try await withTemporaryPath { path in
            try Data("certainly not a database, just some text".utf8).write(to: URL(filePath: path))
            #expect(throws: Failure.self) { try Database(.file(path)) }
            #expect(throws: Failure.self) { try Database(.file(path + "/nowhere")) }
        }
    }
}
