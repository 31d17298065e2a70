import API
import Base
import SQL

/// A password that a user has or had. Only its hash is known.
struct Password: Record, Hashable {
    let hash: String
    let created: Moment
    let expires: Moment?
    /// Set by the user, not by an administrator.
    let isOwn: Bool
}

extension Password {
    static let shape: Shape = .text(1...4_096)

    /// What the settings make of a new password.
    init(hash: String, user: User, isOwn: Bool, now: Moment, _ settings: IdentitySettings) {
        var expires = settings.passwordLifetime.map { now + $0 }
        if user.options.isOn("ignore_password_expiry") { expires = nil }
        let mustChange = settings.changePasswordUponFirstUse && !isOwn
        if mustChange, !user.options.isOn("ignore_change_password_upon_first_use") { expires = now }
        self.init(hash: hash, created: now, expires: expires, isOwn: isOwn)
    }

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            hash: try row.text("hash"), created: try row.moment("created_at"),
            expires: try row.optionalMoment("expires_at"), isOwn: try row.bool("is_own"))
    }
}

extension Transaction {
    /// The password in use.
    func password(of user: ID<User>) throws(Failure) -> Password? {
        try row("SELECT * FROM password WHERE user_id = \(user) ORDER BY position DESC LIMIT 1")
    }

    /// The last ones, the one in use first.
    func passwords(of user: ID<User>, last count: Int) throws(Failure) -> [Password] {
        try rows("SELECT * FROM password WHERE user_id = \(user) ORDER BY position DESC LIMIT \(count)")
    }

    /// Passwords are kept as long as the history wants to know of them.
    func insert(_ password: Password, of user: ID<User>, keeping history: Int) throws(Failure) {
        try insert(
            into: "password",
            [
                "user_id": user, "hash": password.hash, "created_at": password.created, "expires_at": password.expires,
                "is_own": password.isOwn,
            ])
        let kept: [Int] = try rows(
            "SELECT position FROM password WHERE user_id = \(user) ORDER BY position DESC LIMIT \(max(history, 1))"
        ) { row throws(Failure) in try row.integer("position") }
        try run("DELETE FROM password WHERE user_id = \(user) AND position < \(kept.last ?? 0)")
    }
}
