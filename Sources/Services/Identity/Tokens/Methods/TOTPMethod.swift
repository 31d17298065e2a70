import Base
import Crypto
import SQL

extension AuthenticationMethod {
    /// `{"user": {"id": …, "passcode": …}}`: six digits by the clock, from a secret that is kept as a credential.
    static let totp = AuthenticationMethod(method: .totp) { data, path, attempt in
        let identity = attempt.identity
        guard let user = data["user"] else { throw Failure.field("\(path).user", "is required") }
        guard let passcode = user["passcode"]?.string else {
            throw Failure.field("\(path).user.passcode", "is required")
        }
        let reference = try UserReference(user, at: "\(path).user")
        return Proof(user: try await identity.verify(passcode: passcode, of: reference).id, method: .totp)
    }

    /// A code still counts while the next one is typed.
    fileprivate static let earlierPeriods = 1
}

extension Identity {
    /// Wrong codes count as wrong passwords do: there are only a million of them.
    fileprivate func verify(passcode: String, of reference: UserReference) async throws(Failure) -> User {
        let found = try await database.read { tx in
            try tx.activeUser(reference).map { ($0, try tx.credentials(of: $0.id, type: "totp")) }
        }
        guard let (user, credentials) = found else { throw .noToken }
        try refuseLocked(user)
        let now = world.now
        let isRight = credentials.contains { credential in
            guard let secret = credentialKeys.open(credential), let totp = TOTP(base32: secret) else { return false }
            return totp.accepts(passcode, at: now, earlierPeriods: AuthenticationMethod.earlierPeriods)
        }
        guard isRight else {
            try await noteFailure(of: user)
            throw .noToken
        }
        return user
    }
}
