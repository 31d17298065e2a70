import Base
import Policy
import Synchronization

/// Proof of who somebody is and what they may do somewhere, for a while. Nothing of it is stored: it carries the ids
/// that it stands for, and the rest is looked up when it is issued or first seen. Whoever holds it shares it.
final class Token: Sendable {
    /// The text that clients carry. It is a secret.
    let text: String
    let content: TokenContent
    /// Who acts: with a trust that impersonates, the one who gave it.
    let user: Caller.Named
    let passwordExpires: Moment?
    let reach: Reach
    let roles: [Role]
    let delegation: Delegation?
    /// Whom a request with it comes from.
    let caller: Caller
    /// What is shown of it but for the catalog, once it was asked for.
    let written = Mutex<[UInt8]?>(nil)

    init(
        text: String, content: TokenContent, user: Caller.Named, passwordExpires: Moment?, reach: Reach, roles: [Role],
        delegation: Delegation? = nil
    ) {
        self.text = text
        self.content = content
        self.user = user
        self.passwordExpires = passwordExpires
        self.reach = reach
        self.roles = roles
        self.delegation = delegation
        caller = Caller(
            user: user, reach: reach.ofCaller, roles: roles.map(\.name), expires: content.expires,
            delegations: Token.delegations(delegation, content), accessRules: delegation?.accessRules ?? [], token: text
        )
    }

    /// Another token of the same user for the same target.
    convenience init(_ text: String, _ content: TokenContent, like other: Token) {
        self.init(
            text: text, content: content, user: other.user, passwordExpires: other.passwordExpires, reach: other.reach,
            roles: other.roles, delegation: other.delegation)
    }

    enum Reach: Sendable {
        case unscoped
        case project(Caller.Named, isDomain: Bool)
        case domain(id: String, name: String)
        case system
    }

    /// What lends it its power, when that isn't its user's own standing.
    enum Delegation: Sendable {
        case trust(Trust)
        case applicationCredential(ApplicationCredential)
        case accessToken(AccessToken)
    }
}

extension Token.Reach {
    fileprivate var ofCaller: Caller.Reach {
        switch self {
        case .unscoped: .none
        case .project(let project, _): .project(project)
        case .domain(let id, let name): .domain(id: id, name: name)
        case .system: .system
        }
    }
}

extension Token.Delegation {
    fileprivate var accessRules: [AccessRule] {
        if case .applicationCredential(let credential) = self { credential.accessRules } else { [] }
    }
}

extension Token {
    private static func delegations(_ delegation: Delegation?, _ content: TokenContent) -> [Caller.Delegation] {
        var delegations: [Caller.Delegation] = []
        switch delegation {
        case .trust(let trust): delegations.append(.trust(trust.id.text))
        case .applicationCredential(let credential):
            delegations.append(.applicationCredential(isUnrestricted: credential.isUnrestricted))
        case .accessToken: delegations.append(.signature)
        case nil: break
        }
        if content.methods.contains(.ec2credential) { delegations.append(.signature) }
        return delegations
    }

    /// The users whose standing decides whether it is good.
    var people: Set<ID<User>> {
        guard case .trust(let trust) = delegation else { return [content.user] }
        return Set(trust.chain.flatMap { [$0.trustor, $0.trustee] })
    }

    var projectID: String? { if case .project(let project, _) = reach { project.id } else { nil } }

    var isScoped: Bool { if case .unscoped = reach { false } else { true } }
}

/// What is sealed inside a token.
struct TokenContent: Sendable, Hashable {
    var user: ID<User>
    var methods: [TokenMethod]
    var target: Target
    var delegation: Delegation?
    var issued: Moment
    var expires: Moment
    /// Its own mark, and behind it the mark of the token that it was first made from.
    var auditIDs: [String]

    enum Target: Sendable, Hashable {
        case unscoped
        case project(ID<Project>)
        case domain(ID<Domain>)
        case system
    }

    enum Delegation: Sendable, Hashable {
        case trust(ID<Trust>)
        case applicationCredential(ID<ApplicationCredential>)
        case accessToken(ID<AccessToken>)
    }

    /// The mark that all tokens share that were made from one another.
    var chain: String { auditIDs.last ?? "" }
}

/// How somebody showed who they are. The bits are those that Keystone packs into its tokens
/// when it is configured as it comes; what it leaves out by default stands last.
enum TokenMethod: String, Sendable, CaseIterable {
    case external, password, token, oauth1, mapped
    case applicationCredential = "application_credential"
    case ec2credential
    case totp

    var bit: Int64 { 1 << Int64(TokenMethod.allCases.firstIndex(of: self) ?? 0) }
}
