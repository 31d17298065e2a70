import Base
import SQL
import Synchronization
import Testing

@Suite struct MigrationTests {
    let now = Moment(seconds: 1_795_000_000)
    let history = [
        Migration("create shelf", "CREATE TABLE shelf (id VARCHAR(64) NOT NULL PRIMARY KEY, room MEDIUMTEXT NOT NULL)"),
        Migration(
            "count books", "ALTER TABLE shelf ADD COLUMN books BIGINT NOT NULL DEFAULT 0",
            "CREATE INDEX shelf_by_room ON shelf (room\(.prefix))"),
        Migration("empty the cellar", "DELETE FROM shelf WHERE room = 'cellar'", "UPDATE shelf SET books = 1"),
    ]

    private func names(_ database: Database) async throws -> [String] {
        try await database.appliedMigrations().map(\.name)
    }

    @Test(arguments: Store.all, 0...3)
    func everyEarlierStateComesUpToDate(_ store: Store, _ state: Int) async throws {
        try await store.withDatabase { database in
            try await database.migrate("library", Array(history.prefix(state)), at: now)
            if state > 0 {
                try await database.write { try $0.run("INSERT INTO shelf (id, room) VALUES ('a', 'attic')") }
            }
            try await database.migrate("library", history, at: now + .seconds(1))
            #expect(try await names(database) == ["create shelf", "count books", "empty the cellar"])
            #expect(
                try await database.appliedMigrations().map(\.appliedAt)
                    == (0..<3).map { now + .seconds($0 < state ? 0 : 1) })
            let books = try await database.read { try $0.count("SELECT SUM(books) FROM shelf WHERE room = 'attic'") }
            let expected = (1...2).contains(state) ? 1 : 0
            #expect(books == expected)
        }
    }

    @Test(arguments: Store.all) func comingUpToDateTwiceIsComingUpToDateOnce(_ store: Store) async throws {
        try await store.withDatabase { database in
            try await database.migrate("library", history, at: now)
            try await database.migrate("library", history, at: now + .seconds(1))
            #expect(try await database.appliedMigrations().allSatisfy { $0.appliedAt == now })
        }
    }

    @Test(arguments: Store.all) func eachStepIsToldBeforeItIsTakenAndFirstTablesOnce(_ store: Store) async throws {
        try await store.withDatabase { database in
            let told = Mutex<[String]>([])
            let tell: @Sendable (String) -> Void = { line in told.withLock { $0.append(line) } }
            try await database.migrate("library", Array(history.prefix(1)), at: now, tell)
            try await database.migrate("library", history, at: now, tell)
            try await database.migrate("library", history, at: now, tell)
            #expect(
                told.withLock { $0 } == [
                    "library: made", "library: count books (2 of 3)", "library: empty the cellar (3 of 3)",
                ])
        }
    }

    @Test(arguments: Store.all) func servicesHaveTheirOwnHistories(_ store: Store) async throws {
        try await store.withDatabase { database in
            try await database.migrate("library", Array(history.prefix(1)), at: now)
            try await database.migrate(
                "archive", [Migration("create shelf", "CREATE TABLE archive (id BIGINT)")], at: now)
            #expect(try await database.appliedMigrations().map(\.service) == ["archive", "library"])
        }
    }

    @Test(arguments: Store.all) func anotherHistoryIsRefused(_ store: Store) async throws {
        try await store.withDatabase { database in
            try await database.migrate("library", history, at: now)
            let others: [[Migration]] = [
                Array(history.prefix(2)), [history[1], history[0], history[2]], [history[0], history[0]],
            ]
            for other in others {
                await #expect(throws: Failure.self) { try await database.migrate("library", other, at: now) }
            }
            #expect(try await names(database) == history.map(\.name))
        }
    }

    @Test(arguments: Store.all) func aStepThatFailedIsTakenUpWhereItBroke(_ store: Store) async throws {
        try await store.withDatabase { database in
            let broken = Migration(
                "count books", history[1].statements[0], "CREATE INDEX shelf_by_room ON nowhere (room)")
            await #expect(throws: Failure.self) {
                try await database.migrate("library", [history[0], broken], at: now)
            }
            try await database.migrate("library", history, at: now)
            #expect(try await names(database) == history.map(\.name))
        }
    }

    @Test(arguments: Store.withReaders) func twoProcessesThatMigrateAtOnceTakeTurns(_ store: Store) async throws {
        try await store.withLocation { location in
            let databases = try (0..<4).map { _ in try Database(location) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for database in databases { group.addTask { try await database.migrate("library", history, at: now) } }
                try await group.waitForAll()
            }
            #expect(try await names(databases[0]) == history.map(\.name))
            for database in databases { await database.close() }
        }
    }
}
