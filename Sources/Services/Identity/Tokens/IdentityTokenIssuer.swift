package import Base
import Contracts
import SQL
import Synchronization

/// Identity makes the tokens of those who act when no request is at hand. They live as long as any other.
extension Identity: TokenIssuer {
    package func token(user: String, project: String) async throws(Failure) -> String {
        let grant = Grant(target: .project(ID(project)), delegation: nil, ends: nil)
        return try await tokens.issue(user: ID(user), methods: [.external], grant: grant, parent: nil).text
    }

    /// The same one again for as long as it is good for a while yet.
    package func serviceToken() async throws(Failure) -> String {
        if let known = serviceTokens.recall(), let token = try? await tokens.token(known),
            world.now + ServiceTokenMemory.remainder < token.content.expires
        {
            return known
        }
        let domain = settings.defaultDomain
        let (user, project) = try await database.read { tx in
            guard let user = try tx.user(named: Bootstrap.serviceUser, in: domain),
                let project = try tx.project(named: "service", in: domain)
            else { throw Failure.unavailable("The cloud has no user for its own services.") }
            return (user.id.text, project.id.text)
        }
        let fresh = try await token(user: user, project: project)
        serviceTokens.keep(fresh)
        return fresh
    }
}

/// The token by which services act, until it is about to expire.
final class ServiceTokenMemory: Sendable {
    /// Long enough for whatever is begun with it.
    static let remainder: Duration = .seconds(900)

    private let state = Mutex<String?>(nil)

    func recall() -> String? { state.withLock { $0 } }
    func keep(_ token: String) { state.withLock { $0 = token } }
}
