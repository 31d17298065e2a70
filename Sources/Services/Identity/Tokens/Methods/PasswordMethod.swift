import Base
import SQL

extension AuthenticationMethod {
    /// `{"user": {"id": …, "password": …}}`
    static let password = AuthenticationMethod(method: .password) { data, path, attempt in
        let identity = attempt.identity
        guard let user = data["user"] else { throw Failure.field("\(path).user", "is required") }
        guard let password = user["password"]?.string else {
            throw Failure.field("\(path).user.password", "is required")
        }
        let reference = try UserReference(user, at: "\(path).user")
        return Proof(user: try await identity.verify(password, of: reference).id, method: .password)
    }
}

extension Identity {
    /// The user, if the password is theirs and they may log in now.
    ///
    /// Whatever is wrong, the answer is the same and takes as long: nobody learns which names exist.
    func verify(_ password: String, of reference: UserReference, evenIfExpired: Bool = false) async throws(Failure)
        -> User
    {
        guard let (user, stored) = try await database.read({ try $0.login(reference) }) else {
            try await passwords.pretend(password)
            throw .noToken
        }
        try refuseLocked(user)
        guard try await passwords.verify(password, against: stored.hash, now: world.now) else {
            try await noteFailure(of: user)
            throw .noToken
        }
        if user.failures > 0 { try await clearFailures(of: user) }
        guard evenIfExpired || !user.isPasswordExpired(at: world.now) else {
            throw Failure(
                .unauthenticated,
                "The password is expired and needs to be changed for user: \(user.id).")
        }
        return user
    }

    func refuseLocked(_ user: User) throws(Failure) {
        guard !user.isLocked(at: world.now, settings) else {
            throw Failure(.unauthenticated, "The account is locked for user: \(user.id).")
        }
    }

    func noteFailure(of user: User) async throws(Failure) {
        guard settings.lockoutAttempts != nil else { return }
        let now = world.now
        try await database.write { tx in
            try tx.run("UPDATE user SET failures = failures + 1, failed_at = \(now) WHERE id = \(user.id)")
            return
        }
    }

    private func clearFailures(of user: User) async throws(Failure) {
        try await database.write { try $0.run("UPDATE user SET failures = 0, failed_at = NULL WHERE id = \(user.id)") }
    }
}

extension Transaction {
    fileprivate func login(_ reference: UserReference) throws(Failure) -> (User, Password)? {
        guard let user = try activeUser(reference), let password = try password(of: user.id) else { return nil }
        return (user, password)
    }
}
