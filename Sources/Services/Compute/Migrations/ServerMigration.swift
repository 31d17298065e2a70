import API
import Base
import Contracts
import HTTP
import Policy
import SQL
import Workflow

/// A server's way from one host, or one size, to another: kept for as long as anybody may ask how it went.
struct ServerMigration: Record, Hashable {
    enum Kind: String, Sendable {
        case resize, migration
        case live = "live-migration"
        case evacuation
    }

    enum Status: String, Sendable {
        case accepted, migrating, finished, confirmed, reverting, reverted, completed, done, error, cancelled, deleted
        case preMigrating = "pre-migrating"
        case postMigrating = "post-migrating"
        case confirming
    }

    let id: Int
    let uuid: String
    let server: ID<Server>
    let project: String
    let user: String
    let kind: Kind
    var status: Status
    let source: String
    var target: String?
    let oldFlavor: String
    let newFlavor: String
    let created: Moment
    var updated: Moment?

    /// Nothing is held for it any more.
    var isOver: Bool {
        switch status {
        case .confirmed, .reverted, .completed, .done, .error, .cancelled, .deleted: true
        case .accepted, .migrating, .finished, .reverting, .preMigrating, .postMigrating, .confirming: false
        }
    }
}

extension ServerMigration {
    static let created = Migration(
        "create server migration",
        """
        CREATE TABLE compute_migration (
            id          \(.serial),
            uuid        VARCHAR(64)  NOT NULL,
            server_id   VARCHAR(64)  NOT NULL,
            project_id  VARCHAR(255) NOT NULL,
            user_id     VARCHAR(255) NOT NULL,
            kind        VARCHAR(32)  NOT NULL,
            status      VARCHAR(32)  NOT NULL,
            source      VARCHAR(255) NOT NULL,
            target      VARCHAR(255),
            old_flavor  VARCHAR(255) NOT NULL,
            new_flavor  VARCHAR(255) NOT NULL,
            created_at  BIGINT       NOT NULL,
            updated_at  BIGINT,
            UNIQUE (uuid)
        )
        """,
        "CREATE INDEX compute_migration_by_server ON compute_migration (server_id)")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.integer("id"), uuid: try row.text("uuid"), server: try row.id("server_id"),
            project: try row.text("project_id"), user: try row.text("user_id"), kind: try row.value("kind"),
            status: try row.value("status"), source: try row.text("source"), target: try row.optionalText("target"),
            oldFlavor: try row.text("old_flavor"), newFlavor: try row.text("new_flavor"),
            created: try row.moment("created_at"), updated: try row.optionalMoment("updated_at"))
    }
}

extension Transaction {
    func migrations(ofServer id: ID<Server>) throws(Failure) -> [ServerMigration] {
        try rows("SELECT * FROM compute_migration WHERE server_id = \(id) ORDER BY id DESC")
    }

    /// Writes down that a server sets out; answers with the migration's number and name.
    func begin(
        _ kind: ServerMigration.Kind, of server: Server, to flavor: Flavor, world: World
    ) throws(Failure) -> (id: Int, uuid: String) {
        let uuid = UUID(world.chance).dashed
        let id = try serial(
            .insert(
                into: "compute_migration",
                [
                    "uuid": uuid, "server_id": server.id, "project_id": server.project, "user_id": server.user,
                    "kind": kind.rawValue, "status": ServerMigration.Status.accepted.rawValue,
                    "source": server.host ?? "", "old_flavor": server.flavor.id, "new_flavor": flavor.id,
                    "created_at": world.now,
                ]))
        return (id, uuid)
    }
}

extension ServerTools {
    func note(_ migration: Int, _ status: ServerMigration.Status, target: String? = nil) async throws(Failure) {
        let now = world.now
        try await database.write { tx in
            try tx.run(
                """
                UPDATE compute_migration SET status = \(status.rawValue), updated_at = \(now),
                    target = COALESCE(\(target), target) WHERE id = \(migration)
                """)
        }
    }

    /// Back to what the server held before it set out, and nothing for the migration.
    func giveBack(_ migration: String, to server: Server) async throws(Failure) {
        let token = try await tokens.serviceToken()
        let held = try await neighbours.placement.ask(
            "GET", "/allocations/\(migration)", token: token, headers: Scheduler.version
        ).json
        guard let before = held["allocations"]?.object, !before.members.isEmpty else { return }
        let now = try await neighbours.placement.ask(
            "GET", "/allocations/\(server.id)", token: token, headers: Scheduler.version
        ).json
        let owner = { (allocations: JSON, generation: JSON?, kind: String) -> JSON in
            [
                "allocations": allocations, "project_id": .string(server.project), "user_id": .string(server.user),
                "consumer_generation": generation ?? .null, "consumer_type": .string(kind),
            ]
        }
        let body = JSON.Object([
            JSON.Member(
                name: server.id.text,
                value: owner(Scheduler.resources(of: before), now["consumer_generation"], "INSTANCE")),
            .init(name: migration, value: owner([:], held["consumer_generation"], "MIGRATION")),
        ])
        _ = try await neighbours.placement.ask(
            "POST", "/allocations", .object(body), token: token, headers: Scheduler.version)
    }
}

// MARK: API

extension ServerMigration {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint(
            "GET", "/os-migrations", "List migrations",
            access: .decided(by: [.listMigrations, .listAllMigrations, .seeMigrationHosts]),
            query: [
                "instance_uuid", "host", "status", "migration_type", "source_compute", "hidden", "limit", "marker",
                "changes-since", "changes-before", "user_id", "project_id",
            ].map { Parameter($0) }, list),
        Endpoint(
            "GET", "/servers/{server_id}/migrations", "List a server's migrations that are under way",
            access: .decided(by: [.listServerMigrations, .seeServerMigrationHosts]), since: "2.23", listOfServer),
        .get(
            "/servers/{server_id}/migrations/{migration_id}", "Show a server's migration", may: .showServerMigration,
            since: "2.23", show),
        .post(
            "/servers/{server_id}/migrations/{migration_id}/action", "Force a migration to its end",
            may: .forceServerMigration,
            takes: .object(Fields([.required("force_complete", .any)])), since: "2.22", force),
        .delete(
            "/servers/{server_id}/migrations/{migration_id}", "Give a migration up", may: .abortServerMigration,
            since: "2.24", abort),
    ]

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let project = call.query["project_id"]
        let own = call.caller.projectID ?? ""
        try call.require(.listMigrations, of: ["project_id": own])
        if project != own { try call.require(.listAllMigrations) }
        var conditions: [SQL] = ["1 = 1"]
        let columns: [(String, SQL)] = [
            ("instance_uuid", "server_id"), ("status", "status"), ("migration_type", "kind"),
            ("source_compute", "source"), ("user_id", "user_id"), ("project_id", "project_id"),
        ]
        for (name, column) in columns { if let value = call.query[name] { conditions.append("\(column) = \(value)") } }
        if let host = call.query["host"] { conditions.append("(source = \(host) OR target = \(host))") }
        if call.version >= "2.59" {
            conditions += try ServerQuery.times(call.query, column: "COALESCE(updated_at, created_at)")
        }
        let limit = call.version >= "2.59" ? try call.limit() : Compute.greatestPage
        let marker = call.version >= "2.59" ? call.query["marker"] : nil
        let condition = SQL.all(conditions)
        let page = try await call.service.database.read { tx in
            var after: SQL = "1 = 1"
            if let marker {
                let mark = try tx.row("SELECT id FROM compute_migration WHERE uuid = \(marker)") {
                    try $0.integer("id")
                }
                guard let mark else { throw Failure.invalid("Marker \(marker) not found.") }
                after = "id < \(mark)"
            }
            let found: [ServerMigration] = try tx.rows(
                "SELECT * FROM compute_migration WHERE \(condition) AND \(after) ORDER BY id DESC LIMIT \(limit + 1)")
            return found
        }
        let shown = Array(page.prefix(limit))
        let seesHosts = call.allows(.seeMigrationHosts)
        return .json { json in
            json.array("migrations", of: shown) { migration, json in
                json.object { migration.write(to: &$0, call, seesHosts: seesHosts) }
            }
            if page.count > limit { call.writeNext("migrations", shown.last?.uuid, at: "/os-migrations", to: &json) }
        }
    }

    private func write(to json: inout JSONWriter, _ call: Call<Compute>, seesHosts: Bool) {
        json.put("id", id)
        if call.version >= "2.59" { json.put("uuid", uuid) }
        json.put("instance_uuid", server)
        json.put("status", status.rawValue)
        let (source, target) = seesHosts ? (source, target) : (nil, nil)
        json.put("source_compute", source)
        json.put("source_node", source)
        json.put("dest_compute", target)
        json.put("dest_node", target)
        json.put("dest_host", target.map { _ in "127.0.0.1" })
        json.putNull("old_instance_type_id")
        json.putNull("new_instance_type_id")
        json.put("created_at", created, as: .bare)
        json.put("updated_at", updated, as: .bare)
        if call.version >= "2.23" {
            json.put("migration_type", kind.rawValue)
            if kind == .live, !isOver {
                Links(call).write(to: &json, "servers/\(server)/migrations", String(id))
            }
        }
        guard call.version >= "2.80" else { return }
        json.put("user_id", user)
        json.put("project_id", project)
    }

    // MARK: Of one server

    private static func server(_ call: Call<Compute>, in scope: Scope? = nil) async throws(Failure) -> Server {
        let scope = scope ?? call.scope
        return try await call.service.database.read { try $0.server(call.id("server_id"), in: scope) }
    }

    private static func listOfServer(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let scope = call.scope(under: .listServerMigrations)
        guard scope != .nowhere else { throw call.exchange.refusal(.listServerMigrations) }
        let server = try await server(call, in: scope)
        let seesHosts = call.allows(.seeServerMigrationHosts)
        let found = try await call.service.database.read { try $0.migrations(ofServer: server.id) }
        let live = found.filter { $0.kind == .live && !$0.isOver }
        return .json { json in
            json.array("migrations", of: live) { migration, json in
                json.object { migration.writeProgress(to: &$0, call, seesHosts: seesHosts) }
            }
        }
    }

    private static func find(_ call: Call<Compute>) async throws(Failure) -> ServerMigration {
        let server = try await server(call)
        let text = call["migration_id"]
        let found = try await call.service.database.read { try $0.migrations(ofServer: server.id) }
        guard let migration = found.first(where: { String($0.id) == text || $0.uuid == text }) else {
            throw Failure(.notFound, "In-progress live migration \(text) is not found for server \(server.id).")
        }
        return migration
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let migration = try await find(call)
        guard migration.kind == .live, !migration.isOver else {
            throw Failure(
                .notFound,
                "In-progress live migration \(migration.id) is not found for server \(migration.server).")
        }
        return .json { $0.object("migration") { migration.writeProgress(to: &$0, call, seesHosts: true) } }
    }

    private func writeProgress(to json: inout JSONWriter, _ call: Call<Compute>, seesHosts: Bool) {
        json.put("id", id)
        json.put("server_uuid", server)
        json.put("status", status.rawValue)
        let (source, target) = seesHosts ? (source, target) : (nil, nil)
        json.put("source_compute", source)
        json.put("source_node", source)
        json.put("dest_compute", target)
        json.put("dest_node", target)
        json.put("dest_host", target.map { _ in "127.0.0.1" })
        for name in ["memory", "disk"] {
            for part in ["total", "processed", "remaining"] { json.putNull("\(name)_\(part)_bytes") }
        }
        json.put("created_at", created, as: .bare)
        json.put("updated_at", updated, as: .bare)
        if call.version >= "2.59" { json.put("uuid", uuid) }
        guard call.version >= "2.80" else { return }
        json.put("user_id", user)
        json.put("project_id", project)
    }

    private static func force(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let migration = try await find(call)
        guard migration.status == .migrating else {
            throw .invalid(
                "Migration \(migration.id) state of instance \(migration.server) is \(migration.status.rawValue).")
        }
        // It goes as fast as it can anyway.
        return Reply(202)
    }

    private static func abort(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let migration = try await find(call)
        guard migration.kind == .live, !migration.isOver else {
            throw .invalid(
                "Migration \(migration.id) state of instance \(migration.server) is \(migration.status.rawValue). Cannot abort while the migration is in this state."
            )
        }
        let service = call.service
        try await service.database.write { tx in
            try tx.cancelRuns(of: MigrateServer.name, about: migration.server.text)
            tx.afterCommit { service.runner.nudge() }
        }
        return Reply(202)
    }
}

extension Rule {
    static let listMigrations = Rule("os_compute_api:os-migrations:index", "List migrations", May.manager)
    static let listAllMigrations = Rule(
        "os_compute_api:os-migrations:index:all_projects", "List all projects' migrations", May.admin)
    static let seeMigrationHosts = Rule(
        "os_compute_api:os-migrations:index:host", "See between which hosts servers migrate", May.admin)
    static let listServerMigrations = Rule(
        "os_compute_api:servers:migrations:index", "List a server's migrations", May.manager)
    static let seeServerMigrationHosts = Rule(
        "os_compute_api:servers:migrations:index:host", "See between which hosts a server migrates", May.admin)
    static let showServerMigration = Rule(
        "os_compute_api:servers:migrations:show", "Show a server's migration", May.admin)
    static let forceServerMigration = Rule(
        "os_compute_api:servers:migrations:force_complete", "Force a migration to its end", May.manager)
    static let abortServerMigration = Rule(
        "os_compute_api:servers:migrations:delete", "Give a migration up", May.manager)
}
