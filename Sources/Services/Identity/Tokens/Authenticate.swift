import API
import Base
import SQL

/// Somebody has shown who they are.
struct Proof: Sendable {
    let user: ID<User>
    let method: TokenMethod
    /// The token that was shown, when one was.
    var token: TokenContent?
}

extension Identity {
    /// From the body of `POST /v3/auth/tokens` to a token.
    func authenticate(_ body: JSON) async throws(Failure) -> Token {
        guard let auth = body["auth"] else { throw .field("auth", "is required") }
        let proofs = try await prove(auth)
        guard let first = proofs.first else { throw .field("auth.identity.methods", "must not be empty") }
        guard proofs.allSatisfy({ $0.user == first.user }) else { throw .noToken }
        let parent = proofs.lazy.compactMap(\.token).first
        let target = try await target(auth["scope"], of: first.user)
        var methods = parent?.methods ?? []
        for proof in proofs where !methods.contains(proof.method) { methods.append(proof.method) }
        return try await tokens.issue(user: first.user, methods: methods, target: target, parent: parent)
    }

    // MARK: Who

    private func prove(_ auth: JSON) async throws(Failure) -> [Proof] {
        guard let identity = auth["identity"], let methods = identity["methods"]?.array?.compactMap(\.string) else {
            throw .field("auth.identity.methods", "is required")
        }
        var proofs: [Proof] = []
        for name in methods {
            guard let method = TokenMethod(rawValue: name) else {
                throw Failure(.unauthenticated, "Attempted to authenticate with an unsupported method.")
            }
            guard let data = identity[name] else { throw .field("auth.identity.\(name)", "is required") }
            proofs.append(try await prove(method, data))
        }
        return proofs
    }

    private func prove(_ method: TokenMethod, _ data: JSON) async throws(Failure) -> Proof {
        switch method {
        case .password:
            guard let user = data["user"] else { throw .field("auth.identity.password.user", "is required") }
            guard let password = user["password"]?.string else {
                throw .field("auth.identity.password.user.password", "is required")
            }
            let reference = try UserReference(user, at: "auth.identity.password.user")
            return Proof(user: try await verify(password, of: reference).id, method: .password)
        case .token:
            guard let text = data["id"]?.string else { throw .field("auth.identity.token.id", "is required") }
            let token = try await tokens.token(text)
            return Proof(user: token.content.user, method: .token, token: token.content)
        default: throw Failure(.unauthenticated, "Attempted to authenticate with an unsupported method.")
        }
    }

    // MARK: Where

    private func target(_ scope: JSON?, of user: ID<User>) async throws(Failure) -> TokenContent.Target {
        guard let scope, scope.string != "unscoped", scope["unscoped"] == nil else {
            return scope == nil ? try await defaultTarget(of: user) : .unscoped
        }
        guard let object = scope.object, object.members.count == 1 else {
            throw .field("auth.scope", "must name one of project, domain, system")
        }
        let target = try await database.read { try $0.target(object) }
        guard let target, try await database.read({ try !$0.roles(of: user, on: target.assigned).isEmpty }) else {
            throw .noToken
        }
        return target
    }

    /// A user who doesn't say gets the project that is marked as theirs, as far as they may still use it.
    private func defaultTarget(of id: ID<User>) async throws(Failure) -> TokenContent.Target {
        try await database.read { tx in
            guard let project = try tx.user(id).defaultProject,
                let target = try tx.target(project: ["id": .string(project.text)]),
                try !tx.roles(of: id, on: target.assigned).isEmpty
            else { return .unscoped }
            return target
        }
    }
}

extension Transaction {
    /// What a scope names; nil when there is no such thing, or it is switched off.
    fileprivate func target(_ scope: JSON.Object) throws(Failure) -> TokenContent.Target? {
        if let project = scope["project"] { return try target(project: project) }
        if let domain = scope["domain"] {
            guard let domain = try self.domain(try DomainReference(domain, at: "auth.scope.domain")), domain.isEnabled
            else {
                return nil
            }
            return .domain(domain.id)
        }
        if let system = scope["system"] {
            guard system["all"]?.looseBool == true else { throw .field("auth.scope.system.all", "must be true") }
            return .system
        }
        throw .field("auth.scope", "must name one of project, domain, system")
    }

    fileprivate func target(project reference: JSON) throws(Failure) -> TokenContent.Target? {
        let found: Project?
        if let id = reference["id"]?.string {
            found = try row("SELECT * FROM project WHERE id = \(id)")
        } else {
            guard let name = reference["name"]?.string else {
                throw .field("auth.scope.project", "id or name must be present")
            }
            guard let domain = try domain(try DomainReference(reference["domain"], at: "auth.scope.project.domain"))
            else {
                return nil
            }
            found = try project(named: name, in: domain.id)
        }
        guard let project = found, project.isEnabled else { return nil }
        if let domainID = project.domain, try !domain(domainID).isEnabled { return nil }
        return .project(project.id)
    }
}

extension TokenContent.Target {
    /// What roles have to be granted on for it.
    var assigned: Assignment.Target {
        switch self {
        case .project(let id): .project(id)
        case .domain(let id): .domain(id)
        case .system, .unscoped: .system
        }
    }
}
