import Base
import Glibc
import SQL

/// What a database holds, as a file of lines of JSON: for each table one with its name and columns, and one for each row.
/// It is the same whatever engine the rows come from, so that they can go to another.
enum KeptRows {
    /// Where a table's line says how far each service's tables had come.
    private static let history = "schema_migration"

    // MARK: There

    /// Everything as it is at one moment, whoever writes meanwhile.
    ///
    /// - Returns: how many rows there are.
    static func keep(_ database: Database, in path: String) async throws(Failure) -> Int {
        try await database.read { tx in
            // Begun anew when the read is.
            let file = try LineFile(writing: path)
            let tables = try tx.tables()
            guard tables.contains(where: { $0.name == history }) else {
                throw Failure.invalid("There is no cloud in the database: it has no tables.")
            }
            var count = 0
            for table in tables.filter({ $0.name == history }) + tables.filter({ $0.name != history }) {
                try file.write(heading(table))
                try tx.each(of: table) { values in
                    count += 1
                    try file.write(line(values))
                }
            }
            try file.finish()
            return count
        }
    }

    private static func heading(_ table: StoredTable) -> String {
        let json: JSON = ["table": .string(table.name), "columns": JSON(table.columns), "next": JSON(table.next)]
        return json.text
    }

    private static func line(_ values: [SQL.Value]) -> String {
        var json = JSONWriter()
        json.array { json in
            for value in values {
                switch value {
                case .null: json.null()
                case .integer(let number): json.value(number)
                case .real(let number): json.value(number)
                case .text(let text): json.value(text)
                case .blob(let bytes): json.object { $0.put("hex", Hex.text(bytes)) }
                }
            }
        }
        return json.finishText()
    }

    // MARK: And back

    /// Makes the tables as they were in a database that has none, and fills them: all of it, or there are none again.
    static func restore(_ database: Database, from path: String, at now: Moment) async throws(Failure) {
        let past = try past(in: path)
        let before = try await database.read { try $0.tables() }
        guard before.isEmpty else {
            throw .conflict(
                "The database isn't empty: there is the table \(before[0].name) in it, and \(before.count - 1) more. "
                    + "Name an empty one, or drop what is there.")
        }
        do throws(Failure) {
            try await Cloud.migrate(database, to: past, at: now)
            try await database.write { tx in
                let tables = try tx.tables()
                try tx.refill(tables) { try fill(tx, tables, from: path) }
            }
            // By itself, since servers make no change of a table part of a transaction.
            let told = try headings(in: path)
            try await database.write(repeatable: false) { tx in for table in told { try tx.goOn(with: table) } }
        } catch {
            _ = try? await database.write(repeatable: false) { try $0.drop(try $0.tables()) }
            throw error
        }
    }

    /// The names of the steps that each service's tables had been through.
    private static func past(in path: String) throws(Failure) -> [String: [String]] {
        var steps: [(service: String, position: Int, name: String)] = []
        let file = try LineFile(reading: path)
        guard let line = try file.read(), let table = try heading(of: JSONReader.read(line)), table.name == history,
            let service = table.columns.firstIndex(of: "service"), let name = table.columns.firstIndex(of: "name"),
            let position = table.columns.firstIndex(of: "position"),
            let applied = table.columns.firstIndex(of: "applied_at")
        else { throw .invalid("\(path) doesn't say how its tables came to be.") }
        while let line = try file.read(), case .array(let values) = try JSONReader.read(line) {
            guard values.count == table.columns.count, let service = values[service].string,
                let position = values[position].integer, let name = values[name].string
            else { throw .invalid("\(path) doesn't say how its tables came to be.") }
            guard !values[applied].isNull else {
                throw .conflict("The backup was made while the tables of \(service) were being brought up to date.")
            }
            steps.append((service: service, position: Int(position), name: name))
        }
        return Dictionary(grouping: steps, by: \.service).mapValues { steps in
            steps.sorted { $0.position < $1.position }.map(\.name)
        }
    }

    private static func headings(in path: String) throws(Failure) -> [StoredTable] {
        var tables: [StoredTable] = []
        let file = try LineFile(reading: path)
        while let line = try file.read() {
            guard line.first == UInt8(ascii: "{"), let table = try heading(of: JSONReader.read(line)) else { continue }
            tables.append(table)
        }
        return tables
    }

    private static func heading(of json: JSON) throws(Failure) -> StoredTable? {
        guard case .object = json else { return nil }
        let columns = try json.list("columns") { json throws(Failure) in
            guard let name = json.string else { throw .invalid("A column has no name.") }
            return name
        }
        return StoredTable(name: try json.text("table"), columns: columns, next: json["next"]?.integer.map { Int($0) })
    }

    private static func fill(_ tx: Transaction, _ known: [StoredTable], from path: String) throws {
        let file = try LineFile(reading: path)
        var table: StoredTable?
        while let line = try file.read() {
            let json = try JSONReader.read(line)
            if let heading = try heading(of: json) {
                // Names become part of statements, so they have to be those that our own tables have.
                let own = known.first { $0.name == heading.name }
                guard let own, Set(heading.columns).isSubset(of: own.columns) else {
                    throw Failure.invalid("\(path) has a table that no version knows: \(heading.name).")
                }
                table = heading
                continue
            }
            guard let table, case .array(let values) = json else {
                throw Failure.invalid("\(path) has a line that is neither a table nor a row.")
            }
            try tx.put(try values.map(value), into: table)
        }
    }

    private static func value(_ json: JSON) throws(Failure) -> SQL.Value {
        switch json {
        case .null: return .null
        case .integer(let number): return .integer(number)
        case .number(let number): return .real(number)
        case .string(let text): return .text(text)
        case .object:
            if let bytes = Hex.bytes(try json.text("hex")) { return .blob(bytes) }
        case .bool, .array: break
        }
        throw .invalid("A row has a value that no column can have: \(json.kind).")
    }
}

/// A file of lines, written or read one after the other.
private final class LineFile {
    private let path: String
    private let file: UnsafeMutablePointer<FILE>
    private var line: UnsafeMutablePointer<CChar>?
    private var room = 0

    init(writing path: String) throws(Failure) {
        unlink(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0, let file = fdopen(descriptor, "w") else { throw LineFile.failure("write", path) }
        (self.path, self.file) = (path, file)
    }

    init(reading path: String) throws(Failure) {
        guard let file = fopen(path, "re") else { throw LineFile.failure("read", path) }
        (self.path, self.file) = (path, file)
    }

    deinit {
        free(line)
        fclose(file)
    }

    func write(_ text: String) throws(Failure) {
        guard fputs(text, file) >= 0, fputc(0x0A, file) >= 0 else { throw LineFile.failure("write", path) }
    }

    /// Nothing is lost to a disk that is full.
    func finish() throws(Failure) {
        guard fflush(file) == 0, fsync(fileno(file)) == 0 else { throw LineFile.failure("write", path) }
    }

    /// Nil at the end.
    func read() throws(Failure) -> [UInt8]? {
        let count = getline(&line, &room, file)
        guard count >= 0, let line else {
            guard feof(file) != 0 else { throw LineFile.failure("read", path) }
            return nil
        }
        return Array(UnsafeRawBufferPointer(start: line, count: count))
    }

    private static func failure(_ what: String, _ path: String) -> Failure {
        .unavailable("Cannot \(what) \(path): \(String(cString: strerror(errno))).")
    }
}
