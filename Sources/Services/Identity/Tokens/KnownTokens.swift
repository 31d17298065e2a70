import Base

/// Good tokens by their text, each some 3 KB. Those that nobody has shown for as long as thousands of others took to be
/// seen are forgotten: the older half goes when the younger is full.
struct KnownTokens: Sendable {
    private struct Half {
        var tokens: [String: Token] = [:]
        /// Which of them stand on a user.
        var textsOfUser: [ID<User>: [String]] = [:]

        mutating func add(_ token: Token) {
            guard tokens.updateValue(token, forKey: token.text) == nil else { return }
            for person in token.people { textsOfUser[person, default: []].append(token.text) }
        }

        func token(of user: ID<User>, for target: TokenContent.Target) -> Token? {
            for text in (textsOfUser[user] ?? []).suffix(KnownTokens.lastTokens).reversed() {
                guard let token = tokens[text], token.content.user == user, token.content.target == target else {
                    continue
                }
                if token.delegation == nil { return token }
            }
            return nil
        }

        mutating func forget(_ user: ID<User>, where isMeant: (Token) -> Bool) {
            let left = (textsOfUser.removeValue(forKey: user) ?? []).filter { text in
                guard let token = tokens[text] else { return false }
                if isMeant(token) { tokens[text] = nil }
                return !isMeant(token)
            }
            if !left.isEmpty { textsOfUser[user] = left }
        }

        func keeping(_ isMeant: (Token) -> Bool) -> Half {
            var kept = Half()
            for token in tokens.values where isMeant(token) { kept.add(token) }
            return kept
        }
    }

    /// Who logs in again and again does so for the same few things.
    private static let lastTokens = 8

    private let limit: Int
    private var young = Half()
    private var old = Half()

    init(limit: Int = 16_384) { self.limit = limit }

    mutating func find(_ text: String) -> Token? {
        if let token = young.tokens[text] { return token }
        guard let token = old.tokens[text] else { return nil }
        add(token)
        return token
    }

    /// One of a user's own tokens for a target: what it stands for is what another one would.
    func token(of user: ID<User>, for target: TokenContent.Target) -> Token? {
        young.token(of: user, for: target) ?? old.token(of: user, for: target)
    }

    mutating func add(_ token: Token) {
        if young.tokens.count >= limit / 2 {
            old = young
            young = Half()
        }
        young.add(token)
    }

    mutating func forget(_ user: ID<User>, where isMeant: (Token) -> Bool = { _ in true }) {
        young.forget(user, where: isMeant)
        old.forget(user, where: isMeant)
    }

    mutating func forgetAll() { self = KnownTokens(limit: limit) }

    mutating func keep(_ isMeant: (Token) -> Bool) {
        young = young.keeping(isMeant)
        old = old.keeping(isMeant)
    }
}
