import Base
import Crypto
import Policy
import SQL

extension Transaction {
    /// All that a token's ids stand for, as it is now. Throws if any of it no longer lets the token be used.
    func token(_ text: String, _ content: TokenContent, at now: Moment) throws(Failure) -> Token {
        guard let bearer = try activeUser(.id(content.user)) else { throw .noToken }
        let reach = try reach(of: content.target)
        let delegation = try delegation(in: content, at: now)
        let roles = try roles(in: content, delegation)
        if case .unscoped = content.target {
        } else {
            guard !roles.isEmpty else { throw .noToken }
        }
        var user = bearer
        if case .trust(let trust) = delegation, trust.impersonates { user = try self.user(trust.trustor) }
        let domain = try domain(user.domain)
        return Token(
            text: text, content: content,
            user: Caller.Named(id: user.id.text, name: user.name, domainID: domain.id.text, domainName: domain.name),
            passwordExpires: user.passwordExpires, reach: reach, roles: roles, delegation: delegation)
    }

    private func delegation(in content: TokenContent, at now: Moment) throws(Failure) -> Token.Delegation? {
        switch content.delegation {
        case nil: return nil
        case .trust(let id):
            guard let trust = try trust(id), trust.trustee == content.user, try isAlive(trust, at: now) else {
                throw .noToken
            }
            return .trust(trust)
        case .applicationCredential(let id):
            guard let credential = try applicationCredential(id), credential.user == content.user,
                !credential.isExpired(at: now)
            else { throw .noToken }
            return .applicationCredential(credential)
        case .accessToken(let id):
            guard let token = try accessToken(id), token.user == content.user, !token.isExpired(at: now) else {
                throw .noToken
            }
            return .accessToken(token)
        }
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

    /// What is lent can't be more than what is there: the user's own roles limit an application credential's, and a
    /// trust is good for nothing as soon as its giver has lost one of its roles.
    private func roles(in content: TokenContent, _ delegation: Token.Delegation?) throws(Failure) -> [Role] {
        switch (content.target, delegation) {
        case (.unscoped, _): return []
        case (_, .trust(let trust)): return try roles(under: trust) ?? []
        case (let target, .applicationCredential(let credential)):
            let lent = Set(credential.roles.map(\.id))
            return try roles(of: content.user, on: target.assigned).filter { lent.contains($0.id) }
        case (_, .accessToken(let token)): return try roles(under: token)
        case (let target, nil): return try roles(of: content.user, on: target.assigned)
        }
    }
}

/// The mark by which a token is told from others without showing it: 22 characters of URL-safe base64.
enum Base64Mark {
    static func make(_ chance: any Chance) -> String { Base64.url.unpadded.text(chance.bytes(16)) }
}
