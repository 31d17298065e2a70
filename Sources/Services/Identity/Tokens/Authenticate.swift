import API
import Base
import HTTP
import SQL

/// What comes of an attempt to authenticate that wasn't refused.
enum Authenticated: Sendable {
    case token(Token)
    /// So far so good, but the user's rules ask for more.
    case receipt(Receipt, User)
}

extension Identity {
    /// From the body of `POST /v3/auth/tokens` to a token.
    ///
    /// It may bring the receipt of an earlier attempt, when that one wasn't enough.
    func authenticate(_ body: JSON, _ attempt: Attempt) async throws(Failure) -> Authenticated {
        guard let auth = body["auth"] else { throw .field("auth", "is required") }
        let proofs = try await attempt.prove(auth["identity"])
        guard let user = proofs.first?.user, proofs.allSatisfy({ $0.user == user }) else { throw .noToken }
        let parent = proofs.lazy.compactMap(\.token).first
        let methods = try methods(of: proofs, after: attempt.request.headers["openstack-auth-receipt"])
        let wish = Wish(
            user: user, parent: parent, credential: proofs.lazy.compactMap(\.applicationCredential).first,
            accessToken: proofs.lazy.compactMap(\.accessToken).first,
            scope: auth["scope"], now: world.now)
        let (account, grant) = try await database.read { tx in
            let account = try tx.user(user)
            return (account, account.isContent(with: methods) ? try tx.grant(wish) : nil)
        }
        guard !account.isInactive(at: world.now, settings) else {
            throw Failure(.unauthenticated, "The account is inactive for user: \(account.id).")
        }
        guard let grant else {
            let now = Moment(seconds: world.now.seconds)
            let receipt = Receipt(user: user, methods: methods, issued: now, expires: now + Receipt.lifetime)
            return .receipt(receipt, account)
        }
        let token = try await tokens.issue(user: user, methods: methods, grant: grant, parent: parent?.content)
        try await consume(token)
        try await noteActivity(of: account)
        return .token(token)
    }

    /// Once a day for each user, and only where somebody wants to know.
    private func noteActivity(of user: User) async throws(Failure) {
        let today = Moment(seconds: world.now.seconds / 86_400 * 86_400)
        guard settings.inactivityLimit != nil, user.lastActive.map({ $0 < today }) ?? true else { return }
        try await database.write { try $0.run("UPDATE user SET last_active_at = \(today) WHERE id = \(user.id)") }
    }

    /// The methods in all: of this request, of the token that it shows, and of the receipt that it brings.
    private func methods(of proofs: [Proof], after receipt: String?) throws(Failure) -> [TokenMethod] {
        var methods = proofs.lazy.compactMap(\.token).first?.content.methods ?? []
        if let receipt {
            guard let earlier = tokens.receipt(receipt), earlier.user == proofs.first?.user else { throw .noToken }
            methods += earlier.methods
        }
        methods += proofs.map(\.method)
        return TokenMethod.allCases.filter(methods.contains)
    }

    /// A trust may be good for so many tokens only.
    private func consume(_ token: Token) async throws(Failure) {
        guard case .trust(let trust) = token.delegation, trust.remainingUses != nil else { return }
        try await database.write { try $0.consume(trust) }
    }
}

/// Who asks for a token for what.
struct Wish: Sendable {
    let user: ID<User>
    let parent: Token?
    let credential: ApplicationCredential?
    let accessToken: AccessToken?
    let scope: JSON?
    let now: Moment
}

/// What a token is to be good for, and until when at most.
struct Grant: Sendable {
    var target: TokenContent.Target
    var delegation: TokenContent.Delegation?
    var ends: Moment?
}

extension Transaction {
    fileprivate func grant(_ wish: Wish) throws(Failure) -> Grant {
        if let credential = wish.credential {
            guard wish.scope == nil else {
                throw Failure(
                    .unauthenticated,
                    "Error authenticating with application credential: Application credentials cannot request a scope.")
            }
            return Grant(
                target: .project(credential.project), delegation: .applicationCredential(credential.id),
                ends: credential.expires)
        }
        if let token = wish.accessToken {
            guard wish.scope == nil else {
                throw Failure(.unauthenticated, "An access token is good for the project that it was given for.")
            }
            return Grant(target: .project(token.project), delegation: .accessToken(token.id), ends: token.expires)
        }
        guard let scope = wish.scope else { return Grant(target: try defaultTarget(of: wish.user)) }
        if scope.string == "unscoped" || scope["unscoped"] != nil { return Grant(target: .unscoped) }
        guard let object = scope.object, object.members.count == 1 else {
            throw .field("auth.scope", "must name one of project, domain, system, OS-TRUST:trust")
        }
        if let trust = object["OS-TRUST:trust"] { return try grant(trust, wish) }
        guard let target = try target(object) else { throw .noToken }
        if case .system = wish.parent?.reach, target != .system { throw .noExchange("a system-scoped token") }
        // Whether there is a role on it is seen when the token is made.
        return Grant(target: target)
    }

    private func grant(_ reference: JSON, _ wish: Wish) throws(Failure) -> Grant {
        guard let id = reference["id"]?.string else { throw .field("auth.scope.OS-TRUST:trust.id", "is required") }
        guard let trust = try usableTrust(ID(id), at: wish.now), let project = trust.project else { throw .noToken }
        guard trust.trustee == wish.user else { throw .forbidden("User is not a trustee.") }
        guard try target(project: ["id": .string(project.text)]) != nil else { throw .noToken }
        guard try roles(under: trust) != nil else { throw .forbidden("Trustee has no delegated roles.") }
        return Grant(target: .project(project), delegation: .trust(trust.id), ends: trust.expires)
    }

    /// A user who doesn't say gets the project that is marked as theirs, as far as they may still use it.
    private func defaultTarget(of id: ID<User>) throws(Failure) -> TokenContent.Target {
        guard let project = try user(id).defaultProject,
            let target = try target(project: ["id": .string(project.text)]),
            try !roles(of: id, on: target.assigned).isEmpty
        else { return .unscoped }
        return target
    }

    /// What a scope names; nil when there is no such thing, or it is switched off.
    private func target(_ scope: JSON.Object) throws(Failure) -> TokenContent.Target? {
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
        throw .field("auth.scope", "must name one of project, domain, system, OS-TRUST:trust")
    }

    private func target(project reference: JSON) throws(Failure) -> TokenContent.Target? {
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
