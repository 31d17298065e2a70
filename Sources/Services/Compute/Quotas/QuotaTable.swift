import Base
import SQL

extension Quota {
    static let created = Migration(
        "create quota",
        """
        CREATE TABLE compute_quota (
            project_id VARCHAR(255) NOT NULL,
            user_id    VARCHAR(255) NOT NULL,
            name       VARCHAR(64)  NOT NULL,
            value      BIGINT       NOT NULL,
            PRIMARY KEY (project_id, user_id, name)
        )
        """,
        """
        CREATE TABLE compute_quota_class (
            class VARCHAR(255) NOT NULL,
            name  VARCHAR(64)  NOT NULL,
            value BIGINT       NOT NULL,
            PRIMARY KEY (class, name)
        )
        """)

    /// The class whose quotas hold for every project that has none of its own.
    static let defaultClass = "default"
}

extension Transaction {
    /// What everybody may have who is given nothing else.
    func defaultLimits(_ settings: ComputeSettings) throws(Failure) -> QuotaLimits {
        try limits(ofClass: Quota.defaultClass, settings)
    }

    func limits(ofClass name: String, _ settings: ComputeSettings) throws(Failure) -> QuotaLimits {
        var limits = QuotaLimits(settings)
        limits.set(try values("SELECT name, value FROM compute_quota_class WHERE class = \(name)"))
        return limits
    }

    /// What a project may have, or one of its users where they were given less.
    func limits(
        of project: String, user: String? = nil, _ settings: ComputeSettings
    ) throws(Failure) -> QuotaLimits {
        var limits = try defaultLimits(settings)
        limits.set(
            try values("SELECT name, value FROM compute_quota WHERE project_id = \(project) AND user_id = \("")"))
        if let user { limits.set(try userLimits(of: user, in: project)) }
        return limits
    }

    /// Only what a user was given themselves.
    func userLimits(of user: String, in project: String) throws(Failure) -> [String: Int] {
        try values("SELECT name, value FROM compute_quota WHERE project_id = \(project) AND user_id = \(user)")
    }

    private func values(_ query: SQL) throws(Failure) -> [String: Int] {
        let pairs = try rows(query) { row in (try row.text("name"), try row.integer("value")) }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    func setLimits(_ changes: [String: Int], of project: String, user: String?) throws(Failure) {
        for (name, value) in changes {
            try run(
                """
                INSERT INTO compute_quota (project_id, user_id, name, value)
                VALUES (\(project), \(user ?? ""), \(name), \(value))
                \(.onConflict(["project_id", "user_id", "name"], update: ["value"]))
                """)
        }
    }

    func setLimits(_ changes: [String: Int], ofClass className: String) throws(Failure) {
        for (name, value) in changes {
            try run(
                """
                INSERT INTO compute_quota_class (class, name, value) VALUES (\(className), \(name), \(value))
                \(.onConflict(["class", "name"], update: ["value"]))
                """)
        }
    }

    /// A project that loses its quotas loses its users' with them.
    func deleteLimits(of project: String, user: String?) throws(Failure) {
        let whose: SQL = user.map { "user_id = \($0)" } ?? "1 = 1"
        try run("DELETE FROM compute_quota WHERE project_id = \(project) AND \(whose)")
    }

    func use(of project: String, user: String? = nil) throws(Failure) -> QuotaUse {
        let whose: SQL = user.map { "user_id = \($0)" } ?? "1 = 1"
        var use = QuotaUse()
        use.servers = try usage(of: project, user: user)
        use.serverGroups = try count(
            "SELECT COUNT(*) FROM compute_server_group WHERE project_id = \(project) AND \(whose)")
        if let user { use.keypairs = try count("SELECT COUNT(*) FROM compute_keypair WHERE user_id = \(user)") }
        return use
    }
}
