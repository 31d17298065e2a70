import Base
import SQL
import Testing

@Suite struct DatabaseTests {
    @Test func aRowComesBackAsItWasWritten() async throws {
        let database = try await Database.withShelf(.memory)
        let book = Book(
            id: ID("b1"), title: "Šílený “martlet”\0", kind: .novel, pages: 311, weight: 0.5, borrowed: true,
            bought: Moment(microseconds: 1_795_000_000_123_456), cover: [0, 255, 7])
        try await database.write { tx in try tx.insert(book) }
        #expect(try await database.read { try $0.book("b1") } == book)
        await database.close()
    }
}

/// A shelf of books, to have something in a table.
struct Book: Record, Hashable {
    enum Kind: String, SQL.Bindable { case novel, atlas }

    var id: ID<Book>
    var title: String
    var kind = Kind.novel
    var pages: Int?
    var weight: Double?
    var borrowed = false
    var bought: Moment?
    var cover: [UInt8]?
}

extension Book {
    static let created = Migration(
        "create book",
        """
        CREATE TABLE book (
            id       VARCHAR(64)  NOT NULL PRIMARY KEY,
            title    VARCHAR(255) NOT NULL,
            kind     VARCHAR(16)  NOT NULL,
            pages    INTEGER CHECK (pages > 0),
            weight   DOUBLE,
            borrowed BOOLEAN      NOT NULL,
            bought   BIGINT,
            cover    LONGBLOB,
            CONSTRAINT one_title UNIQUE (title, kind)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        try self.init(
            id: row.id("id"), title: row.text("title"), kind: row.value("kind"), pages: row.optionalInteger("pages"),
            weight: row.optionalReal("weight"), borrowed: row.bool("borrowed"), bought: row.optionalMoment("bought"),
            cover: row.optionalBlob("cover"))
    }
}

extension Transaction {
    func insert(_ book: Book) throws(Failure) {
        try insert(
            into: "book",
            [
                "id": book.id, "title": book.title, "kind": book.kind, "pages": book.pages, "weight": book.weight,
                "borrowed": book.borrowed, "bought": book.bought, "cover": book.cover,
            ])
    }

    func book(_ id: ID<Book>) throws(Failure) -> Book? { try row("SELECT * FROM book WHERE id = \(id)") }
    func book(_ id: String) throws(Failure) -> Book? { try book(ID(id)) }
}

extension Database {
    static func withShelf(_ location: Location) async throws -> Database {
        let database = try Database(location)
        try await database.migrate("library", [Book.created], at: Moment(seconds: 0))
        return database
    }
}
