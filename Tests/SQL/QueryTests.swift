import Base
import SQL
import Testing

@Suite struct QueryTests {
    @Test func whatIsInterpolatedIsBound() {
        let name = "x' OR '1'='1"
        let condition: SQL = "name = \(name)"
        let query: SQL = "SELECT * FROM book WHERE \(condition) AND pages > \(3) AND cover = \([1] as [UInt8])"
        #expect(query.text == "SELECT * FROM book WHERE name = ? AND pages > ? AND cover = ?")
        #expect(query.values == [.text(name), .integer(3), .blob([1])])
    }

    @Test func everyKindOfValueBinds() {
        let missing: Moment? = nil
        let query: SQL = "\(true) \(0.5) \(Moment(microseconds: 7)) \(ID<Book>("b")) \(Book.Kind.atlas) \(missing)"
        #expect(query.values == [.integer(1), .real(0.5), .integer(7), .text("b"), .text("atlas"), .null])
    }

    @Test func conditionsJoin() {
        let all = SQL.all(["a = \(1)", "b = \(2) OR c = \(3)"])
        #expect(all.text == "(a = ?) AND (b = ? OR c = ?)" || all.text == "((a = ?) AND (b = ? OR c = ?))")
        #expect(all.values == [.integer(1), .integer(2), .integer(3)])
        #expect(SQL.all([]).text == "1 = 1")
    }

    @Test func listsOfSimilarLengthShareAStatement() {
        #expect(SQL.list([1, 2, 3]).text == SQL.list([1, 2, 3, 4]).text)
        #expect(SQL.list([1, 2, 3]).values == [.integer(1), .integer(2), .integer(3), .integer(3)])
        #expect(SQL.list(Array(0..<3_000)).values.count == 3_000)
    }

    @Test(arguments: Store.all) func listsFindTheirOwn(_ store: Store) async throws {
        try await store.withShelf { database in
            try await database.write { tx in for id in ["a", "b", "c", "d"] { try tx.insert(id) } }
            try await database.read { tx throws in
                #expect(try tx.ids("id IN \(.list(["a", "c", "x"]))") == ["a", "c"])
                #expect(try tx.ids("id NOT IN \(.list(["a", "c", "x"]))") == ["b", "d"])
                #expect(try tx.ids("id IN \(.list([String]()))") == [])
                #expect(try tx.ids("id NOT IN \(.list([String]()))") == ["a", "b", "c", "d"])
            }
        }
    }

    @Test(arguments: Store.all) func textsCompareByteByByte(_ store: Store) async throws {
        try await store.withShelf { database in
            let titles = ["B", "a", "a ", "z", "Ä", "ä"]
            try await database.write { tx in for title in titles { try tx.insert(title) } }
            try await database.read { tx throws in
                #expect(try tx.ids() == titles)
                #expect(try tx.ids("title = \("A")") == [])
                #expect(try tx.ids("title = \("a")") == ["a"])
            }
        }
    }

    @Test(arguments: Store.all) func patternsMeanWhatTheySay(_ store: Store) async throws {
        try await store.withShelf { database in
            let titles = ["100%", "1000", "Ask!", "ask_me", "askXme", #"back\slash"#]
            try await database.write { tx in for title in titles { try tx.insert(title) } }
            try await database.read { tx throws in
                #expect(try tx.ids("title \(.like(.ending("0%")))") == ["100%"])
                #expect(try tx.ids("title \(.like(.starting("ask_")))") == ["ask_me"])
                #expect(try tx.ids("title \(.like(.starting("ask")))") == ["askXme", "ask_me"])
                #expect(try tx.ids("title \(.like(.containing("k!")))") == ["Ask!"])
                #expect(try tx.ids("title \(.like(.containing(#"\s"#)))") == [#"back\slash"#])
            }
        }
    }

    @Test(arguments: Store.all) func anInsertCanMeetARow(_ store: Store) async throws {
        try await store.withShelf { database in
            @Sendable func put(_ title: String, _ rule: SQL) async throws {
                try await database.write { tx in
                    try tx.run(
                        "\(.insert(into: "book", ["id": "a", "title": title, "kind": "novel", "borrowed": false])) \(rule)"
                    )
                }
            }
            try await put("first", .onConflict(["id"]))
            try await put("second", .onConflict(["id"]))
            #expect(try await database.read { try $0.book("a") }?.title == "first")
            try await put("third", .onConflict(["id"], update: ["title", "kind"]))
            #expect(try await database.read { try $0.book("a") }?.title == "third")
        }
    }

    @Test(arguments: Store.all) func serialNumbersGrow(_ store: Store) async throws {
        try await store.withShelf { database in
            let numbers = try await database.write { tx in
                try tx.insert("a")
                let first = try tx.lend("a", to: "Ada")
                try tx.run("DELETE FROM loan")
                return [first, try tx.lend("a", to: "Bob")]
            }
            #expect(numbers == [1, 2])
        }
    }

    @Test(arguments: Store.all) func rowsAreCountedWhenTheyAreMet(_ store: Store) async throws {
        try await store.withShelf { database in
            try await database.write { tx in
                for id in ["a", "b", "c"] { try tx.insert(id) }
                #expect(try tx.run("UPDATE book SET borrowed = \(false) WHERE id < 'c'") == 2)
                #expect(try tx.run("DELETE FROM book WHERE id = 'x'") == 0)
                #expect(try tx.run("DELETE FROM book") == 3)
            }
        }
    }

    @Test(arguments: Store.all) func queriesWithinQueries(_ store: Store) async throws {
        try await store.withShelf { database in
            try await database.write { tx in for id in ["a", "b"] { try tx.insert(id) } }
            let pairs = try await database.read { tx in
                var pairs: [String] = []
                try tx.each("SELECT id FROM book ORDER BY id") { outer in
                    let first = try outer.text("id")
                    try tx.each("SELECT id FROM book ORDER BY id") { inner in
                        pairs.append(first + (try inner.text("id")))
                    }
                }
                return pairs
            }
            #expect(pairs == ["aa", "ab", "ba", "bb"])
        }
    }

    @Test(arguments: Store.all) func sumsAreNumbers(_ store: Store) async throws {
        try await store.withShelf { database in
            try await database.write { tx throws in
                #expect(try tx.count("SELECT SUM(pages) FROM book") == 0)
                for id in ["a", "b"] { try tx.insert(Book(id: ID(id), title: id, pages: 21)) }
                #expect(try tx.count("SELECT SUM(pages) FROM book") == 42)
                let sum = try tx.row("SELECT SUM(pages) AS total FROM book") { try $0.integer("total") }
                #expect(sum == 42)
            }
        }
    }

    @Test(arguments: Store.all) func aColumnThatIsNotThereIsNamed(_ store: Store) async throws {
        try await store.withShelf { database in
            try await database.write { try $0.insert("a") }
            func message(_ read: @escaping @Sendable (borrowing Row) throws -> Void) async -> String? {
                do throws(Failure) {
                    try await database.read { try $0.each("SELECT * FROM book", read) }
                    return nil
                } catch {
                    return error.kind == .bug ? error.message : nil
                }
            }
            #expect(await message { _ = try $0.text("colour") } == "There is no column colour in: SELECT * FROM book")
            #expect(await message { _ = try $0.integer("pages") } == "Column book.pages is NULL.")
            #expect(await message { _ = try $0.integer("title") } == "Column book.title is text, not an integer.")
            #expect(await message { let _: Book.Kind = try $0.value("title") }?.contains("book.title is “a”") == true)
        }
    }
}
