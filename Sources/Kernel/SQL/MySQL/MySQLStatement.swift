import Base
import CMariaDB

/// A statement that a MySQL server has prepared. Its whole result is fetched at once, so that others can run meanwhile.
final class MySQLStatement: Statement {
    let text: String
    private(set) var columns = ColumnNames([])
    private(set) var changes = 0
    /// Whether nobody is stepping through it just now.
    private(set) var isFree = true
    private let handle: UnsafeMutablePointer<MYSQL_STMT>
    /// The connection outlives its statements: it clears its cache before it closes.
    private unowned let connection: MySQLConnection
    private var fields: [Field] = []
    private var cells: Cells?

    private struct Field {
        let kind: ValueKind
        let table: String
    }

    init(_ text: String, of connection: MySQLConnection, _ server: UnsafeMutablePointer<MYSQL>) throws(Failure) {
        guard let handle = mysql_stmt_init(server) else {
            throw connection.failure(MySQLConnection.error(of: server, in: text))
        }
        self.handle = handle
        self.text = text
        self.connection = connection
        let words = connection.dialect.words(for: text)
        guard mysql_stmt_prepare(handle, words, UInt(words.utf8.count)) == 0 else { throw failure() }
        describe()
    }

    deinit { mysql_stmt_close(handle) }

    private func failure() -> Failure {
        let message = String(cString: mysql_stmt_error(handle))
        return connection.failure(EngineError(code: Int(mysql_stmt_errno(handle)), message: message, statement: text))
    }

    /// Learns what columns come back, and makes room for them.
    private func describe() {
        guard let metadata = mysql_stmt_result_metadata(handle) else { return }
        defer { mysql_free_result(metadata) }
        let count = Int(mysql_num_fields(metadata))
        let descriptions = UnsafeBufferPointer(start: mysql_fetch_fields(metadata), count: count)
        columns = ColumnNames(descriptions.map { Array(String(cString: $0.name).utf8) })
        fields = descriptions.map { Field(kind: ValueKind($0), table: $0.table.map { String(cString: $0) } ?? "") }
        cells = Cells(fields.map(\.kind))
    }

    func start(_ values: [SQL.Value]) throws(Failure) {
        isFree = false
        guard Int(mysql_stmt_param_count(handle)) == values.count else {
            throw .bug("\(values.count) values for the places in: \(text)")
        }
        let parameters = Parameters(values)
        let executed = withExtendedLifetime(parameters) {
            (values.isEmpty || mysql_stmt_bind_param(handle, parameters.binds) == 0) && mysql_stmt_execute(handle) == 0
        }
        guard executed else { throw failure() }
        changes = Int(truncatingIfNeeded: mysql_stmt_affected_rows(handle))
        // A table may have got another column since.
        if Int(mysql_stmt_field_count(handle)) != fields.count { describe() }
        guard let cells else { return }
        guard mysql_stmt_bind_result(handle, cells.binds) == 0, mysql_stmt_store_result(handle) == 0 else {
            throw failure()
        }
    }

    func step() throws(Failure) -> Bool {
        guard cells != nil else { return false }
        switch mysql_stmt_fetch(handle) {
        // Texts are always "truncated": they are fetched one by one, when they are asked for.
        case 0, MYSQL_DATA_TRUNCATED: return true
        case MYSQL_NO_DATA: return false
        default: throw failure()
        }
    }

    func finish() {
        mysql_stmt_free_result(handle)
        isFree = true
    }
}

extension MySQLStatement {
    func kind(at place: Int) -> ValueKind { cells?.isNull(at: place) == false ? fields[place].kind : .null }
    func integer(at place: Int) -> Int64 { cells?.integer(at: place) ?? 0 }
    func real(at place: Int) -> Double { cells?.real(at: place) ?? 0 }
    func table(at place: Int) -> String { fields[place].table.isEmpty ? "(expression)" : fields[place].table }

    func text(at place: Int) -> String {
        let count = cells?.length(at: place) ?? 0
        return String(unsafeUninitializedCapacity: count) { fetch(place, into: $0.baseAddress, count) }
    }

    func blob(at place: Int) -> [UInt8] {
        let count = cells?.length(at: place) ?? 0
        return Array(unsafeUninitializedCapacity: count) { buffer, filled in
            filled = fetch(place, into: buffer.baseAddress, count)
        }
    }

    private func fetch(_ place: Int, into buffer: UnsafeMutablePointer<UInt8>?, _ count: Int) -> Int {
        guard count > 0 else { return 0 }
        var length: UInt = 0
        return withUnsafeMutablePointer(to: &length) { length in
            var bind = MYSQL_BIND()
            bind.buffer_type = MYSQL_TYPE_BLOB
            bind.buffer = UnsafeMutableRawPointer(buffer)
            bind.buffer_length = UInt(count)
            bind.length = length
            return mysql_stmt_fetch_column(handle, &bind, UInt32(place), 0) == 0 ? count : 0
        }
    }
}

extension ValueKind {
    fileprivate init(_ field: MYSQL_FIELD) {
        let binaryCharacters: UInt32 = 63
        self =
            switch field.type {
            case MYSQL_TYPE_TINY, MYSQL_TYPE_SHORT, MYSQL_TYPE_LONG, MYSQL_TYPE_LONGLONG, MYSQL_TYPE_INT24: .integer
            case MYSQL_TYPE_FLOAT, MYSQL_TYPE_DOUBLE: .real
            // What SUM answers, of whole numbers too.
            case MYSQL_TYPE_DECIMAL, MYSQL_TYPE_NEWDECIMAL: field.decimals == 0 ? .integer : .real
            case MYSQL_TYPE_NULL: .null
            case MYSQL_TYPE_TINY_BLOB, MYSQL_TYPE_MEDIUM_BLOB, MYSQL_TYPE_LONG_BLOB, MYSQL_TYPE_BLOB,
                MYSQL_TYPE_VAR_STRING, MYSQL_TYPE_STRING, MYSQL_TYPE_VARCHAR:
                field.charsetnr == binaryCharacters ? .blob : .text
            default: .text
            }
    }
}
