package import Base

/// The constraint that a write ran against. It is the cause of the `.conflict` that the write throws.
package struct Violation: Error, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable { case unique, foreignKey, check }

    package let kind: Kind
    /// The table, where the engine says it; empty if not.
    package let table: String
    /// The columns of a unique key. For the other kinds engines differ in what they tell; don't build on it.
    package let columns: [String]
    /// In the engine's own words, for the log.
    package let description: String

    /// Whether it is the unique key over these columns of some table.
    package func isUnique(_ columns: StaticString...) -> Bool {
        kind == .unique && self.columns == columns.map(\.description)
    }
}

extension Failure {
    /// The constraint behind a `.conflict` of the database.
    package var violation: Violation? { cause as? Violation }

    static func violated(_ violation: Violation) -> Failure {
        let message =
            switch violation.kind {
            case .unique: "Something with the same \(violation.columns.joined(separator: " and ")) exists already."
            case .foreignKey: "It refers to something that does not exist, or is referred to itself."
            case .check: "The values do not go together."
            }
        return Failure(.conflict, message, cause: violation)
    }
}

/// What a database engine said went wrong. The cause of failures, for the log; it never reaches a caller.
struct EngineError: Error, CustomStringConvertible {
    let code: Int
    let message: String
    let statement: String

    var description: String { "\(message) (\(code)) in: \(statement)" }
}
