package import SQL

/// How far a caller may see: what is left of a rule when the caller is known.
///
/// Queries take it as an argument, so that one mechanism serves single things and lists, the built-in defaults and an
/// operator's own file.
package indirect enum Scope: Sendable, Hashable {
    case everywhere
    case nowhere
    /// The target's attribute has this value; nil is "has none".
    case when(String, String?)
    case not(Scope)
    case all([Scope])
    case any([Scope])
}

extension Scope {
    var negated: Scope {
        switch self {
        case .everywhere: .nowhere
        case .nowhere: .everywhere
        case .not(let scope): scope
        default: .not(self)
        }
    }

    /// Whether a target is within it. An attribute that the target does not have matches nothing.
    package func covers(_ attribute: (String) -> String?) -> Bool {
        switch self {
        case .everywhere: true
        case .nowhere: false
        case .when(let name, let value): attribute(name) == value
        case .not(let scope): !scope.covers(attribute)
        case .all(let scopes): scopes.allSatisfy { $0.covers(attribute) }
        case .any(let scopes): scopes.contains { $0.covers(attribute) }
        }
    }

    package func covers(_ attributes: [String: String]) -> Bool { covers { attributes[$0] } }

    /// The scope as a condition on a table whose columns hold the target's attributes. An attribute that the table does
    /// not have matches nothing, so that a rule about something else never widens a query.
    package func condition(_ columns: [String: StaticString]) -> SQL {
        condition { name, value in
            guard let column = columns[name] else { return nil }
            guard let value else { return "\(SQL.raw(column)) IS NULL" }
            return "\(SQL.raw(column)) = \(value)"
        }
    }

    /// The same where an attribute is more than a column: `term` says when it has the value, nil if it never does.
    package func condition(_ term: (_ name: String, _ value: String?) -> SQL?) -> SQL {
        switch self {
        case .everywhere: return "1 = 1"
        case .nowhere: return "1 = 0"
        case .when(let name, let value): return term(name, value) ?? "1 = 0"
        case .not(let scope): return "NOT (\(scope.condition(term)))"
        case .all(let scopes): return "(\(SQL.joined(scopes.map { $0.condition(term) }, by: " AND ")))"
        case .any(let scopes): return "(\(SQL.joined(scopes.map { $0.condition(term) }, by: " OR ")))"
        }
    }

    /// The condition on a table whose rows belong to projects and, where it says so, to users.
    package func within(project: StaticString? = nil, user: StaticString? = nil) -> SQL {
        if case .everywhere = self { return "1 = 1" }
        var columns: [String: StaticString] = [:]
        if let project {
            columns["project_id"] = project
            columns["tenant_id"] = project
        }
        if let user { columns["user_id"] = user }
        return condition(columns)
    }
}
