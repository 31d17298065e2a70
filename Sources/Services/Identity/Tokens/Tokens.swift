import Base
import Policy
import SQL
import Synchronization

/// Makes tokens and tells good ones from bad, from memory: the database is asked only about a token seen for the first
/// time, or again after something changed that it stands on.
final class Tokens: Sendable {
    private let database: Database
    private let world: World
    private let seal: TokenSeal
    private let changes: Changes
    let lifetime: Duration
    private let state = Mutex(State())

    private struct State {
        var known = KnownTokens()
        var revocations = Revocations()
        /// Where in the store the last of them stands that was read.
        var lastRevocation = 0
        /// Counts changes, so that what was read before one isn't remembered after it.
        var changes = 0
    }

    /// So many revocations of others that nobody waits long for the lock, were there a million.
    private static let takenInAtOnce = 2_000

    init(database: Database, world: World, keys: any TokenKeys, changes: Changes, lifetime: Duration) {
        self.changes = changes
        self.database = database
        self.world = world
        self.lifetime = lifetime
        seal = TokenSeal(keys: keys, chance: world.chance)
    }

    /// Reads what other processes have revoked, and forgets what they may have changed. To be done before the first
    /// token is checked, and whenever there is news.
    func catchUp() async throws(Failure) {
        let now = world.now
        var isMore = true
        while isMore {
            let last = state.withLock { $0.lastRevocation }
            let fresh = try await database.read {
                try $0.revocations(after: last, endingAfter: now, limit: Tokens.takenInAtOnce)
            }
            state.withLock { state in
                for revocation in fresh { state.revocations.add(revocation.revocation) }
                state.lastRevocation = max(state.lastRevocation, fresh.last?.position ?? 0)
            }
            isMore = fresh.count == Tokens.takenInAtOnce
        }
        dropAll()
    }

    // MARK: Checking

    /// The token behind a text, if it is one of ours and still good.
    func token(_ text: String, evenIfExpired: Bool = false) async throws(Failure) -> Token {
        let (known, changes) = state.withLock { ($0.known.find(text), $0.changes) }
        if let known {
            guard evenIfExpired || world.now < known.content.expires else { throw .noToken }
            return known
        }
        let now = world.now
        guard let content = seal.open(text), evenIfExpired || now < content.expires, !isRevoked(content) else {
            throw .noToken
        }
        let token = try await database.read { try $0.token(text, content, at: now) }
        guard !isRevoked(content, token.people) else { throw .noToken }
        remember(token, since: changes)
        return token
    }

    private func isRevoked(_ content: TokenContent, _ people: Set<ID<User>> = []) -> Bool {
        state.withLock { $0.revocations.cover(content, people) }
    }

    /// What an earlier attempt to authenticate brought, if it wasn't too long ago.
    func receipt(_ text: String) -> Receipt? {
        seal.openReceipt(text).flatMap { world.now < $0.expires ? $0 : nil }
    }

    func text(of receipt: Receipt) -> String { seal.seal(receipt) }

    /// A token that a request is about, rather than made with. That it isn't good is no fault of the caller's proof.
    func subject(_ text: String, evenIfExpired: Bool = false) async throws(Failure) -> Token {
        do throws(Failure) { return try await token(text, evenIfExpired: evenIfExpired) } catch {
            guard error.kind == .unauthenticated else { throw error }
            throw Failure(.notFound, "Could not find token.")
        }
    }

    private func remember(_ token: Token, since changes: Int) {
        state.withLock { state in
            if state.changes == changes { state.known.add(token) }
        }
    }

    // MARK: Making

    /// - Parameter parent: the token that this one is made from, whose chain and end it keeps.
    func issue(
        user: ID<User>, methods: [TokenMethod], grant: Grant, parent: TokenContent?
    ) async throws(Failure) -> Token {
        let own = Base64Mark.make(world.chance)
        let (last, known, changes) = state.withLock { state in
            let known = grant.delegation == nil ? state.known.token(of: user, for: grant.target) : nil
            return (state.revocations.last(of: user), known, state.changes)
        }
        let now = world.now
        // A token's date has whole seconds. One made in the second of a revocation would look revoked: it is dated later.
        var issued = Moment(seconds: now.seconds)
        if let last, issued <= last { issued = Moment(seconds: last.seconds + 1) }
        let ends = parent?.expires ?? Moment(seconds: (now + lifetime).seconds)
        let content = TokenContent(
            user: user, methods: methods, target: grant.target, delegation: grant.delegation, issued: issued,
            expires: grant.ends.map { min($0, ends) } ?? ends, auditIDs: parent.map { [own, $0.chain] } ?? [own])
        let text = seal.seal(content)
        let token =
            if let known { Token(text, content, like: known) } else {
                try await database.read { try $0.token(text, content, at: now) }
            }
        remember(token, since: changes)
        return token
    }

    // MARK: Revoking and forgetting

    func revoke(_ content: TokenContent, withChain: Bool, _ tx: Transaction) throws(Failure) {
        var revocation = Revocation(issuedBefore: world.now, ends: content.expires)
        revocation.auditID = content.auditIDs.first
        // Those made from it carry its mark at the end of their own. The one that it was made from stays good.
        if withChain { revocation.chain = content.auditIDs.first }
        try revoke(revocation, of: content.user, tx)
    }

    func revoke(allOf user: ID<User>, _ tx: Transaction) throws(Failure) {
        let now = world.now
        try revoke(Revocation(user: user, issuedBefore: now, ends: now + lifetime), of: user, tx)
    }

    /// - Parameter user: whose tokens it is about: those made from one another are one user's.
    private func revoke(_ revocation: Revocation, of user: ID<User>, _ tx: Transaction) throws(Failure) {
        try changes.note(tx)
        try tx.insert(revocation)
        tx.afterCommit { [self] in
            state.withLock { state in
                state.revocations.add(revocation)
                state.changes += 1
                let revocations = state.revocations
                state.known.forget(user) { revocations.cover($0.content, $0.people) }
            }
        }
    }

    /// Something changed that only tokens stand on that have to do with this user.
    func forget(user: ID<User>, _ tx: Transaction) throws(Failure) {
        try changes.note(tx)
        tx.afterCommit { [self] in
            state.withLock { state in
                state.changes += 1
                state.known.forget(user)
            }
        }
    }

    /// Something changed that any token may stand on.
    func forgetAll(_ tx: Transaction) throws(Failure) {
        try changes.note(tx)
        tx.afterCommit { [self] in dropAll() }
    }

    /// Every token is looked up anew when it is next seen.
    func dropAll() {
        state.withLock { state in
            state.changes += 1
            state.known.forgetAll()
        }
    }

    /// Drops what no living token can be about, here and in the store.
    func tidy() async throws(Failure) {
        let now = world.now
        try await database.write { try $0.deleteRevocations(endingBefore: now) }
        state.withLock { state in
            state.revocations.forget(endingBefore: now, lifetime: lifetime)
            state.known.keep { $0.content.expires > now }
        }
    }
}

extension Failure {
    /// One answer for tokens that never were, have expired or were revoked: which it is, is nobody's business.
    static let noToken = Failure(.unauthenticated, "The request you have made requires authentication.")
}
