import Base

/// What somebody gets who has shown some of what their rules ask for: it lets them bring the rest in another request.
struct Receipt: Sendable, Hashable {
    let user: ID<User>
    let methods: [TokenMethod]
    let issued: Moment
    let expires: Moment

    /// Long enough to look at a phone.
    static let lifetime: Duration = .seconds(300)
}

extension User {
    /// The ways of authenticating that must come together, any one list of them; empty when one way is enough.
    var methodRules: [[TokenMethod]] {
        guard options.values["multi_factor_auth_enabled"]?.bool != false,
            let rules = options.values["multi_factor_auth_rules"]?.array
        else { return [] }
        let known = rules.map { rule in (rule.array ?? []).compactMap { $0.string.flatMap(TokenMethod.init) } }
        // A rule of nothing that we know would lock its user out for good.
        return known.filter { !$0.isEmpty }
    }

    func isContent(with methods: [TokenMethod]) -> Bool {
        let rules = methodRules
        return rules.isEmpty || rules.contains { $0.allSatisfy(methods.contains) }
    }
}
