import Base

/// What a value is, before it is read.
enum ValueKind { case null, integer, real, text, blob }

/// A connection of either engine. It belongs to one thread.
protocol Connection: AnyObject {
    /// The statement for this text, prepared earlier if it can be.
    func prepared(_ text: String) throws(Failure) -> any Statement
    /// Begins and ends transactions and savepoints.
    func control(_ text: String) throws(Failure)
    /// The number that the last INSERT was given by a serial column.
    var lastSerial: Int64 { get }
    /// False as soon as the engine has given up the transaction as a whole, by itself.
    var isInTransaction: Bool { get }
    var dialect: Dialect { get }
}

/// A prepared statement of either engine: started, stepped from row to row, and finished.
protocol Statement: AnyObject {
    var text: String { get }
    var columns: ColumnNames { get }
    /// How many rows it has changed.
    var changes: Int { get }

    func start(_ values: [SQL.Value]) throws(Failure)
    /// Whether there is another row.
    func step() throws(Failure) -> Bool
    func finish()

    func kind(at place: Int) -> ValueKind
    func integer(at place: Int) -> Int64
    func real(at place: Int) -> Double
    func text(at place: Int) -> String
    func blob(at place: Int) -> [UInt8]
    /// The name of the table that the column comes from.
    func table(at place: Int) -> String
}

extension Connection {
    /// Runs what answers no rows.
    @discardableResult
    func run(_ text: String, _ values: [SQL.Value] = []) throws(Failure) -> Int {
        let statement = try prepared(text)
        defer { statement.finish() }
        try statement.start(values)
        while try statement.step() {}
        return statement.changes
    }
}

/// The statements that a connection has prepared, the most recently used ones, by their text.
///
/// Bounded, because each costs some kilobytes here and in the server: 200 are more than a service uses every day.
struct StatementCache<Prepared: AnyObject> {
    private struct Entry {
        let statement: Prepared
        var usedAt: UInt64
    }

    /// A text, told from others by its length and a few of its letters, which nearly always differ. All of it is compared
    /// only with the one that is found.
    private struct Key: Hashable {
        let text: String

        func hash(into hasher: inout Hasher) {
            let letters = text.utf8
            hasher.combine(letters.count)
            let samples = letters.withContiguousStorageIfAvailable { letters -> (UInt64, UInt64) in
                guard letters.count >= 16 else { return (0, 0) }
                let bytes = UnsafeRawBufferPointer(letters)
                return (
                    bytes.loadUnaligned(fromByteOffset: letters.count / 2, as: UInt64.self),
                    bytes.loadUnaligned(fromByteOffset: letters.count - 8, as: UInt64.self)
                )
            }
            hasher.combine(samples?.0 ?? 0)
            hasher.combine(samples?.1 ?? 0)
        }
    }

    let limit: Int
    private var entries: [Key: Entry] = [:]
    private var uses: UInt64 = 0

    init(limit: Int = 200) { self.limit = limit }

    var count: Int { entries.count }

    mutating func find(_ text: String) -> Prepared? {
        guard let index = entries.index(forKey: Key(text: text)) else { return nil }
        uses += 1
        entries.values[index].usedAt = uses
        return entries.values[index].statement
    }

    mutating func keep(_ statement: Prepared, for text: String) {
        if entries.count >= limit, let oldest = entries.min(by: { $0.value.usedAt < $1.value.usedAt }) {
            entries.removeValue(forKey: oldest.key)
        }
        uses += 1
        entries[Key(text: text)] = Entry(statement: statement, usedAt: uses)
    }

    mutating func clear() { entries = [:] }
}
