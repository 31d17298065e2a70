import API
package import Base
package import Policy

/// Identity checks tokens for every service of its process, without a socket and mostly without a database.
extension Identity: Authenticator {
    package func caller(token: String, evenIfExpired: Bool) async throws(Failure) -> Caller {
        try await tokens.token(token, evenIfExpired: evenIfExpired).caller
    }
}
