import Base
import SQL

/// A word that some tokens are no longer good: one, those made from one another, or all of a user's up to a moment.
struct Revocation: Record, Hashable {
    var auditID: String?
    var chain: String?
    var user: ID<User>?
    var project: ID<Project>?
    var domain: ID<Domain>?
    /// Tokens issued up to then.
    var issuedBefore: Moment
    /// From then on no token is alive that this could be about.
    var ends: Moment
}

extension Revocation {
    static let created = Migration(
        "create revocation",
        """
        CREATE TABLE revocation (
            position      \(.serial),
            audit_id      VARCHAR(32),
            chain         VARCHAR(32),
            user_id       VARCHAR(64),
            project_id    VARCHAR(64),
            domain_id     VARCHAR(64),
            issued_before BIGINT NOT NULL,
            ends_at       BIGINT NOT NULL
        )
        """,
        "CREATE INDEX revocation_by_end ON revocation (ends_at)")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            auditID: try row.optionalText("audit_id"), chain: try row.optionalText("chain"),
            user: try row.optionalID("user_id"), project: try row.optionalID("project_id"),
            domain: try row.optionalID("domain_id"), issuedBefore: try row.moment("issued_before"),
            ends: try row.moment("ends_at"))
    }
}

extension Transaction {
    func insert(_ revocation: Revocation) throws(Failure) {
        try insert(
            into: "revocation",
            [
                "audit_id": revocation.auditID, "chain": revocation.chain, "user_id": revocation.user,
                "project_id": revocation.project, "domain_id": revocation.domain,
                "issued_before": revocation.issuedBefore, "ends_at": revocation.ends,
            ])
    }

    /// Those that stand behind a place in the store, with their own.
    func revocations(
        after position: Int, endingAfter now: Moment, limit: Int = .max
    ) throws(Failure) -> [(position: Int, revocation: Revocation)] {
        try rows(
            """
            SELECT * FROM revocation WHERE position > \(position) AND ends_at > \(now)
            ORDER BY position LIMIT \(limit)
            """
        ) { row throws(Failure) in (try row.integer("position"), try Revocation(row)) }
    }

    func deleteRevocations(endingBefore now: Moment) throws(Failure) {
        try run("DELETE FROM revocation WHERE ends_at <= \(now)")
    }
}

/// The revocations in force, so arranged that asking costs the same for one as for a million.
struct Revocations: Sendable {
    private var audits: [String: Moment] = [:]
    private var chains: [String: Moment] = [:]
    private var users: [ID<User>: Moment] = [:]

    init(_ all: [Revocation] = []) { for revocation in all { add(revocation) } }

    mutating func add(_ revocation: Revocation) {
        if let audit = revocation.auditID { audits[audit] = revocation.ends }
        if let chain = revocation.chain { chains[chain] = revocation.ends }
        if let user = revocation.user {
            users[user] = max(users[user] ?? revocation.issuedBefore, revocation.issuedBefore)
        }
    }

    /// When the last word about a user's tokens was: what is issued later is dated later.
    func last(of user: ID<User>) -> Moment? { users[user] }

    /// - Parameter people: those besides its bearer on whose standing it rests.
    func cover(_ content: TokenContent, _ people: Set<ID<User>> = []) -> Bool {
        if let own = content.auditIDs.first, audits[own] != nil { return true }
        if chains[content.chain] != nil { return true }
        if let before = users[content.user], content.issued <= before { return true }
        return people.contains { person in users[person].map { content.issued <= $0 } ?? false }
    }

    mutating func forget(endingBefore now: Moment, lifetime: Duration) {
        audits = audits.filter { $0.value > now }
        chains = chains.filter { $0.value > now }
        users = users.filter { $0.value + lifetime > now }
    }
}
