import Base

extension AuthenticationMethod {
    /// `{"id": …}`: a token for another scope. It ends when the first one does.
    static let token = AuthenticationMethod(method: .token) { data, path, attempt in
        let identity = attempt.identity
        guard let text = data["id"]?.string else { throw Failure.field("\(path).id", "is required") }
        let token = try await identity.tokens.subject(text)
        // What was lent to somebody is not theirs to make more of.
        switch token.delegation {
        case .trust: throw Failure.noExchange("a trust-scoped token")
        case .applicationCredential, .accessToken: throw Failure.noExchange("a delegated token")
        case nil: break
        }
        guard !token.content.methods.contains(.ec2credential) else { throw Failure.noExchange("a delegated token") }
        guard identity.settings.allowsRescoping || !token.isScoped else { throw Failure.noExchange("a scoped token") }
        return Proof(user: token.content.user, method: .token, token: token)
    }
}

extension Failure {
    static func noExchange(_ what: String) -> Failure {
        .forbidden(
            "You are not authorized to perform the requested action: Using \(what) to create another token is not allowed."
        )
    }
}
