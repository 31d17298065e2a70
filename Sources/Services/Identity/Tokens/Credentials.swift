import Base
import SQL

/// How a body names a user: by id, or by name within a domain.
enum UserReference: Sendable {
    case id(ID<User>)
    case name(String, in: DomainReference)

    init(_ json: JSON, at path: String) throws(Failure) {
        if let id = json["id"]?.string {
            self = .id(ID(id))
        } else {
            guard let name = json["name"]?.string else { throw .field(path, "id or name must be present") }
            self = .name(name, in: try DomainReference(json["domain"], at: "\(path).domain"))
        }
    }
}

enum DomainReference: Sendable {
    case id(ID<Domain>)
    case name(String)

    init(_ json: JSON?, at path: String) throws(Failure) {
        if let id = json?["id"]?.string {
            self = .id(ID(id))
        } else if let name = json?["name"]?.string {
            self = .name(name)
        } else {
            throw .field(path, "id or name must be present")
        }
    }
}

extension Transaction {
    func user(_ reference: UserReference) throws(Failure) -> User? {
        switch reference {
        case .id(let id): return try row("SELECT * FROM user WHERE id = \(id)")
        case .name(let name, let domain):
            guard let domain = try self.domain(domain) else { return nil }
            return try user(named: name, in: domain.id)
        }
    }

    func domain(_ reference: DomainReference) throws(Failure) -> Domain? {
        switch reference {
        case .id(let id): try row("SELECT * FROM project WHERE id = \(id) AND domain_id = ''")
        case .name(let name): try row("SELECT * FROM project WHERE name = \(name) AND domain_id = ''")
        }
    }

    /// Whether somebody of this name may log in at all.
    fileprivate func login(_ reference: UserReference) throws(Failure) -> (User, Password)? {
        guard let user = try user(reference), user.isEnabled, let domain = try self.domain(.id(user.domain)),
            domain.isEnabled, let password = try password(of: user.id)
        else { return nil }
        return (user, password)
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
        guard !user.isLocked(at: world.now, settings) else {
            throw Failure(.unauthenticated, "The account is locked for user: \(user.id).")
        }
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

    private func noteFailure(of user: User) async throws(Failure) {
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
