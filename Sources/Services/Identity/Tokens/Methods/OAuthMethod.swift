import API
import Base
import HTTP
import SQL

extension AuthenticationMethod {
    /// `{}`: the proof is the request's signature, made with the secrets of a consumer and of its access token.
    static let oauth1 = AuthenticationMethod(method: .oauth1) { _, _, attempt in
        let identity = attempt.identity
        let signature = try OAuthSignature(attempt.request, url: attempt.url)
        let (id, now) = (ID<AccessToken>(try signature.required("token")), identity.world.now)
        let consumerID = ID<Consumer>(try signature.required("consumer_key"))
        let (token, consumer) = try await identity.database.read { tx in
            guard let token = try tx.accessToken(id), token.consumer == consumerID,
                try tx.activeUser(.id(token.user)) != nil
            else { throw Failure.noToken }
            return (token, try tx.consumer(token.consumer))
        }
        guard !token.isExpired(at: now) else { throw Failure(.unauthenticated, "Access token is expired") }
        let keys = identity.credentialKeys
        try signature.verify(consumer: keys.reveal(consumer.secret), token: keys.reveal(token.secret), now: now)
        return Proof(user: token.user, method: .oauth1, accessToken: token)
    }
}
