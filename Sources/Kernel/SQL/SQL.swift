package import Base

/// SQL whose interpolations become bound parameters, so that it reads as SQL and cannot be injected.
///
/// Its text is made of nothing but literals: a `String` that came from anywhere else can only be bound, never spliced.
package struct SQL: ExpressibleByStringInterpolation, Hashable, Sendable {
    /// With a `?` for each of `values`, and words in braces where the engines' dialects differ.
    package let text: String
    package let values: [Value]

    /// What a database holds in a column.
    package enum Value: Hashable, Sendable {
        case null
        case integer(Int64)
        case real(Double)
        case text(String)
        case blob([UInt8])
    }

    /// What can be bound to a `?`. An enum of texts or numbers is, as soon as it says so.
    package protocol Bindable: Sendable {
        var bound: Value { get }
    }

    init(text: String, values: [Value]) {
        self.text = text
        self.values = values
    }

    package init(stringLiteral literal: StaticString) { self.init(text: literal.description, values: []) }

    package init(stringInterpolation pieces: StringInterpolation) {
        self.init(text: String(decoding: pieces.bytes, as: UTF8.self), values: pieces.values)
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        /// The text in the making: a string would look at each piece's letters before it takes them.
        fileprivate var bytes: [UInt8] = []
        fileprivate var values: [Value] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            bytes.reserveCapacity(literalCapacity + interpolationCount)
            values.reserveCapacity(interpolationCount)
        }

        package mutating func appendLiteral(_ literal: StaticString) {
            literal.withUTF8Buffer { bytes.append(contentsOf: $0) }
        }

        package mutating func appendInterpolation(_ piece: SQL) {
            bytes.append(contentsOf: piece.text.utf8)
            values += piece.values
        }

        package mutating func appendInterpolation(_ value: (any Bindable)?) {
            bytes.append(UInt8(ascii: "?"))
            values.append(value?.bound ?? .null)
        }
    }
}

extension SQL.Value: SQL.Bindable {
    package var bound: SQL.Value { self }
}

extension String: SQL.Bindable {
    package var bound: SQL.Value { .text(self) }
}

extension Int: SQL.Bindable {
    package var bound: SQL.Value { .integer(Int64(self)) }
}

extension Int64: SQL.Bindable {
    package var bound: SQL.Value { .integer(self) }
}

extension Double: SQL.Bindable {
    package var bound: SQL.Value { .real(self) }
}

extension Bool: SQL.Bindable {
    package var bound: SQL.Value { .integer(self ? 1 : 0) }
}

/// A moment is a BIGINT of microseconds, on every engine.
extension Moment: SQL.Bindable {
    package var bound: SQL.Value { .integer(microseconds) }
}

extension ID: SQL.Bindable {
    package var bound: SQL.Value { .text(text) }
}

extension [UInt8]: SQL.Bindable {
    package var bound: SQL.Value { .blob(self) }
}

extension Optional: SQL.Bindable where Wrapped: SQL.Bindable {
    package var bound: SQL.Value { self?.bound ?? .null }
}

extension SQL.Bindable where Self: RawRepresentable, RawValue: SQL.Bindable {
    package var bound: SQL.Value { rawValue.bound }
}
