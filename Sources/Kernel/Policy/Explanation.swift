/// Why a rule lets somebody do something, or doesn't: each part of it with what is left of it for a caller.
package struct Explanation: Sendable {
    package struct Line: Sendable {
        /// How deep it stands within the whole.
        package let depth: Int
        package let part: String
        package let scope: Scope
    }

    package let scope: Scope
    package let lines: [Line]
}

extension Policy {
    /// Nil when there is no such rule.
    package func explain(_ name: String, for caller: Caller) -> Explanation? {
        guard let check = checks[name] else { return nil }
        var lines: [Explanation.Line] = []
        check.explain(for: caller, checks, depth: 0, &lines)
        return Explanation(scope: check.remainder(for: caller, rules: checks), lines: lines)
    }

    package var names: [String] { checks.keys.sorted() }

    /// The rule as it is in force, in the language of policy files.
    package func text(of name: String) -> String? { checks[name].map { "\($0)" } }
}

extension Check {
    fileprivate func explain(
        for caller: Caller, _ rules: [String: Check], depth: Int, _ lines: inout [Explanation.Line]
    ) {
        guard depth < Policy.depthLimit else { return }
        lines.append(
            Explanation.Line(depth: depth, part: "\(self)", scope: remainder(for: caller, rules: rules, depth: depth)))
        switch self {
        case .rule(let name): rules[name]?.explain(for: caller, rules, depth: depth + 1, &lines)
        case .not(let check): check.explain(for: caller, rules, depth: depth + 1, &lines)
        case .all(let checks), .any(let checks):
            for check in checks { check.explain(for: caller, rules, depth: depth + 1, &lines) }
        default: break
        }
    }
}

extension Check: CustomStringConvertible {
    var description: String {
        switch self {
        case .always: "@"
        case .never: "!"
        case .role(let name): "role:\(name)"
        case .serviceRole(let name): "service_roles:\(name)"
        case .rule(let name): "rule:\(name)"
        case .equal(let left, let right): "\(left.leftText):\(right.rightText)"
        case .not(let check): "not \(check.bracketed)"
        case .all(let checks): checks.map(\.bracketed).joined(separator: " and ")
        case .any(let checks): checks.map(\.bracketed).joined(separator: " or ")
        }
    }

    private var bracketed: String {
        switch self {
        case .all, .any: "(\(self))"
        default: description
        }
    }
}

extension Check.Operand {
    fileprivate var leftText: String {
        switch self {
        case .literal(let text): ["None", "True", "False"].contains(text) ? text : "'\(text)'"
        case .caller(let name), .target(let name): name
        }
    }

    fileprivate var rightText: String {
        switch self {
        case .literal(let text), .caller(let text): text
        case .target(let name): "%(\(name))s"
        }
    }
}

extension Scope: CustomStringConvertible {
    /// What a target has to be like, in words.
    package var description: String {
        switch self {
        case .everywhere: "everything"
        case .nowhere: "nothing"
        case .when(let name, let value): value.map { "\(name) is \($0)" } ?? "has no \(name)"
        case .not(let scope): "not (\(scope))"
        case .all(let scopes): scopes.map { "(\($0))" }.joined(separator: " and ")
        case .any(let scopes): scopes.map { "(\($0))" }.joined(separator: " or ")
        }
    }
}
