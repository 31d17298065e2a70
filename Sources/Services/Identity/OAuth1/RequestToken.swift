import Base
import SQL

/// What a consumer asks a user to agree to: to act on a project. It becomes an access token once the user has.
struct RequestToken: Record, Hashable, Sendable {
    /// How long a user has to agree.
    static let lifetime: Duration = .seconds(8 * 3_600)

    let id: ID<RequestToken>
    let secret: Sealed
    let consumer: ID<Consumer>
    let project: ID<Project>
    let expires: Moment
    /// Who has agreed, and what the consumer must say to show that it was told so.
    var agreed: Agreement?

    struct Agreement: Hashable, Sendable {
        let user: ID<User>
        let verifier: String
    }

    /// Letters and digits that nobody mistakes for others: people type verifiers.
    private static let letters = Array("abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789")

    static func verifier(_ chance: any Chance) -> String {
        String((0..<8).map { _ in letters[chance.below(letters.count)] })
    }

    func refuseExpired(at now: Moment) throws(Failure) {
        guard now <= expires else { throw Failure(.unauthenticated, "Request token is expired") }
    }
}

extension RequestToken {
    static let created = Migration(
        "create oauth_request_token",
        """
        CREATE TABLE oauth_request_token (
            id          VARCHAR(64) NOT NULL PRIMARY KEY,
            secret      MEDIUMTEXT  NOT NULL,
            consumer_id VARCHAR(64) NOT NULL,
            project_id  VARCHAR(64) NOT NULL,
            expires_at  BIGINT      NOT NULL,
            user_id     VARCHAR(64),
            verifier    VARCHAR(64),
            FOREIGN KEY (consumer_id) REFERENCES oauth_consumer (id)
        )
        """,
        "CREATE INDEX oauth_request_token_by_project ON oauth_request_token (project_id)",
        "CREATE INDEX oauth_request_token_by_consumer ON oauth_request_token (consumer_id)",
        "CREATE INDEX oauth_request_token_by_end ON oauth_request_token (expires_at)",
        """
        CREATE TABLE oauth_token_role (
            token_id VARCHAR(64) NOT NULL,
            role_id  VARCHAR(64) NOT NULL,
            PRIMARY KEY (token_id, role_id)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        let (user, verifier) = (try row.optionalText("user_id"), try row.optionalText("verifier"))
        var agreed: Agreement?
        if let user, let verifier { agreed = Agreement(user: ID(user), verifier: verifier) }
        self.init(
            id: try row.id("id"), secret: try row.sealed("secret"), consumer: try row.id("consumer_id"),
            project: try row.id("project_id"), expires: try row.moment("expires_at"), agreed: agreed)
    }
}

extension Transaction {
    func requestToken(_ id: ID<RequestToken>) throws(Failure) -> RequestToken {
        guard let token: RequestToken = try row("SELECT * FROM oauth_request_token WHERE id = \(id)") else {
            throw .notFound("request token", id.text)
        }
        return token
    }

    func insert(_ token: RequestToken) throws(Failure) {
        try insert(
            into: "oauth_request_token",
            [
                "id": token.id, "secret": token.secret, "consumer_id": token.consumer, "project_id": token.project,
                "expires_at": token.expires,
            ])
    }

    /// Notes that a user agrees, and to which roles. Whoever agrees last, counts.
    func note(_ agreed: RequestToken.Agreement, to id: ID<RequestToken>, roles: [Role]) throws(Failure) {
        try run(
            """
            UPDATE oauth_request_token SET user_id = \(agreed.user), verifier = \(agreed.verifier) WHERE id = \(id)
            """)
        try run("DELETE FROM oauth_token_role WHERE token_id = \(id)")
        for role in Set(roles.map(\.id)) { try insert(into: "oauth_token_role", ["token_id": id, "role_id": role]) }
    }

    /// The request token is used up by it, so that nobody gets two for one.
    func exchange(_ request: RequestToken, for token: AccessToken) throws(Failure) {
        try insert(
            into: "oauth_access_token",
            [
                "id": token.id, "secret": token.secret, "consumer_id": token.consumer, "project_id": token.project,
                "user_id": token.user, "expires_at": token.expires,
            ])
        try run("UPDATE oauth_token_role SET token_id = \(token.id) WHERE token_id = \(request.id)")
        try run("DELETE FROM oauth_request_token WHERE id = \(request.id)")
    }

    func deleteOAuthTokens(ofUser id: ID<User>) throws(Failure) {
        try run("DELETE FROM oauth_request_token WHERE user_id = \(id)")
        try deleteAccessTokens("user_id = \(id)")
    }

    func deleteOAuthTokens(onProject id: ID<Project>) throws(Failure) {
        try run("DELETE FROM oauth_request_token WHERE project_id = \(id)")
        try deleteAccessTokens("project_id = \(id)")
    }

    /// What nobody can use any more.
    func deleteOAuthTokens(endingBefore now: Moment) throws(Failure) {
        try run("DELETE FROM oauth_request_token WHERE expires_at < \(now)")
        try deleteAccessTokens("expires_at < \(now)")
        try run(
            """
            DELETE FROM oauth_token_role WHERE token_id NOT IN (SELECT id FROM oauth_request_token)
            AND token_id NOT IN (SELECT id FROM oauth_access_token)
            """)
    }
}
