import API
import Base
import Policy
import SQL

extension Group {
    static let created = Migration(
        "create group",
        """
        CREATE TABLE user_group (
            id          VARCHAR(64) NOT NULL PRIMARY KEY,
            name        VARCHAR(64) NOT NULL,
            domain_id   VARCHAR(64) NOT NULL,
            description MEDIUMTEXT  NOT NULL,
            extra       MEDIUMTEXT  NOT NULL,
            UNIQUE (domain_id, name),
            FOREIGN KEY (domain_id) REFERENCES project (id)
        )
        """,
        """
        CREATE TABLE membership (
            group_id VARCHAR(64) NOT NULL,
            user_id  VARCHAR(64) NOT NULL,
            PRIMARY KEY (group_id, user_id),
            FOREIGN KEY (group_id) REFERENCES user_group (id),
            FOREIGN KEY (user_id) REFERENCES user (id)
        )
        """,
        "CREATE INDEX membership_by_user ON membership (user_id)")

    static let filters: [Filter] = [.text("name", "name"), .text("domain_id", "domain_id")]

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), name: try row.text("name"), domain: try row.id("domain_id"),
            description: try row.text("description"), extra: try row.extra("extra"))
    }
}

extension Transaction {
    func groups(_ query: Parameters, in scope: Scope) throws(Failure) -> Page<Group> {
        let conditions = [
            Group.filters.condition(query), scope.condition(["target.group.domain_id": "domain_id"]),
        ]
        return try page("SELECT * FROM user_group WHERE \(SQL.all(conditions))", query)
    }

    func group(_ id: ID<Group>, in scope: Scope) throws(Failure) -> Group {
        try scope.admit(try row("SELECT * FROM user_group WHERE id = \(id)"), id)
    }

    func group(_ id: ID<Group>) throws(Failure) -> Group { try group(id, in: .everywhere) }

    func groups(of user: ID<User>, _ query: Parameters) throws(Failure) -> [Group] {
        try rows(
            """
            SELECT * FROM user_group WHERE id IN (SELECT group_id FROM membership WHERE user_id = \(user))
                AND \(Group.filters.condition(query)) ORDER BY id
            """)
    }

    func insert(_ group: Group) throws(Failure) {
        guard try exists("SELECT 1 FROM project WHERE id = \(group.domain) AND domain_id = ''") else {
            throw .notFound(Domain.one, group.domain.text)
        }
        do throws(Failure) {
            try insert(
                into: "user_group",
                [
                    "id": group.id, "name": group.name, "domain_id": group.domain, "description": group.description,
                    "extra": group.extra,
                ])
        } catch  where error.kind == .conflict {
            throw group.conflict
        }
    }

    func update(_ group: Group) throws(Failure) {
        do throws(Failure) {
            try run(
                """
                UPDATE user_group SET name = \(group.name), description = \(group.description), extra = \(group.extra)
                WHERE id = \(group.id)
                """)
        } catch  where error.kind == .conflict {
            throw group.conflict
        }
    }

    func deleteGroup(_ id: ID<Group>) throws(Failure) {
        try run("DELETE FROM membership WHERE group_id = \(id)")
        try run("DELETE FROM assignment WHERE actor_kind = 'group' AND actor_id = \(id)")
        try run("DELETE FROM user_group WHERE id = \(id)")
    }

    // MARK: Members

    func users(in group: ID<Group>, _ query: Parameters) throws(Failure) -> [User] {
        try rows(
            """
            SELECT * FROM user WHERE id IN (SELECT user_id FROM membership WHERE group_id = \(group))
                AND \(User.filters.condition(query)) ORDER BY id
            """)
    }

    func isMember(_ user: ID<User>, of group: ID<Group>) throws(Failure) -> Bool {
        try exists("SELECT 1 FROM membership WHERE group_id = \(group) AND user_id = \(user)")
    }

    func addMember(_ user: ID<User>, to group: ID<Group>) throws(Failure) {
        try run(
            """
            INSERT INTO membership (group_id, user_id) VALUES (\(group), \(user))
            \(.onConflict(["group_id", "user_id"]))
            """)
    }

    func removeMember(_ user: ID<User>, from group: ID<Group>) throws(Failure) {
        try run("DELETE FROM membership WHERE group_id = \(group) AND user_id = \(user)")
    }
}

extension Group {
    fileprivate var conflict: Failure {
        .conflict(
            "Conflict occurred attempting to store group - Duplicate entry found with name \(name) at domain ID \(domain)."
        )
    }
}
