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
}

extension Transaction {
    /// The user, if they may log in at all.
    func activeUser(_ reference: UserReference) throws(Failure) -> User? {
        guard let user = try user(reference), user.isEnabled, let domain = try domain(.id(user.domain)),
            domain.isEnabled
        else { return nil }
        return user
    }
}
