import Base
import SQL
import Synchronization
import Testing

struct Refused: Error {}

@Suite struct DatabaseTests {
    @Test(arguments: Store.all) func aRowComesBackAsItWasWritten(_ store: Store) async throws {
        try await store.withShelf { database in
            let full = Book(
                id: ID("full"), title: "Šílený “martlet” 🐦\0'; DROP TABLE book; --", kind: .atlas, pages: .max,
                weight: 0.1,
                borrowed: true, bought: Moment(microseconds: -1_795_000_000_123_456), cover: [0, 255, 7])
            let bare = Book(id: ID("bare"), title: "", cover: [])
            try await database.write { tx in
                try tx.insert(full)
                try tx.insert(bare)
            }
            let found = try await database.read { tx in try ["full", "bare", "none"].map { try tx.book($0) } }
            #expect(found == [full, bare, nil])
        }
    }

    @Test(arguments: Store.all) func aWriteThatThrowsChangesNothing(_ store: Store) async throws {
        try await store.withShelf { database in
            await #expect(throws: Failure.self) {
                try await database.write { tx in
                    try tx.insert("a")
                    throw Refused()
                }
            }
            let left = try await database.read { try $0.ids() }
            #expect(left.isEmpty)
        }
    }

    @Test(arguments: Store.all) func anAttemptIsUndoneAlone(_ store: Store) async throws {
        try await store.withShelf { database in
            try await database.write { tx in
                try tx.insert("a")
                try? tx.attempt {
                    try tx.insert("b")
                    try tx.attempt { try tx.insert("c") }
                    throw Refused()
                }
                try tx.attempt { try tx.insert("d") }
            }
            #expect(try await database.read { try $0.ids() } == ["a", "d"])
        }
    }

    @Test(arguments: Store.all) func aConflictCanBeCaughtAndTheTransactionGoesOn(_ store: Store) async throws {
        try await store.withShelf { database in
            try await database.write { tx in
                try tx.insert("a")
                #expect(throws: Failure.self) { try tx.insert("a") }
                try tx.insert("b")
            }
            #expect(try await database.read { try $0.ids() } == ["a", "b"])
        }
    }

    @Test(arguments: Store.all) func hooksRunAfterTheCommitAndBeforeTheCallerGoesOn(_ store: Store) async throws {
        try await store.withShelf { database in
            let log = Mutex<[String]>([])
            let note: @Sendable (String) -> Void = { line in log.withLock { $0.append(line) } }
            try await database.write { tx in
                tx.afterCommit { note("hook") }
                try? tx.attempt {
                    tx.afterCommit { note("undone") }
                    throw Refused()
                }
                note("body")
            }
            note("caller")
            try? await database.write { tx in
                tx.afterCommit { note("undone") }
                throw Refused()
            }
            #expect(log.withLock { $0 } == ["body", "hook", "caller"])
        }
    }

    @Test(arguments: Store.all) func manyWritersAtOnceAreAllHeard(_ store: Store) async throws {
        try await store.withShelf { database in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<64 {
                    group.addTask {
                        for number in 0..<4 { try await database.write { try $0.insert("\(writer)-\(number)") } }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await database.read { try $0.count("SELECT COUNT(*) FROM book") } == 256)
            #expect(database.counts.writes == 257)
        }
    }

    @Test(arguments: Store.all) func aReaderSeesWhatWasCommittedBefore(_ store: Store) async throws {
        try await store.withShelf { database in
            for number in 0..<20 {
                try await database.write { try $0.insert("\(number)") }
                let id = "\(number)"
                #expect(try await database.read { try $0.exists("SELECT 1 FROM book WHERE id = \(id)") })
            }
        }
    }

    @Test(arguments: Store.withReaders)
    func aReaderSeesOneMomentThroughout(_ store: Store) async throws {
        try await store.withShelf { database in
            let (looked, lookedOnce) = AsyncStream.makeStream(of: Void.self)
            let gate = Gate()
            async let counts = database.read { tx in
                let before = try tx.count("SELECT COUNT(*) FROM book")
                lookedOnce.finish()
                gate.wait()
                return [before, try tx.count("SELECT COUNT(*) FROM book")]
            }
            for await _ in looked {}
            try await database.write { try $0.insert("a") }
            gate.open()
            #expect(try await counts == [0, 0])
        }
    }

    @Test(arguments: Store.withReaders) func aReaderCannotWrite(_ store: Store) async throws {
        try await store.withShelf { database in
            await #expect(throws: Failure.self) { try await database.read { try $0.insert("a") } }
            let left = try await database.read { try $0.ids() }
            #expect(left.isEmpty)
        }
    }

    @Test(arguments: Store.all) func aClosedDatabaseRefuses(_ store: Store) async throws {
        try await store.withDatabase { database in
            await database.close()
            await #expect { try await database.read { _ in } } throws: { ($0 as? Failure)?.kind == .unavailable }
            await #expect { try await database.write { _ in } } throws: { ($0 as? Failure)?.kind == .unavailable }
        }
    }
}
