import Base
import Crypto
import Policy
import SQL

extension Transaction {
    /// All that a token's ids stand for, as it is now. Throws if any of it no longer lets the token be used.
    func token(_ text: String, _ content: TokenContent) throws(Failure) -> Token {
        guard let user: User = try row("SELECT * FROM user WHERE id = \(content.user)"), user.isEnabled,
            let domain: Domain = try row("SELECT * FROM project WHERE id = \(user.domain) AND domain_id = ''"),
            domain.isEnabled
        else { throw .noToken }
        let reach = try reach(of: content.target)
        let roles = try roles(in: content)
        if case .unscoped = content.target {
        } else {
            guard !roles.isEmpty else { throw .noToken }
        }
        return Token(
            text: text, content: content,
            user: Caller.Named(id: user.id.text, name: user.name, domainID: domain.id.text, domainName: domain.name),
            passwordExpires: user.passwordExpires, reach: reach, roles: roles)
    }

    private func reach(of target: TokenContent.Target) throws(Failure) -> Token.Reach {
        switch target {
        case .unscoped: return .unscoped
        case .system: return .system
        case .domain(let id):
            guard let domain: Domain = try row("SELECT * FROM project WHERE id = \(id) AND domain_id = ''"),
                domain.isEnabled
            else { throw .noToken }
            return .domain(id: domain.id.text, name: domain.name)
        case .project(let id):
            guard let project: Project = try row("SELECT * FROM project WHERE id = \(id)"), project.isEnabled else {
                throw .noToken
            }
            guard let domainID = project.domain else {
                return .project(
                    Caller.Named(id: id.text, name: project.name, domainID: "", domainName: ""), isDomain: true)
            }
            let domain = try domain(domainID)
            guard domain.isEnabled else { throw .noToken }
            let named = Caller.Named(id: id.text, name: project.name, domainID: domain.id.text, domainName: domain.name)
            return .project(named, isDomain: false)
        }
    }

    private func roles(in content: TokenContent) throws(Failure) -> [Role] {
        switch content.target {
        case .unscoped: return []
        case .system: return try roles(of: content.user, on: .system)
        case .domain(let id): return try roles(of: content.user, on: .domain(id))
        case .project(let id): return try roles(of: content.user, on: .project(id))
        }
    }
}

/// The mark by which a token is told from others without showing it: 22 characters of URL-safe base64.
enum Base64Mark {
    static func make(_ chance: any Chance) -> String { Base64.url.unpadded.text(chance.bytes(16)) }
}
