import Base
import Policy

/// Proof of who somebody is and what they may do somewhere, for a while. Nothing of it is stored: it carries the ids
/// that it stands for, and the rest is looked up when it is issued or first seen.
struct Token: Sendable {
    /// The text that clients carry. It is a secret.
    let text: String
    let content: TokenContent
    let user: Caller.Named
    let passwordExpires: Moment?
    let reach: Reach
    let roles: [Role]

    enum Reach: Sendable {
        case unscoped
        case project(Caller.Named, isDomain: Bool)
        case domain(id: String, name: String)
        case system
    }
}

extension Token {
    var caller: Caller {
        let reach: Caller.Reach =
            switch self.reach {
            case .unscoped: .none
            case .project(let project, _): .project(project)
            case .domain(let id, let name): .domain(id: id, name: name)
            case .system: .system
            }
        return Caller(user: user, reach: reach, roles: roles.map(\.name), expires: content.expires, token: text)
    }

    var projectID: String? { if case .project(let project, _) = reach { project.id } else { nil } }

    var isScoped: Bool { if case .unscoped = reach { false } else { true } }
}

/// What is sealed inside a token.
struct TokenContent: Sendable, Hashable {
    var user: ID<User>
    var methods: [TokenMethod]
    var target: Target
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

    /// The mark that all tokens share that were made from one another.
    var chain: String { auditIDs.last ?? "" }
}

/// How somebody showed who they are. The bits are those that Keystone packs into its tokens.
enum TokenMethod: String, Sendable, CaseIterable {
    case external, password, token, oauth1, mapped
    case applicationCredential = "application_credential"
    case totp
    case ec2credential

    var bit: Int64 { 1 << Int64(TokenMethod.allCases.firstIndex(of: self) ?? 0) }
}
