import Base
import Foundation
import SQL
import Testing

/// What backups stand on: everything that a database holds, told and taken in again.
@Suite struct ContentsTests {
    private typealias Rows = [String: [[SQL.Value]]]

    private func contents(_ database: Database) async throws -> (tables: [StoredTable], rows: Rows) {
        try await database.read { tx in
            let tables = try tx.tables()
            var rows: Rows = [:]
            for table in tables { try tx.each(of: table) { rows[table.name, default: []].append($0) } }
            return (tables, rows)
        }
    }

    @Test(arguments: Store.all, Store.all) func whatOneEngineTellsAnotherTakesIn(_ from: Store, _ to: Store)
        async throws
    {
        try await from.withShelf { first in
            try await first.write { tx in
                try tx.insert(
                    Book(
                        id: ID("b"), title: "Größe \u{0} \"x\" 🐦 ", kind: .atlas, pages: .max, weight: 1,
                        borrowed: true,
                        bought: Moment(seconds: -1), cover: [0, 255, 34]))
                try tx.insert(Book(id: ID("a"), title: "", weight: -0.1))
                for book in ["b", "a", "a"] { try tx.lend(book, to: "somebody") }
                try tx.run("DELETE FROM loan WHERE number = 3")
            }
            let told = try await contents(first)
            #expect(told.tables.map(\.name) == ["book", "loan", "schema_migration"])
            #expect(told.rows["book"]?.map { $0[0] } == [.text("a"), .text("b")], "in the order of the key")
            try await to.withShelf { second in
                try await second.write { tx in
                    try tx.insert("old")
                    try tx.lend("old", to: "nobody")
                }
                try await second.write { tx in
                    let tables = try tx.tables()
                    // A loan comes before its book.
                    try tx.refill(tables) {
                        for table in tables.reversed() {
                            for row in told.rows[table.name] ?? [] { try tx.put(row, into: table) }
                        }
                    }
                }
                try await second.write(repeatable: false) { tx in for table in told.tables { try tx.goOn(with: table) }
                }
                let taken = try await contents(second)
                #expect(taken.rows == told.rows)
                #expect(taken.tables == told.tables)
                #expect(try await second.write { try $0.lend("a", to: "the next") } == 4)
                await #expect(throws: Failure.self) { try await second.write { try $0.lend("nothing", to: "nobody") } }
            }
        }
    }

    @Test(arguments: Store.all) func whatBreaksOffWhileItIsTakenInChangesNothing(_ store: Store) async throws {
        try await store.withShelf { database in
            try await database.write { try $0.insert("a") }
            await #expect(throws: Failure.self) {
                try await database.write { tx in
                    let tables = try tx.tables()
                    try tx.refill(tables) { try tx.put([.text("b")], into: tables[0]) }
                }
            }
            #expect(try await database.read { try $0.ids() } == ["a"])
            await #expect(throws: Failure.self) { try await database.write { try $0.lend("nothing", to: "nobody") } }
        }
    }

    @Test(arguments: Store.all) func nothingIsLeftOfTablesThatAreDropped(_ store: Store) async throws {
        try await store.withShelf { database in
            try await database.write { tx in
                try tx.insert("a")
                try tx.lend("a", to: "somebody")
            }
            try await database.write(repeatable: false) { try $0.drop(try $0.tables()) }
            #expect(try await database.read { try $0.tables() }.isEmpty)
        }
    }

    /// A book and its loan come together, so there are as many of these as of those at every moment.
    @Test(arguments: Store.withReaders) func allOfItIsOfOneMoment(_ store: Store) async throws {
        try await store.withShelf { database in
            try await database.write { try $0.insert("book 0") }
            try await database.write { try $0.lend("book 0", to: "somebody") }
            let (isRead, isWritten) = (Gate(), Gate())
            async let counts = database.read { tx in
                var counts: [Int] = []
                for table in try tx.tables() where table.name != "schema_migration" {
                    var count = 0
                    try tx.each(of: table) { _ in count += 1 }
                    counts.append(count)
                    if counts.count == 1 {
                        isRead.open()
                        isWritten.wait()
                    }
                }
                return counts
            }
            await withCheckedContinuation { caller in
                Thread.detachNewThread {
                    isRead.wait()
                    caller.resume()
                }
            }
            for number in 1...20 {
                try await database.write { tx in
                    try tx.insert("book \(number)")
                    try tx.lend("book \(number)", to: "somebody")
                }
            }
            isWritten.open()
            #expect(try await counts == [1, 1])
        }
    }

    /// More than a server's answer takes at once.
    @Test(arguments: Store.outsideOfTheProcess) func tablesOfManyRowsAreToldToTheirEnd(_ store: Store) async throws {
        try await store.withShelf { database in
            try await database.write { tx in
                try tx.insert("a")
                for number in 0..<20_001 { try tx.lend("a", to: "\(number)") }
            }
            let told = try await contents(database)
            #expect(told.rows["loan"]?.map { $0[2] } == (0..<20_001).map { .text("\($0)") })
        }
    }
}
