import Base
import Policy
import SQL

extension ServerGroup: Record {
    static let created = Migration(
        "create server group",
        """
        CREATE TABLE compute_server_group (
            position      \(.serial),
            id            VARCHAR(64)  NOT NULL,
            project_id    VARCHAR(255) NOT NULL,
            user_id       VARCHAR(255) NOT NULL,
            name          VARCHAR(255) NOT NULL,
            policy        VARCHAR(32)  NOT NULL,
            most_per_host BIGINT,
            created_at    BIGINT       NOT NULL,
            UNIQUE (id)
        )
        """,
        "CREATE INDEX compute_server_group_by_project ON compute_server_group (project_id)")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), project: try row.text("project_id"), user: try row.text("user_id"),
            name: try row.text("name"), policy: try row.value("policy"),
            mostPerHost: try row.optionalInteger("most_per_host"), created: try row.moment("created_at"))
    }
}

extension Transaction {
    func insert(_ group: ServerGroup) throws(Failure) {
        try insert(
            into: "compute_server_group",
            [
                "id": group.id, "project_id": group.project, "user_id": group.user, "name": group.name,
                "policy": group.policy.rawValue, "most_per_host": group.mostPerHost, "created_at": group.created,
            ])
    }

    func serverGroup(_ id: ID<ServerGroup>, in scope: Scope, absent: Failure? = nil) throws(Failure) -> ServerGroup {
        let found = try serverGroups("id = \(id) AND \(scope.within(project: "project_id", user: "user_id"))")
        guard let group = found.first else {
            throw absent ?? Failure(.notFound, "Instance group \(id) could not be found.")
        }
        return group
    }

    func serverGroups(_ condition: SQL, offset: Int = 0, limit: Int = Compute.greatestPage) throws(Failure)
        -> [ServerGroup]
    {
        var groups: [ServerGroup] = try rows(
            """
            SELECT * FROM compute_server_group WHERE \(condition) ORDER BY position LIMIT \(limit) OFFSET \(offset)
            """)
        let members = try rows(
            """
            SELECT id, group_id FROM compute_server
            WHERE group_id IN \(SQL.list(groups.map(\.id))) AND state <> 'deleted' ORDER BY position
            """
        ) { row in (server: try row.id("id") as ID<Server>, group: try row.text("group_id")) }
        let byGroup = Dictionary(grouping: members, by: \.group)
        for index in groups.indices { groups[index].members = byGroup[groups[index].id.text]?.map(\.server) ?? [] }
        return groups
    }

    func deleteServerGroup(_ id: ID<ServerGroup>) throws(Failure) {
        try run("UPDATE compute_server SET group_id = NULL, revision = revision + 1 WHERE group_id = \(id)")
        try run("DELETE FROM compute_server_group WHERE id = \(id)")
    }

    /// Where the servers of a group are, one of them left out: hosts by server.
    func hosts(of group: ID<ServerGroup>, without server: ID<Server>) throws(Failure) -> [String: String] {
        let pairs = try rows(
            """
            SELECT id, host FROM compute_server
            WHERE group_id = \(group) AND id <> \(server) AND host IS NOT NULL AND state <> 'deleted'
            """
        ) { row in (try row.text("id"), try row.text("host")) }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }
}
