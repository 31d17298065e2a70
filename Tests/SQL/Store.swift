import Base
import Foundation
import SQL
import TestServers
import Testing

/// The places where a database can be. What is promised is promised for each of them.
enum Store: Sendable {
    case memory, file, mariadb

    /// Without a server to test with, its cases are left out here, and the suite about it is reported as skipped.
    static let all: [Store] = [.memory] + outsideOfTheProcess
    static let outsideOfTheProcess: [Store] = MariaDB.isInstalled ? [.file, .mariadb] : [.file]
    /// Where a reader does not keep a writer waiting.
    static let withReaders = outsideOfTheProcess

    /// With an empty database there, which is gone afterwards.
    func withDatabase(_ body: (Database) async throws -> Void) async throws {
        try await withLocation { location in
            let database = try Database(location)
            try await body(database)
            await database.close()
        }
    }

    /// With a shelf of no books.
    func withShelf(_ body: (Database) async throws -> Void) async throws {
        try await withDatabase { database in
            try await database.migrate("library", Book.migrations, at: Moment(seconds: 0))
            try await body(database)
        }
    }

    func withLocation(_ body: (Database.Location) async throws -> Void) async throws {
        if self == .memory { return try await body(.memory) }
        try await withAddress { try await body(Database.Location($0)) }
    }

    /// As a configuration would name it.
    func withAddress(_ body: (String) async throws -> Void) async throws {
        switch self {
        case .memory: throw Failure.bug("What is in memory has no address.")
        case .file: try await withTemporaryPath(body)
        case .mariadb: try await MariaDB.running().withDatabase(body)
        }
    }
}

/// With the path of a database file that doesn't exist yet.
func withTemporaryPath(_ body: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "sql-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(folder + "/store.db")
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
    static let migrations = [
        Migration(
            "create book",
            """
            CREATE TABLE book (
                id       VARCHAR(64)  NOT NULL PRIMARY KEY,
                title    VARCHAR(255) NOT NULL,
                kind     VARCHAR(16)  NOT NULL,
                pages    BIGINT,
                weight   DOUBLE,
                borrowed BOOLEAN      NOT NULL,
                bought   BIGINT,
                cover    LONGBLOB,
                CONSTRAINT one_title UNIQUE (title, kind),
                CONSTRAINT some_pages CHECK (pages > 0)
            )
            """,
            """
            CREATE TABLE loan (
                number  \(.serial),
                book_id VARCHAR(64)  NOT NULL,
                reader  VARCHAR(255) NOT NULL,
                FOREIGN KEY (book_id) REFERENCES book (id)
            )
            """)
    ]

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

    /// A book whose title is as good as its id.
    func insert(_ id: String) throws(Failure) { try insert(Book(id: ID(id), title: id)) }

    func book(_ id: String) throws(Failure) -> Book? { try row("SELECT * FROM book WHERE id = \(id)") }

    func ids(_ condition: SQL = "1 = 1") throws(Failure) -> [String] {
        try rows("SELECT id FROM book WHERE \(condition) ORDER BY id") { try $0.text("id") }
    }

    @discardableResult
    func lend(_ book: String, to reader: String) throws(Failure) -> Int {
        try serial("INSERT INTO loan (book_id, reader) VALUES (\(book), \(reader))")
    }
}
