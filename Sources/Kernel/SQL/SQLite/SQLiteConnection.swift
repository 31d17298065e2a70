import Base
import CSQLite

/// A connection to a SQLite database. Confined to one thread at a time, so SQLite's own locks are off.
final class SQLiteConnection: Connection {
    enum Role {
        case writer, reader
        /// Reads on other people's threads, so it doesn't wait and gives up what takes long.
        case bystander
    }

    let dialect = Dialect.sqlite
    private let handle: OpaquePointer
    private var statements = StatementCache<SQLiteStatement>()
    /// Pages in the write-ahead log after the last commit, as SQLite tells its hook.
    private let logPages = UnsafeMutablePointer<Int32>.allocate(capacity: 1)

    /// What a bystander may still do of the read that it is at, in steps of SQLite's machine.
    private let patience = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
    private let isPatient: Bool

    /// How much of the log the last checkpoint was about.
    private var pagesMoved: Int32 = 0

    /// Once in a process's life.
    private static let setUpLibrary: Void = { _ = sqlite_stop_counting_memory() }()

    /// In memory without a path.
    init(path: String?, role: Role) throws(Failure) {
        SQLiteConnection.setUpLibrary
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let result = sqlite3_open_v2(path ?? ":memory:", &opened, flags, nil)
        guard result == SQLITE_OK, let opened else {
            let reason = String(cString: sqlite3_errstr(result))
            sqlite3_close_v2(opened)
            throw .unavailable("The database \(path ?? "in memory") cannot be opened: \(reason).")
        }
        handle = opened
        isPatient = role != .bystander
        patience.initialize(to: 0)
        logPages.initialize(to: 0)
        do throws(Failure) {
            try setUp(role)
        } catch {
            close()
            throw error
        }
    }

    deinit {
        logPages.deallocate()
        patience.deallocate()
    }

    /// The last connection to close moves the whole log into the database file.
    func close() {
        statements.clear()
        sqlite3_close_v2(handle)
    }

    private func setUp(_ role: Role) throws(Failure) {
        sqlite3_busy_timeout(handle, role == .bystander ? 0 : 5_000)
        try run("PRAGMA journal_mode = WAL")
        try run("PRAGMA synchronous = FULL")
        try run("PRAGMA foreign_keys = ON")
        try run("PRAGMA case_sensitive_like = ON")
        try run("PRAGMA temp_store = MEMORY")
        switch role {
        case .writer:
            try run("PRAGMA cache_size = -8192")
            // After a checkpoint the log is cut down to this, so that one long transaction doesn't fill the disk for good.
            try run("PRAGMA journal_size_limit = 67108864")
            // In place of SQLite's own checkpoints, which would keep callers waiting.
            sqlite3_wal_hook(
                handle,
                { pages, _, _, count in
                    pages?.assumingMemoryBound(to: Int32.self).pointee = count
                    return SQLITE_OK
                }, logPages)
        case .reader:
            try run("PRAGMA cache_size = -4096")
            try run("PRAGMA query_only = ON")
        case .bystander:
            try run("PRAGMA cache_size = -4096")
            try run("PRAGMA query_only = ON")
            sqlite3_progress_handler(
                handle, SQLiteConnection.stepsAtOnce,
                { patience in
                    guard let patience = patience?.assumingMemoryBound(to: Int32.self) else { return 1 }
                    patience.pointee -= SQLiteConnection.stepsAtOnce
                    return patience.pointee < 0 ? 1 : 0
                }, patience)
            // Takes the schema in, so that the first who asks doesn't wait for that.
            try run("SELECT COUNT(*) FROM sqlite_master")
        }
    }

    func prepared(_ text: String) throws(Failure) -> any Statement {
        if let statement = statements.find(text) {
            if statement.isLong, !isPatient { throw giveUp(text) }
            return statement.isFree ? statement : try prepare(text, kept: false)
        }
        let statement = try prepare(text, kept: true)
        statements.keep(statement, for: text)
        return statement
    }

    private func prepare(_ text: String, kept: Bool) throws(Failure) -> SQLiteStatement {
        var statement: OpaquePointer?
        let flags = UInt32(kept ? SQLITE_PREPARE_PERSISTENT : 0)
        let result = sqlite3_prepare_v3(handle, dialect.words(for: text), -1, flags, &statement, nil)
        guard result == SQLITE_OK, let statement else { throw SQLiteConnection.failure(result, in: text, of: handle) }
        return SQLiteStatement(statement, of: handle, text: text)
    }

    // MARK: Bystanders

    /// Some 200 µs of SQLite's work at most; what it reads from a disk comes on top, once.
    static let stepsOfARead: Int32 = 4_000
    private static let stepsAtOnce: Int32 = 500

    func beginPatience() { patience.pointee = SQLiteConnection.stepsOfARead }

    /// Whether the read that it was at is to be done elsewhere, whatever came of it.
    var hasGivenUp: Bool { patience.pointee < 0 }

    private func giveUp(_ text: String) -> Failure {
        patience.pointee = -1
        return SQLiteConnection.failure(SQLITE_INTERRUPT, in: text, of: handle)
    }

    /// To begin and to end is never what takes long. A statement's steps are counted over all of its runs, so sooner or later
    /// one of these would be told to give up, and nothing could be read here from then on.
    func control(_ text: String) throws(Failure) {
        let left = patience.pointee
        patience.pointee = .max
        defer { patience.pointee = left }
        try run(text)
    }

    var preparedCount: Int { statements.count }
    var lastSerial: Int64 { sqlite3_last_insert_rowid(handle) }
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }
}

extension SQLiteConnection {
    /// Moves what was committed from the log into the database file: every 16 MB of log, where reading through it begins
    /// to cost more than moving it. Readers that overlap without end could keep the log from ever starting anew; when it
    /// has reached 256 MB they are waited for.
    func checkpointIfDue() {
        let pages = logPages.pointee
        if pages < pagesMoved { pagesMoved = 0 }
        guard pages - pagesMoved >= 4_096 else { return }
        let mode = pages < 65_536 ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_RESTART
        sqlite3_wal_checkpoint_v2(handle, nil, mode, nil, nil)
        pagesMoved = pages
    }

    /// What a result code of SQLite's means for the caller.
    static func failure(_ code: Int32, in statement: String, of handle: OpaquePointer) -> Failure {
        let message = String(cString: sqlite3_errmsg(handle))
        let error = EngineError(code: Int(code), message: message, statement: statement)
        switch code & 0xFF {
        case SQLITE_CONSTRAINT: return violation(code, message).map(Failure.violated) ?? .bug(message, cause: error)
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_INTERRUPT:
            return .unavailable("The database is busy. Please try again.", cause: error)
        case SQLITE_FULL, SQLITE_IOERR, SQLITE_NOMEM, SQLITE_CANTOPEN, SQLITE_READONLY:
            return .unavailable("The database cannot be written or read just now.", cause: error)
        default: return .bug("The database did not understand.", cause: error)
        }
    }

    /// "UNIQUE constraint failed: project.domain_id, project.name"
    private static func violation(_ code: Int32, _ message: String) -> Violation? {
        switch code {
        case sqliteConstraintUnique, sqliteConstraintPrimaryKey, sqliteConstraintRowID:
            let names = message.split(separator: ": ").last?.split(separator: ", ") ?? []
            let parts = names.map { $0.split(separator: ".", maxSplits: 1) }
            let table = parts.first?.first.map(String.init) ?? ""
            return Violation(
                kind: .unique, table: table, columns: parts.compactMap { $0.last.map(String.init) },
                description: message)
        case sqliteConstraintForeignKey:
            return Violation(kind: .foreignKey, table: "", columns: [], description: message)
        case sqliteConstraintCheck: return Violation(kind: .check, table: "", columns: [], description: message)
        default: return nil
        }
    }

    // Macros that don't come across from C.
    private static let sqliteConstraintCheck = SQLITE_CONSTRAINT | (1 << 8)
    private static let sqliteConstraintForeignKey = SQLITE_CONSTRAINT | (3 << 8)
    private static let sqliteConstraintPrimaryKey = SQLITE_CONSTRAINT | (6 << 8)
    private static let sqliteConstraintUnique = SQLITE_CONSTRAINT | (8 << 8)
    private static let sqliteConstraintRowID = SQLITE_CONSTRAINT | (10 << 8)
}
