import Base
import CSQLite

/// A prepared statement of SQLite's. Confined to its connection's thread.
final class SQLiteStatement: Statement {
    let text: String
    private(set) var columns: ColumnNames
    /// Whether nobody is stepping through it just now.
    private(set) var isFree = true
    /// Whether it was once given up for taking long.
    private(set) var isLong = false
    private let handle: OpaquePointer
    private let connection: OpaquePointer
    private var changesBefore: Int32 = 0
    private var stepsBefore: Int32 = 0

    init(_ handle: OpaquePointer, of connection: OpaquePointer, text: String) {
        self.handle = handle
        self.connection = connection
        self.text = text
        columns = SQLiteStatement.names(handle)
    }

    deinit { sqlite3_finalize(handle) }

    private static func names(_ handle: OpaquePointer) -> ColumnNames {
        let names = (0..<sqlite3_column_count(handle)).map { place in
            sqlite3_column_name(handle, place).map { Array(String(cString: $0).utf8) } ?? []
        }
        return ColumnNames(names)
    }

    var changes: Int { Int(sqlite3_total_changes(connection) - changesBefore) }

    func start(_ values: [SQL.Value]) throws(Failure) {
        isFree = false
        changesBefore = sqlite3_total_changes(connection)
        stepsBefore = steps
        guard Int(sqlite3_bind_parameter_count(handle)) == values.count else {
            throw .bug("\(values.count) values for the places in: \(text)")
        }
        var place: Int32 = 0
        for value in values {
            place += 1
            let result = bind(value, at: place)
            guard result == SQLITE_OK else { throw SQLiteConnection.failure(result, in: text, of: connection) }
        }
    }

    private func bind(_ value: SQL.Value, at place: Int32) -> Int32 {
        switch value {
        case .null: return sqlite3_bind_null(handle, place)
        case .integer(let value): return sqlite3_bind_int64(handle, place, value)
        case .real(let value): return sqlite3_bind_double(handle, place, value)
        case .text(var value):
            return value.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) {
                    // An empty text may have no address, and no address would be NULL.
                    let start = $0.baseAddress
                    return start == nil
                        ? sqlite3_bind_text(handle, place, "", 0, transient)
                        : sqlite3_bind_text64(handle, place, start, UInt64($0.count), transient, UInt8(SQLITE_UTF8))
                }
            }
        case .blob(let value):
            if value.isEmpty { return sqlite3_bind_zeroblob(handle, place, 0) }
            return sqlite3_bind_blob64(handle, place, value, UInt64(value.count), transient)
        }
    }

    /// Of SQLite's machine, in all of its runs.
    private var steps: Int32 { sqlite3_stmt_status(handle, SQLITE_STMTSTATUS_VM_STEP, 0) }

    func step() throws(Failure) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW:
            if Int(sqlite3_column_count(handle)) != columns.count { columns = SQLiteStatement.names(handle) }
            return true
        case SQLITE_DONE: return false
        case SQLITE_INTERRUPT:
            // Many that are short can make a long read, too: then it is not the fault of the last.
            isLong = steps &- stepsBefore > SQLiteConnection.stepsOfARead / 4
            throw SQLiteConnection.failure(SQLITE_INTERRUPT, in: text, of: connection)
        case let code: throw SQLiteConnection.failure(code, in: text, of: connection)
        }
    }

    /// Lets go of what was bound, too: it may be large, or a secret.
    func finish() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
        isFree = true
    }
}

extension SQLiteStatement {
    func kind(at place: Int) -> ValueKind {
        switch sqlite3_column_type(handle, Int32(place)) {
        case SQLITE_INTEGER: .integer
        case SQLITE_FLOAT: .real
        case SQLITE_TEXT: .text
        case SQLITE_BLOB: .blob
        default: .null
        }
    }

    func integer(at place: Int) -> Int64 { sqlite3_column_int64(handle, Int32(place)) }

    func real(at place: Int) -> Double { sqlite3_column_double(handle, Int32(place)) }

    func text(at place: Int) -> String {
        guard let start = sqlite3_column_text(handle, Int32(place)) else { return "" }
        let bytes = UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, Int32(place))))
        return String(decoding: bytes, as: UTF8.self)
    }

    func blob(at place: Int) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, Int32(place)) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, Int32(place)))))
    }

    func table(at place: Int) -> String {
        sqlite3_column_table_name(handle, Int32(place)).map { String(cString: $0) } ?? "(expression)"
    }
}

/// Tells SQLite to copy what is bound (its macro doesn't come across from C).
private var transient: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }
