import Base
import SQL
import Testing

@Suite struct ConstraintTests {
    private func violation(_ database: Database, _ body: @escaping @Sendable (Transaction) throws -> Void) async
        -> Violation?
    {
        do throws(Failure) {
            try await database.write(body)
            return nil
        } catch {
            return error.kind == .conflict ? error.violation : nil
        }
    }

    @Test(arguments: Store.all) func aUniqueKeyIsNamedByItsColumns(_ store: Store) async throws {
        try await store.withShelf { database in
            try await database.write { try $0.insert("a") }
            let sameTitle = await violation(database) { try $0.insert(Book(id: ID("b"), title: "a")) }
            #expect(sameTitle?.isUnique("title", "kind") == true)
            #expect(sameTitle?.table == "book")
            let sameID = await violation(database) { try $0.insert(Book(id: ID("a"), title: "b")) }
            #expect(sameID?.isUnique("id") == true)
            let renamed = await violation(database) { tx in
                try tx.insert("c")
                try tx.run("UPDATE book SET title = 'a' WHERE id = 'c'")
            }
            #expect(renamed?.isUnique("title", "kind") == true)
        }
    }

    @Test(arguments: Store.all) func aForeignKeyHoldsBothEnds(_ store: Store) async throws {
        try await store.withShelf { database in
            let dangling = await violation(database) { try $0.lend("none", to: "Ada") }
            #expect(dangling?.kind == .foreignKey)
            try await database.write { tx in
                try tx.insert("a")
                try tx.lend("a", to: "Ada")
            }
            let needed = await violation(database) { try $0.run("DELETE FROM book") }
            #expect(needed?.kind == .foreignKey)
        }
    }

    @Test(arguments: Store.all) func aCheckHolds(_ store: Store) async throws {
        try await store.withShelf { database in
            let book = Book(id: ID("a"), title: "a", pages: 0)
            #expect(await violation(database) { try $0.insert(book) }?.kind == .check)
        }
    }

    @Test(arguments: Store.all) func whatMustBeThereAndIsNotIsABug(_ store: Store) async throws {
        try await store.withShelf { database in
            await #expect {
                try await database.write { try $0.run("INSERT INTO book (id, title) VALUES ('a', NULL)") }
            } throws: {
                ($0 as? Failure)?.kind == .bug
            }
        }
    }
}
