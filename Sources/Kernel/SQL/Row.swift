package import Base
import Glibc

/// A type that is one row of a table.
package protocol Record: Sendable {
    init(_ row: borrowing Row) throws(Failure)
}

/// The row that a query has arrived at, read by column name.
///
/// It cannot be kept: the next row takes its place. A column that is not there, or holds something else than what is
/// asked for, is a bug of ours and says which one it is.
package struct Row: ~Copyable {
    private let statement: any Statement
    private let names: ColumnNames

    init(_ statement: any Statement) {
        self.statement = statement
        names = statement.columns
    }
}

extension Row {
    package func text(_ column: StaticString) throws(Failure) -> String { try some(optionalText(column), column) }
    package func integer(_ column: StaticString) throws(Failure) -> Int { try some(optionalInteger(column), column) }
    package func real(_ column: StaticString) throws(Failure) -> Double { try some(optionalReal(column), column) }
    package func bool(_ column: StaticString) throws(Failure) -> Bool { try integer(column) != 0 }
    package func blob(_ column: StaticString) throws(Failure) -> [UInt8] { try some(optionalBlob(column), column) }
    package func moment(_ column: StaticString) throws(Failure) -> Moment { try some(optionalMoment(column), column) }
    package func id<Thing>(_ column: StaticString) throws(Failure) -> ID<Thing> { ID(try text(column)) }

    /// An enum of texts. A text that it doesn't know is a bug: constraints and migrations keep such rows out.
    package func value<Value: RawRepresentable<String>>(_ column: StaticString) throws(Failure) -> Value {
        try some(optionalValue(column), column)
    }
}

extension Row {
    package func optionalText(_ column: StaticString) throws(Failure) -> String? {
        let place = try place(of: column)
        switch statement.kind(at: place) {
        case .text: return statement.text(at: place)
        case .null: return nil
        case let other: throw wrong(column, at: place, "is \(other), not text")
        }
    }

    package func optionalInteger(_ column: StaticString) throws(Failure) -> Int? {
        let place = try place(of: column)
        switch statement.kind(at: place) {
        case .integer: return Int(statement.integer(at: place))
        case .null: return nil
        case let other: throw wrong(column, at: place, "is \(other), not an integer")
        }
    }

    package func optionalReal(_ column: StaticString) throws(Failure) -> Double? {
        let place = try place(of: column)
        switch statement.kind(at: place) {
        case .real: return statement.real(at: place)
        case .integer: return Double(statement.integer(at: place))
        case .null: return nil
        case let other: throw wrong(column, at: place, "is \(other), not a number")
        }
    }

    package func optionalBlob(_ column: StaticString) throws(Failure) -> [UInt8]? {
        let place = try place(of: column)
        switch statement.kind(at: place) {
        case .blob: return statement.blob(at: place)
        case .null: return nil
        case let other: throw wrong(column, at: place, "is \(other), not bytes")
        }
    }

    package func optionalBool(_ column: StaticString) throws(Failure) -> Bool? {
        try optionalInteger(column).map { $0 != 0 }
    }

    package func optionalMoment(_ column: StaticString) throws(Failure) -> Moment? {
        try optionalInteger(column).map { Moment(microseconds: Int64($0)) }
    }

    package func optionalID<Thing>(_ column: StaticString) throws(Failure) -> ID<Thing>? {
        try optionalText(column).map { ID($0) }
    }

    package func optionalValue<Value: RawRepresentable<String>>(_ column: StaticString) throws(Failure) -> Value? {
        guard let text = try optionalText(column) else { return nil }
        guard let value = Value(rawValue: text) else {
            throw wrong(column, at: try place(of: column), "is “\(text)”, which \(Value.self) does not know")
        }
        return value
    }

    /// The first column, whatever its name: what a count or a sum comes back in.
    func number() throws(Failure) -> Int {
        switch statement.kind(at: 0) {
        case .integer: return Int(statement.integer(at: 0))
        case .null: return 0
        case let other: throw .bug("A count came back as \(other): \(statement.text)")
        }
    }
}

extension Row {
    /// All of it, in the order of its columns.
    var values: [SQL.Value] {
        var values: [SQL.Value] = []
        values.reserveCapacity(names.count)
        for place in 0..<names.count {
            switch statement.kind(at: place) {
            case .text: values.append(.text(statement.text(at: place)))
            case .integer: values.append(.integer(statement.integer(at: place)))
            case .real: values.append(.real(statement.real(at: place)))
            case .blob: values.append(.blob(statement.blob(at: place)))
            case .null: values.append(.null)
            }
        }
        return values
    }

    /// Feeds all that the row says: rows that say the same come to the same.
    package func feed(_ sum: inout Hasher) {
        for place in 0..<names.count {
            switch statement.kind(at: place) {
            case .text: sum.combine(statement.text(at: place))
            case .integer: sum.combine(statement.integer(at: place))
            case .real: sum.combine(statement.real(at: place))
            case .blob: sum.combine(statement.blob(at: place))
            case .null: sum.combine(UInt8.max)
            }
        }
    }
}

extension Row {
    private func place(of column: StaticString) throws(Failure) -> Int {
        guard let place = names.place(of: column) else {
            throw .bug("There is no column \(column) in: \(statement.text)")
        }
        return place
    }

    private func some<Value>(_ value: Value?, _ column: StaticString) throws(Failure) -> Value {
        guard let value else { throw wrong(column, at: try place(of: column), "is NULL") }
        return value
    }

    private func wrong(_ column: StaticString, at place: Int, _ what: String) -> Failure {
        .bug("Column \(statement.table(at: place)).\(column) \(what).")
    }
}

/// The names of a statement's columns. Each is looked for from behind the one before, since columns are mostly read in
/// the order of the table; then finding one is a single comparison.
final class ColumnNames {
    private let names: [[UInt8]]
    private var next = 0

    init(_ names: [[UInt8]]) { self.names = names }

    var count: Int { names.count }

    func place(of name: StaticString) -> Int? {
        for step in names.indices {
            let place = next + step < names.count ? next + step : next + step - names.count
            if names[place].isEqual(to: name) {
                next = place + 1
                return place
            }
        }
        return nil
    }
}

extension [UInt8] {
    fileprivate func isEqual(to name: StaticString) -> Bool {
        guard count == name.utf8CodeUnitCount else { return false }
        return withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return true }
            return memcmp(start, name.utf8Start, bytes.count) == 0
        }
    }
}
