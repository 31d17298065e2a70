import API
import Base
import HTTP
import Policy
import SQL

extension User {
    static let created = Migration(
        "create user",
        """
        CREATE TABLE user (
            id                 VARCHAR(64)  NOT NULL PRIMARY KEY,
            name               VARCHAR(255) NOT NULL,
            domain_id          VARCHAR(64)  NOT NULL,
            enabled            BOOLEAN      NOT NULL,
            default_project_id VARCHAR(64),
            options            MEDIUMTEXT   NOT NULL,
            extra              MEDIUMTEXT   NOT NULL,
            password_expires_at BIGINT,
            failures           BIGINT       NOT NULL,
            failed_at          BIGINT,
            UNIQUE (domain_id, name),
            FOREIGN KEY (domain_id) REFERENCES project (id)
        )
        """,
        """
        CREATE TABLE password (
            position   \(.serial),
            user_id    VARCHAR(64)  NOT NULL,
            hash       VARCHAR(255) NOT NULL,
            created_at BIGINT       NOT NULL,
            expires_at BIGINT,
            is_own     BOOLEAN      NOT NULL,
            FOREIGN KEY (user_id) REFERENCES user (id)
        )
        """,
        "CREATE INDEX password_by_user ON password (user_id)")

    static let activity = Migration("add user.last_active_at", "ALTER TABLE user ADD COLUMN last_active_at BIGINT")

    static let filters: [Filter] = [
        .text("name", "name"), .boolean("enabled", "enabled"), .text("domain_id", "domain_id"),
    ]

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), name: try row.text("name"), domain: try row.id("domain_id"),
            isEnabled: try row.bool("enabled"), defaultProject: try row.optionalID("default_project_id"),
            options: try row.options("options"), extra: try row.extra("extra"),
            passwordExpires: try row.optionalMoment("password_expires_at"), failures: try row.integer("failures"),
            failed: try row.optionalMoment("failed_at"),
            lastActive: try row.optionalMoment("last_active_at"))
    }
}

extension Transaction {
    func users(_ query: Parameters, in scope: Scope) throws(Failure) -> Page<User> {
        let conditions = [
            User.filters.condition(query), try expiryCondition(query),
            scope.condition(["target.domain_id": "domain_id"]),
        ]
        return try page("SELECT * FROM user WHERE \(SQL.all(conditions))", query)
    }

    /// `password_expires_at=lt:2026-12-08T22:02:00Z`, with lt, lte, gt, gte, eq or neq in front.
    private func expiryCondition(_ query: Parameters) throws(Failure) -> SQL {
        guard let text = query["password_expires_at"] else { return "1 = 1" }
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        let operations: [String: SQL] = ["lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "=", "neq": "<>"]
        let hasOperation = parts.count == 2 && operations[parts[0]] != nil
        guard let moment = Moment(iso8601: hasOperation ? parts[1] : text) else {
            throw .field("password_expires_at", "must be a time, such as lt:2026-12-08T22:02:00Z")
        }
        let operation = hasOperation ? operations[parts[0]] ?? "=" : "="
        return "password_expires_at \(operation) \(moment)"
    }

    func user(_ id: ID<User>, in scope: Scope) throws(Failure) -> User {
        try scope.admit(try row("SELECT * FROM user WHERE id = \(id)"), id)
    }

    func user(_ id: ID<User>) throws(Failure) -> User { try user(id, in: .everywhere) }

    func user(named name: String, in domain: ID<Domain>) throws(Failure) -> User? {
        try row("SELECT * FROM user WHERE name = \(name) AND domain_id = \(domain)")
    }

    func insert(_ user: User) throws(Failure) {
        guard try exists("SELECT 1 FROM project WHERE id = \(user.domain) AND domain_id = ''") else {
            throw .notFound(Domain.one, user.domain.text)
        }
        do throws(Failure) {
            try insert(
                into: "user",
                [
                    "id": user.id, "name": user.name, "domain_id": user.domain, "enabled": user.isEnabled,
                    "default_project_id": user.defaultProject, "options": user.options, "extra": user.extra,
                    "password_expires_at": user.passwordExpires, "failures": 0,
                ])
        } catch  where error.kind == .conflict {
            throw user.conflict
        }
    }

    func update(_ user: User) throws(Failure) {
        do throws(Failure) {
            try run(
                """
                UPDATE user SET name = \(user.name), enabled = \(user.isEnabled),
                    default_project_id = \(user.defaultProject), options = \(user.options), extra = \(user.extra),
                    password_expires_at = \(user.passwordExpires), failures = \(user.failures), failed_at = \(user.failed)
                WHERE id = \(user.id)
                """)
        } catch  where error.kind == .conflict {
            throw user.conflict
        }
    }

    func setPassword(_ password: Password, of user: inout User, keeping history: Int) throws(Failure) {
        try insert(password, of: user.id, keeping: history)
        user.passwordExpires = password.expires
        user.failures = 0
        user.failed = nil
        try update(user)
    }

    /// All that is the user's, or granted to them, goes with them.
    func deleteUser(_ id: ID<User>) throws(Failure) {
        try deleteTrusts(ofUser: id)
        try deleteOAuthTokens(ofUser: id)
        try deleteApplicationCredentials(ofUser: id)
        try deleteAccessRules(ofUser: id)
        try deleteCredentials(ofUser: id)
        try run("DELETE FROM membership WHERE user_id = \(id)")
        try run("DELETE FROM assignment WHERE actor_kind = 'user' AND actor_id = \(id)")
        try run("DELETE FROM password WHERE user_id = \(id)")
        try run("DELETE FROM user WHERE id = \(id)")
    }
}

extension User {
    fileprivate var conflict: Failure {
        .conflict(
            "Conflict occurred attempting to store user - Duplicate entry found with name \(name) at domain ID \(domain)."
        )
    }
}
