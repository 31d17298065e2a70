import Base
import HTTP
package import SQL

/// What a list may be narrowed by: a parameter's name and the column behind it.
package struct Filter: Sendable {
    package enum Kind: Sendable {
        case text, boolean
    }

    package let name: String
    package let column: StaticString
    package let kind: Kind

    package static func text(_ name: String, _ column: StaticString) -> Filter {
        Filter(name: name, column: column, kind: .text)
    }
    package static func boolean(_ name: String, _ column: StaticString) -> Filter {
        Filter(name: name, column: column, kind: .boolean)
    }
}

extension [Filter] {
    /// The condition that a query asks for; unknown parameters narrow nothing.
    ///
    /// Texts also have their inexact kin: `name__contains`, `name__startswith`, `name__endswith`, each with an `i` in
    /// front where case doesn't count.
    package func condition(_ query: Parameters) -> SQL {
        var conditions: [SQL] = []
        for filter in self {
            let column = SQL.raw(filter.column)
            if let value = query[filter.name] {
                switch filter.kind {
                case .text: conditions.append("\(column) = \(value)")
                case .boolean: conditions.append("\(column) = \(value.isEmpty ? true : Bool(loose: value) ?? true)")
                }
            }
            guard filter.kind == .text else { continue }
            for pair in query.items {
                guard pair.name.hasPrefix(filter.name + "__") else { continue }
                let operation = pair.name.dropFirst(filter.name.count + 2)
                if let condition = Filter.inexact(String(operation), column, pair.value ?? "") {
                    conditions.append(condition)
                }
            }
        }
        return SQL.all(conditions)
    }
}

extension Filter {
    fileprivate static func inexact(_ operation: String, _ column: SQL, _ value: String) -> SQL? {
        switch operation {
        case "contains": "\(column) \(.like(.containing(value)))"
        case "startswith": "\(column) \(.like(.starting(value)))"
        case "endswith": "\(column) \(.like(.ending(value)))"
        case "icontains": "lower(\(column)) \(.like(.containing(value.lowercased())))"
        case "istartswith": "lower(\(column)) \(.like(.starting(value.lowercased())))"
        case "iendswith": "lower(\(column)) \(.like(.ending(value.lowercased())))"
        default: nil
        }
    }
}
