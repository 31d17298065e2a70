import Base

/// A rule's expression in the language of operators' policy files.
indirect enum Check: Sendable, Hashable {
    case always
    case never
    case role(String)
    /// A role of the service that passes the user's token on.
    case serviceRole(String)
    case rule(String)
    /// `left:right`: an attribute of the caller or a literal, against an attribute of the target or a literal.
    case equal(left: Operand, right: Operand)
    case not(Check)
    case all([Check])
    case any([Check])

    enum Operand: Sendable, Hashable {
        case literal(String)
        case caller(String)
        case target(String)
    }
}

extension Check {
    /// Evaluates as far as the caller is known. What remains are conditions on the target.
    func remainder(for caller: Caller, rules: [String: Check], depth: Int = 0) -> Scope {
        // Rules may name rules; a circle is refused when the policy is made, so this is a belt to those braces.
        guard depth < Policy.depthLimit else { return .nowhere }
        switch self {
        case .always: return .everywhere
        case .never: return .nowhere
        case .role(let name): return caller.has(role: name) ? .everywhere : .nowhere
        case .serviceRole(let name):
            return caller.serviceRoles.contains { $0.equalsIgnoringCase(name) } ? .everywhere : .nowhere
        case .rule(let name):
            return rules[name]?.remainder(for: caller, rules: rules, depth: depth + 1) ?? .nowhere
        case .equal(let left, let right): return Check.compare(left, right, caller)
        case .not(let check): return check.remainder(for: caller, rules: rules, depth: depth + 1).negated
        case .all(let checks):
            var parts: [Scope] = []
            for check in checks {
                let part = check.remainder(for: caller, rules: rules, depth: depth + 1)
                if part == .nowhere { return .nowhere }
                if part != .everywhere { parts.append(part) }
            }
            return parts.isEmpty ? .everywhere : parts.count == 1 ? parts[0] : .all(parts)
        case .any(let checks):
            var parts: [Scope] = []
            for check in checks {
                let part = check.remainder(for: caller, rules: rules, depth: depth + 1)
                if part == .everywhere { return .everywhere }
                if part != .nowhere { parts.append(part) }
            }
            return parts.isEmpty ? .nowhere : parts.count == 1 ? parts[0] : .any(parts)
        }
    }

    private static func compare(_ left: Operand, _ right: Operand, _ caller: Caller) -> Scope {
        let known: String?
        switch left {
        case .literal(let text): known = text
        case .caller(let name): known = caller.attribute(name)
        case .target: known = nil
        }
        switch right {
        case .literal(let text): return (known ?? "None") == text ? .everywhere : .nowhere
        case .caller(let name): return known != nil && known == caller.attribute(name) ? .everywhere : .nowhere
        case .target(let name):
            guard let known else { return .nowhere }
            return .when(name, known == "None" ? nil : known)
        }
    }

    /// The rules that this one names.
    var named: [String] {
        switch self {
        case .rule(let name): [name]
        case .not(let check): check.named
        case .all(let checks), .any(let checks): checks.flatMap(\.named)
        default: []
        }
    }
}
