import Base
import CMariaDB

/// A connection to a MySQL or MariaDB server. It belongs to one thread.
final class MySQLConnection: Connection {
    let dialect: Dialect
    private let handle: UnsafeMutablePointer<MYSQL>
    private var statements = StatementCache<MySQLStatement>()
    private var uniqueKeys: [String: [String]] = [:]
    private(set) var isInTransaction = false
    /// The server is gone, or has closed it: only a new connection helps.
    private(set) var isLost = false

    /// Must be done once, before there are threads.
    private static let library: Int32 = mysql_server_init(0, nil, nil)

    init(_ address: MySQLAddress) throws(Failure) {
        _ = MySQLConnection.library
        guard let handle = mysql_init(nil) else { throw .unavailable("There is no memory for a database connection.") }
        self.handle = handle
        MySQLConnection.setOptions(of: handle, address)
        let connected = mysql_real_connect(
            handle, address.host, address.user, address.password, address.database, address.port, address.socket,
            UInt(CLIENT_FOUND_ROWS))
        guard connected != nil else {
            let error = MySQLConnection.error(of: handle, in: "connect")
            mysql_close(handle)
            throw .unavailable("The database \(address) cannot be reached: \(error.message).", cause: error)
        }
        dialect = .mysql(collation: MySQLConnection.collation(of: handle))
        do throws(Failure) {
            try setUp()
        } catch {
            mysql_close(handle)
            throw error
        }
    }

    /// Statements belong to the connection and go first.
    func close() {
        statements.clear()
        mysql_close(handle)
    }

    func prepared(_ text: String) throws(Failure) -> any Statement {
        if let statement = statements.find(text) {
            return statement.isFree ? statement : try MySQLStatement(text, of: self, handle)
        }
        let statement = try MySQLStatement(text, of: self, handle)
        statements.keep(statement, for: text)
        return statement
    }

    var preparedCount: Int { statements.count }
    var lastSerial: Int64 { Int64(mysql_insert_id(handle)) }

    func begin(readOnly: Bool) throws(Failure) {
        try control(readOnly ? "START TRANSACTION READ ONLY" : "START TRANSACTION")
        isInTransaction = true
    }

    func commit() throws(Failure) {
        try control("COMMIT")
        isInTransaction = false
    }

    func rollback() {
        isInTransaction = false
        if !isLost { try? control("ROLLBACK") }
    }

    /// As plain text: not every server can prepare these.
    func control(_ text: String) throws(Failure) {
        guard mysql_real_query(handle, text, UInt(text.utf8.count)) == 0 else {
            throw failure(MySQLConnection.error(of: handle, in: text))
        }
    }
}

extension MySQLConnection {
    private static func setOptions(of handle: UnsafeMutablePointer<MYSQL>, _ address: MySQLAddress) {
        func set(_ option: mysql_option, _ number: UInt32) {
            _ = withUnsafePointer(to: number) { mysql_options(handle, option, $0) }
        }
        func set(_ option: mysql_option, _ text: String?) {
            if let text { _ = mysql_options(handle, option, text) }
        }
        func set(_ option: mysql_option, _ truth: Bool) {
            _ = withUnsafePointer(to: my_bool(truth ? 1 : 0)) { mysql_options(handle, option, $0) }
        }
        set(MYSQL_SET_CHARSET_NAME, "utf8mb4")
        // A server must not be able to ask for our files.
        set(MYSQL_OPT_LOCAL_INFILE, UInt32(0))
        set(MYSQL_OPT_CONNECT_TIMEOUT, UInt32(5))
        // Longer than any statement, shorter than an operator's patience with a server that has vanished.
        set(MYSQL_OPT_READ_TIMEOUT, UInt32(300))
        set(MYSQL_OPT_WRITE_TIMEOUT, UInt32(60))
        set(MYSQL_OPT_SSL_ENFORCE, address.tls != .off)
        set(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, address.tls == .verify)
        set(MYSQL_OPT_SSL_CA, address.ca)
        set(MYSQL_OPT_SSL_CERT, address.cert)
        set(MYSQL_OPT_SSL_KEY, address.key)
    }

    /// The server's collation that compares bytes and does not ignore blanks at the end, as SQLite does.
    private static func collation(of handle: UnsafeMutablePointer<MYSQL>) -> String {
        if mariadb_connection(handle) != 0 { return "utf8mb4_nopad_bin" }
        let version = mysql_get_server_info(handle).map { String(cString: $0) } ?? ""
        return version.contains("TiDB") ? "utf8mb4_bin" : "utf8mb4_0900_bin"
    }

    /// What would otherwise depend on how the server happens to be configured.
    private func setUp() throws(Failure) {
        guard case .mysql(let collation) = dialect else { return }
        let mode = "STRICT_ALL_TABLES,ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION"
        try control("SET NAMES utf8mb4 COLLATE \(collation)")
        try control("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        try control(
            "SET SESSION sql_mode = '\(mode)', time_zone = '+00:00', innodb_lock_wait_timeout = 10, autocommit = 1")
    }
}

extension MySQLConnection {
    static func error(of handle: UnsafeMutablePointer<MYSQL>, in statement: String) -> EngineError {
        EngineError(code: Int(mysql_errno(handle)), message: String(cString: mysql_error(handle)), statement: statement)
    }

    /// What an error of the server's means for the caller, and for this connection.
    func failure(_ error: EngineError) -> Failure {
        let trouble = MySQLTrouble(error)
        if trouble == .lost { isLost = true }
        if trouble == .lost || trouble == .undone { isInTransaction = false }
        switch trouble {
        case .lost: return .unavailable("The connection to the database is lost. Please try again.", cause: error)
        case .undone: return .unavailable("Others are changing the same things. Please try again.", cause: error)
        case .busy: return .unavailable("The database cannot be written or read just now.", cause: error)
        case .unique: return .violated(uniqueViolation(error))
        case .foreignKey: return .violated(violation(.foreignKey, error))
        case .check: return .violated(violation(.check, error))
        case .tooLarge: return .invalid("A value is larger than there is room for: \(error.message).")
        case .misunderstood: return .bug("The database did not understand.", cause: error)
        }
    }

    private func violation(_ kind: Violation.Kind, _ error: EngineError) -> Violation {
        Violation(kind: kind, table: "", columns: [], description: error.message)
    }

    /// "Duplicate entry 'a-novel' for key 'one_title'": the key's columns have to be asked for.
    private func uniqueViolation(_ error: EngineError) -> Violation {
        let table = error.statement.tableWrittenTo
        let name = error.message.split(separator: "'").last?.split(separator: ".").last
        let columns = columns(of: name.map(String.init) ?? "", in: table)
        return Violation(kind: .unique, table: table, columns: columns, description: error.message)
    }

    private func columns(of key: String, in table: String) -> [String] {
        if let known = uniqueKeys["\(table).\(key)"] { return known }
        let query: SQL = """
            SELECT column_name AS name FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = \(table) AND index_name = \(key) ORDER BY seq_in_index
            """
        let columns = try? Transaction(self).rows(query) { try $0.text("name") }
        uniqueKeys["\(table).\(key)"] = columns
        return columns ?? []
    }
}

/// The kinds of things that a MySQL server can complain of.
enum MySQLTrouble: Equatable {
    /// Nothing can be said or heard any more.
    case lost
    /// The transaction was given up so that another can go on; it may be tried again.
    case undone
    case busy, unique, foreignKey, check, tooLarge, misunderstood

    init(_ error: EngineError) {
        self =
            switch error.code {
            case 2_000...2_029, 2_055, 1_053, 1_152...1_161, 1_927: .lost
            // Lock waits and deadlocks, rows changed since the snapshot, and TiDB's conflicts.
            case 1_205, 1_213, 1_020, 1_615, 8_002, 8_022, 8_028, 9_007: .undone
            // Too many connections, disk full, read-only, or a cluster node that is out of its cluster.
            case 1_021, 1_037, 1_038, 1_040, 1_041, 1_047, 1_114, 1_203, 1_226, 1_290, 1_836: .busy
            case 1_062, 1_586: .unique
            case 1_216, 1_217, 1_451, 1_452: .foreignKey
            case 3_819, 4_025: .check
            case 1_264, 1_406: .tooLarge
            default: .misunderstood
            }
    }
}

extension String {
    /// The table of an INSERT or UPDATE.
    fileprivate var tableWrittenTo: String {
        let words = split { $0.isWhitespace || $0 == "(" }
        let mark = words.firstIndex { ["INTO", "UPDATE"].contains($0.uppercased()) }
        guard let mark, mark + 1 < words.count else { return "" }
        return words[mark + 1].filter { $0 != "\"" }
    }
}
