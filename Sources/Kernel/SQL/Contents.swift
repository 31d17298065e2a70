package import Base

/// A table, as the database itself tells of it.
package struct StoredTable: Hashable, Sendable {
    package let name: String
    package let columns: [String]
    /// The number that its serial column gives next, if it has one and ever gave any.
    package let next: Int?
    /// What its rows are told apart by.
    fileprivate let key: [String]

    package init(name: String, columns: [String], next: Int?) {
        self.name = name
        self.columns = columns
        self.next = next
        key = []
    }

    fileprivate init(name: String, columns: [String], next: Int?, key: [String]) {
        self.name = name
        self.columns = columns
        self.next = next
        self.key = key
    }

    fileprivate static func quoted(_ names: [String]) -> String {
        names.map { "\"\($0)\"" }.joined(separator: ", ")
    }
}

/// Everything that a database holds, as values that are the same on every engine: what one tells another can take in.
extension Transaction {
    package func tables() throws(Failure) -> [StoredTable] {
        let tables = connection.dialect.isSQLite ? try tablesOfSQLite() : try tablesOfMySQL()
        return tables.sorted { $0.name < $1.name }
    }

    private func tablesOfSQLite() throws(Failure) -> [StoredTable] {
        let names = try rows(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
        ) { try $0.text("name") }
        let hasSerials = try exists("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")
        var tables: [StoredTable] = []
        for name in names {
            let columns = try rows("SELECT name FROM pragma_table_info(\(name)) ORDER BY cid") { try $0.text("name") }
            let key = try rows("SELECT name FROM pragma_table_info(\(name)) WHERE pk > 0 ORDER BY pk") {
                try $0.text("name")
            }
            let last = hasSerials ? try count("SELECT seq FROM sqlite_sequence WHERE name = \(name)") : 0
            tables.append(StoredTable(name: name, columns: columns, next: last > 0 ? last + 1 : nil, key: key))
        }
        return tables
    }

    private func tablesOfMySQL() throws(Failure) -> [StoredTable] {
        let all = try rows(
            """
            SELECT table_name AS name, auto_increment AS next FROM information_schema.tables
            WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
            """
        ) { (name: try $0.text("name"), next: try $0.optionalInteger("next") ?? 1) }
        var tables: [StoredTable] = []
        for (name, next) in all {
            let columns = try rows(
                """
                SELECT column_name AS name FROM information_schema.columns
                WHERE table_schema = DATABASE() AND table_name = \(name) ORDER BY ordinal_position
                """
            ) { try $0.text("name") }
            let key = try rows(
                """
                SELECT column_name AS name FROM information_schema.key_column_usage
                WHERE table_schema = DATABASE() AND table_name = \(name) AND constraint_name = 'PRIMARY'
                ORDER BY ordinal_position
                """
            ) { try $0.text("name") }
            tables.append(StoredTable(name: name, columns: columns, next: next > 1 ? next : nil, key: key))
        }
        return tables
    }

    /// A server's answer is fetched as a whole, so that is never more than so many rows.
    private static let rowsAtOnce = 10_000

    /// Each row of a table in the order of its key, as values in the order of its columns.
    package func each(of table: StoredTable, _ body: ([SQL.Value]) throws -> Void) throws(Failure) {
        let order = table.key.isEmpty ? "" : "ORDER BY \(StoredTable.quoted(table.key)) "
        let text = "SELECT \(StoredTable.quoted(table.columns)) FROM \"\(table.name)\" \(order)LIMIT ? OFFSET ?"
        var told = 0
        while true {
            var count = 0
            let page: [SQL.Value] = [.integer(Int64(Transaction.rowsAtOnce)), .integer(Int64(told))]
            try each(SQL(text: text, values: page)) { row in
                count += 1
                try body(row.values)
            }
            told += count
            guard count == Transaction.rowsAtOnce else { return }
        }
    }

    /// Takes every row out of the tables, and those in that `fill` puts, in whatever order: what refers to what need be
    /// right only in the end.
    package func refill(_ tables: [StoredTable], _ fill: () throws -> Void) throws(Failure) {
        let isServer = !connection.dialect.isSQLite
        try run(isServer ? "SET SESSION foreign_key_checks = 0" : "PRAGMA defer_foreign_keys = ON")
        defer { if isServer { _ = try? run("SET SESSION foreign_key_checks = 1") } }
        for table in tables { try run(SQL(text: "DELETE FROM \"\(table.name)\"", values: [])) }
        do { try fill() } catch { throw Failure(error) }
    }

    package func put(_ values: [SQL.Value], into table: StoredTable) throws(Failure) {
        guard values.count == table.columns.count else {
            throw .invalid("A row of \(table.name) has \(values.count) values for \(table.columns.count) columns.")
        }
        let places = values.map { _ in "?" }.joined(separator: ", ")
        let text = "INSERT INTO \"\(table.name)\" (\(StoredTable.quoted(table.columns))) VALUES (\(places))"
        try run(SQL(text: text, values: values))
    }

    /// Lets a serial column go on where it was. A server commits what was done before, as with every change of a table.
    package func goOn(with table: StoredTable) throws(Failure) {
        guard let next = table.next else { return }
        guard connection.dialect.isSQLite else {
            try run(SQL(text: "ALTER TABLE \"\(table.name)\" AUTO_INCREMENT = \(next)", values: []))
            return
        }
        try run("DELETE FROM sqlite_sequence WHERE name = \(table.name)")
        try run("INSERT INTO sqlite_sequence (name, seq) VALUES (\(table.name), \(next - 1))")
    }

    /// Leaves no table. A server commits each.
    package func drop(_ tables: [StoredTable]) throws(Failure) {
        try refill([]) {
            for table in tables { try run(SQL(text: "DROP TABLE \"\(table.name)\"", values: [])) }
        }
    }
}
