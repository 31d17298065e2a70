import Base
import SQL

extension Identity {
    /// The password that a body brings, hashed; nil when it brings none.
    func newPassword(_ body: JSON.Object, of user: User) async throws(Failure) -> Password? {
        guard let text = body.text("password") else { return nil }
        try settings.refuseWeak(text)
        let hash = try await passwords.hash(text)
        return Password(hash: hash, user: user, isOwn: false, now: world.now, settings)
    }

    /// A user changes their own password. Who knows the old one needs no token: that one may have expired.
    func changePassword(of id: ID<User>, from old: String, to new: String) async throws(Failure) {
        let user = try await verify(old, of: .id(id), evenIfExpired: true)
        guard !user.options.isOn("lock_password") else {
            throw .invalid("Password locked. Please contact your administrator.")
        }
        try settings.refuseWeak(new)
        try await refuseReuse(of: new, by: user, old: old)
        let password = Password(hash: try await passwords.hash(new), user: user, isOwn: true, now: world.now, settings)
        try await database.write { tx in
            var user = try tx.user(id)
            try tx.setPassword(password, of: &user, keeping: self.settings.passwordHistory)
            try self.tokens.revoke(allOf: id, tx)
            try self.tokens.forget(user: id, tx)
        }
    }

    private func refuseReuse(of new: String, by user: User, old: String) async throws(Failure) {
        let recent = try await database.read {
            try $0.passwords(of: user.id, last: max(self.settings.passwordHistory, 1))
        }
        if let current = recent.first, current.isOwn, world.now < current.created + settings.minimumPasswordAge {
            throw .invalid("Cannot change password before minimum age is met.")
        }
        guard new != old else { throw .invalid("The new password cannot be identical to a previous password.") }
        guard settings.passwordHistory > 0 else { return }
        for password in recent where try await passwords.verify(new, against: password.hash, now: world.now) {
            throw .invalid(
                "The new password cannot be identical to a previous password. The total number which includes the new password must be unique is \(settings.passwordHistory)."
            )
        }
    }
}

extension IdentitySettings {
    /// Refuses a password that isn't as the operator wants them.
    fileprivate func refuseWeak(_ password: String) throws(Failure) {
        guard let passwordPattern else { return }
        let pattern: Regex<AnyRegexOutput>
        do { pattern = try Regex(passwordPattern) } catch {
            throw .bug("The pattern for passwords is no regular expression.", cause: error)
        }
        guard password.prefixMatch(of: pattern) == nil else { return }
        let advice = passwordAdvice ?? passwordPattern
        throw .invalid("The password does not match the requirements: \(advice).")
    }
}
