import Base
import HTTP
import SQL

/// A way of showing who one is: what stands under its name in `auth.identity`, made into a proof.
struct AuthenticationMethod: Sendable {
    let method: TokenMethod
    let prove: @Sendable (_ data: JSON, _ path: String, Attempt) async throws -> Proof

    static let all: [AuthenticationMethod] = [.password, .token, .applicationCredential, .totp, .oauth1]
}

/// A request that is to prove something, and who looks at it.
struct Attempt: Sendable {
    let identity: Identity
    let request: HTTPRequest
    /// Where it came to.
    let url: String
}

/// Somebody has shown who they are.
struct Proof: Sendable {
    let user: ID<User>
    let method: TokenMethod
    /// The token that was shown, when one was.
    var token: Token?
    /// The application credential that was shown, which also says where to.
    var applicationCredential: ApplicationCredential?
    /// What somebody lent the consumer that signed the request.
    var accessToken: AccessToken?
}

extension Attempt {
    /// What each of the methods that a body names proves.
    func prove(_ identity: JSON?) async throws(Failure) -> [Proof] {
        guard let identity, let names = identity["methods"]?.array?.compactMap(\.string), !names.isEmpty else {
            throw .field("auth.identity.methods", "is required")
        }
        var proofs: [Proof] = []
        for name in names where !proofs.contains(where: { $0.method.rawValue == name }) {
            guard let way = AuthenticationMethod.all.first(where: { $0.method.rawValue == name }) else {
                throw Failure(.unauthenticated, "Attempted to authenticate with an unsupported method.")
            }
            let path = "auth.identity.\(name)"
            guard let data = identity[name] else { throw .field(path, "is required") }
            do { proofs.append(try await way.prove(data, path, self)) } catch { throw Failure(error) }
        }
        return proofs
    }
}
