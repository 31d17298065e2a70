import Base
import SQL

extension AuthenticationMethod {
    /// `{"id": …, "secret": …}`, or its name and its user instead of the id.
    static let applicationCredential = AuthenticationMethod(method: .applicationCredential) { data, path, attempt in
        let identity = attempt.identity
        guard let secret = data["secret"]?.string else { throw Failure.field("\(path).secret", "is required") }
        let found = try await identity.find(data, path)
        guard let (credential, hash) = found else {
            try await identity.passwords.pretend(secret)
            throw Failure.noToken
        }
        guard try await identity.passwords.verify(secret, against: hash, now: identity.world.now),
            !credential.isExpired(at: identity.world.now)
        else { throw Failure.noToken }
        return Proof(user: credential.user, method: .applicationCredential, applicationCredential: credential)
    }
}

extension Identity {
    /// The credential that is meant and the hash of its secret, if its user may log in.
    fileprivate func find(_ data: JSON, _ path: String) async throws(Failure) -> (ApplicationCredential, String)? {
        if let id = data["id"]?.string {
            return try await database.read { tx in
                guard let credential = try tx.applicationCredential(ID(id)),
                    try tx.activeUser(.id(credential.user)) != nil
                else { return nil }
                return (credential, try tx.secretHash(of: credential.id))
            }
        }
        guard let name = data["name"]?.string else { throw .field(path, "id or name must be present") }
        guard let user = data["user"] else { throw .field("\(path).user", "is required") }
        let reference = try UserReference(user, at: "\(path).user")
        return try await database.read { tx in
            guard let user = try tx.activeUser(reference),
                let credential = try tx.applicationCredential(named: name, of: user.id)
            else { return nil }
            return (credential, try tx.secretHash(of: credential.id))
        }
    }
}
