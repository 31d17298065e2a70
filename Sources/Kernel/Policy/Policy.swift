package import Base

/// A named permission with its default. The names are OpenStack's, so that operators' policy files keep working.
package struct Rule: Sendable {
    package let name: String
    package let summary: String
    package let check: String
    /// With which tokens one may come at all: what is the system's business is none of a domain's administrator.
    package let reaches: Reaches

    package init(_ name: String, _ summary: String, _ check: String, for reaches: Reaches = .all) {
        self.name = name
        self.summary = summary
        self.check = check
        self.reaches = reaches
    }
}

/// Kinds of tokens, by what they are good for. One that is good for nothing in particular counts as a project's.
package struct Reaches: OptionSet, Sendable, Hashable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    package static let project = Reaches(rawValue: 1)
    package static let domain = Reaches(rawValue: 2)
    package static let system = Reaches(rawValue: 4)
    package static let all: Reaches = [.project, .domain, .system]
}

extension Caller.Reach {
    fileprivate var kind: Reaches {
        switch self {
        case .none, .project: .project
        case .domain: .domain
        case .system: .system
        }
    }
}

/// The rules in force: each service's defaults, and what an operator's file says instead.
package struct Policy: Sendable {
    /// Rules name rules some three deep; ten is generous.
    static let depthLimit = 10

    let checks: [String: Check]

    /// Rules that others build upon, without an endpoint of their own.
    package typealias Definitions = [(name: String, check: String)]

    package init(_ rules: [Rule], definitions: Definitions = [], overrides: [String: String] = [:]) throws(Failure) {
        var texts: [String: String] = [:]
        for definition in definitions { texts[definition.name] = definition.check }
        for rule in rules { texts[rule.name] = rule.check }
        for (name, check) in overrides { texts[name] = check }
        var checks: [String: Check] = [:]
        for (name, text) in texts {
            do throws(Failure) { checks[name] = try CheckParser.parse(text) } catch {
                throw .invalid("Policy rule \(name): \(error.message)")
            }
        }
        self.checks = checks
        for name in checks.keys.sorted() { try refuseCircles(from: name, along: []) }
    }

    /// How far the caller may see under this rule.
    package func scope(_ rule: Rule, for caller: Caller) -> Scope {
        guard rule.reaches.contains(caller.reach.kind) else { return .nowhere }
        return checks[rule.name]?.remainder(for: caller, rules: checks) ?? .nowhere
    }

    private func refuseCircles(from name: String, along path: [String]) throws(Failure) {
        guard !path.contains(name) else {
            throw .invalid("Policy rule \(name) leads back to itself: \((path + [name]).joined(separator: " → ")).")
        }
        guard path.count < Policy.depthLimit else { throw .invalid("Policy rule \(path[0]) is nested too deeply.") }
        guard let check = checks[name] else {
            throw .invalid("Policy rule \(path.last ?? name) names \(name), which does not exist.")
        }
        for next in check.named { try refuseCircles(from: next, along: path + [name]) }
    }
}
