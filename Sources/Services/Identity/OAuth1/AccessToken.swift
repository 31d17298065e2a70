import Base
import SQL

/// By what a consumer acts for a user on one project, with some of the user's roles, for a day.
struct AccessToken: Resource, Hashable {
    static let one = "access_token"
    static let many = "access_tokens"
    static let lifetime: Duration = .seconds(24 * 3_600)

    let id: ID<AccessToken>
    let secret: Sealed
    let consumer: ID<Consumer>
    let project: ID<Project>
    let user: ID<User>
    let expires: Moment
    var roles: [Role] = []
}

extension AccessToken {
    var path: String { "/users/\(user)/OS-OAUTH1/access_tokens/\(id)" }

    func isExpired(at now: Moment) -> Bool { now > expires }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("consumer_id", consumer)
        json.put("project_id", project)
        json.put("authorizing_user_id", user)
        json.put("expires_at", expires, as: .identity)
    }
}

extension AccessToken {
    static let created = Migration(
        "create oauth_access_token",
        """
        CREATE TABLE oauth_access_token (
            id          VARCHAR(64) NOT NULL PRIMARY KEY,
            secret      MEDIUMTEXT  NOT NULL,
            consumer_id VARCHAR(64) NOT NULL,
            project_id  VARCHAR(64) NOT NULL,
            user_id     VARCHAR(64) NOT NULL,
            expires_at  BIGINT      NOT NULL,
            FOREIGN KEY (consumer_id) REFERENCES oauth_consumer (id)
        )
        """,
        "CREATE INDEX oauth_access_token_by_user ON oauth_access_token (user_id)",
        "CREATE INDEX oauth_access_token_by_project ON oauth_access_token (project_id)",
        "CREATE INDEX oauth_access_token_by_consumer ON oauth_access_token (consumer_id)",
        "CREATE INDEX oauth_access_token_by_end ON oauth_access_token (expires_at)")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), secret: try row.sealed("secret"), consumer: try row.id("consumer_id"),
            project: try row.id("project_id"), user: try row.id("user_id"), expires: try row.moment("expires_at"))
    }
}

extension Transaction {
    func accessTokens(of user: ID<User>) throws(Failure) -> [AccessToken] {
        try rows("SELECT * FROM oauth_access_token WHERE user_id = \(user) ORDER BY id")
    }

    /// With the roles that were lent.
    func accessToken(_ id: ID<AccessToken>) throws(Failure) -> AccessToken? {
        guard var token: AccessToken = try row("SELECT * FROM oauth_access_token WHERE id = \(id)") else { return nil }
        token.roles = try rows(
            "SELECT * FROM role WHERE id IN (SELECT role_id FROM oauth_token_role WHERE token_id = \(id)) ORDER BY id")
        return token
    }

    /// The roles that it gives now: what was lent, with all that is implied, as far as its user still has it.
    func roles(under token: AccessToken) throws(Failure) -> [Role] {
        let lent = Set(try roleBook().effective(token.roles.map(\.id)).map(\.id))
        return try roles(of: token.user, on: .project(token.project)).filter { lent.contains($0.id) }
    }

    func deleteAccessTokens(_ condition: SQL) throws(Failure) {
        try run(
            "DELETE FROM oauth_token_role WHERE token_id IN (SELECT id FROM oauth_access_token WHERE \(condition))")
        try run("DELETE FROM oauth_access_token WHERE \(condition)")
    }
}
