/// What the engines spell differently, as pieces to interpolate. The engine puts its own words in when it prepares.
///
/// What both understand needs no piece: VARCHAR(n), MEDIUMTEXT, LONGBLOB, BIGINT, BOOLEAN, DOUBLE, `LIMIT … OFFSET …`,
/// `||`, "quoted" names, table-level FOREIGN KEY and CHECK. Texts compare byte by byte on both.
extension SQL {
    /// A column that numbers its rows, and the table's primary key: `position \(.serial)`.
    package static let serial: SQL = "{serial}"

    /// Behind a long text column in an index, which one engine wants cut: `CREATE INDEX … (url\(.prefix))`.
    package static let prefix: SQL = "{prefix}"

    /// Behind `DROP INDEX name`, for the engine that wants to know whose it is.
    package static func of(_ table: StaticString) -> SQL { SQL(text: "{of \(table)}", values: []) }

    /// Keeps others from changing the rows until the transaction ends: `SELECT … WHERE id = \(id) \(.forUpdate)`.
    package static let forUpdate: SQL = "{for update}"

    /// Behind an INSERT: where `keys` are taken already, `columns` of that row get the new values (none: it stays).
    package static func onConflict(_ keys: [StaticString], update columns: [StaticString] = []) -> SQL {
        SQL(text: "{upsert \(names(keys)) set \(names(columns))}", values: [])
    }

    private static func names(_ names: [StaticString]) -> String { names.map(\.description).joined(separator: ",") }
}

/// One engine's words for the pieces above.
enum Dialect: Sendable {
    case sqlite
    /// The collation differs between MariaDB and MySQL: both have one that compares bytes and pads nothing.
    case mysql(collation: String)

    var isSQLite: Bool { if case .sqlite = self { true } else { false } }

    /// The text with this engine's words for what stands in braces. Done once for each prepared statement.
    func words(for text: String) -> String {
        let whole = options.isEmpty || !text.isTableCreation ? text : text + options
        guard whole.utf8.contains(UInt8(ascii: "{")) else { return whole }
        var result = ""
        var rest = whole[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            result += rest[..<open]
            result += word(for: rest[rest.index(after: open)..<close]) ?? String(rest[open...close])
            rest = rest[rest.index(after: close)...]
        }
        return result + rest
    }

    private func word(for piece: Substring) -> String? {
        switch (piece, self) {
        case ("serial", .sqlite): return "INTEGER PRIMARY KEY AUTOINCREMENT"
        case ("serial", .mysql): return "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY"
        case ("prefix", .sqlite), ("for update", .sqlite): return ""
        case ("prefix", .mysql): return "(255)"
        case ("for update", .mysql): return "FOR UPDATE"
        case (_, .sqlite) where piece.hasPrefix("of "): return ""
        case (_, .mysql) where piece.hasPrefix("of "): return "ON \(piece.dropFirst(3))"
        default: return upsert(piece.split(separator: " ", omittingEmptySubsequences: false))
        }
    }

    private func upsert(_ words: [Substring]) -> String? {
        guard words.count == 4, words[0] == "upsert", words[2] == "set" else { return nil }
        let keys = words[1]
        let columns = words[3].split(separator: ",")
        switch self {
        case .sqlite where columns.isEmpty: return "ON CONFLICT (\(keys)) DO NOTHING"
        case .sqlite:
            let changes = columns.map { "\($0) = excluded.\($0)" }
            return "ON CONFLICT (\(keys)) DO UPDATE SET " + changes.joined(separator: ", ")
        case .mysql:
            let kept = keys.split(separator: ",").prefix(1).map { "\($0) = \($0)" }
            let changes = columns.isEmpty ? kept : columns.map { "\($0) = VALUES(\($0))" }
            return "ON DUPLICATE KEY UPDATE " + changes.joined(separator: ", ")
        }
    }

    /// What a new table is given, so that it does not depend on how the server happens to be set up.
    private var options: String {
        guard case .mysql(let collation) = self else { return "" }
        return " ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE \(collation)"
    }
}

extension String {
    fileprivate var isTableCreation: Bool {
        let words = split(maxSplits: 2, whereSeparator: \.isWhitespace).prefix(2)
        return words.map { $0.uppercased() } == ["CREATE", "TABLE"]
    }
}
