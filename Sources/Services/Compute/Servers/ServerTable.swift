import API
import Base
import Contracts
import Policy
import SQL

extension Server: Record {
    static let created = Migration(
        "create server",
        """
        CREATE TABLE compute_server (
            position        \(.serial),
            id              VARCHAR(64)  NOT NULL,
            project_id      VARCHAR(255) NOT NULL,
            user_id         VARCHAR(255) NOT NULL,
            name            VARCHAR(255) NOT NULL,
            hostname        VARCHAR(255) NOT NULL,
            state           VARCHAR(32)  NOT NULL,
            task            VARCHAR(32),
            power           BIGINT       NOT NULL,
            host            VARCHAR(255),
            zone            VARCHAR(255) NOT NULL,
            flavor          MEDIUMTEXT   NOT NULL,
            image_id        VARCHAR(64),
            key_name        VARCHAR(255),
            public_key      MEDIUMTEXT,
            user_data       MEDIUMTEXT,
            metadata        MEDIUMTEXT   NOT NULL,
            config_drive    BOOLEAN      NOT NULL,
            description     MEDIUMTEXT,
            locked          BOOLEAN      NOT NULL,
            locked_reason   MEDIUMTEXT,
            access_v4       VARCHAR(64)  NOT NULL,
            access_v6       VARCHAR(64)  NOT NULL,
            networks        MEDIUMTEXT   NOT NULL,
            interfaces      MEDIUMTEXT   NOT NULL,
            security_groups MEDIUMTEXT   NOT NULL,
            tags            MEDIUMTEXT   NOT NULL,
            fault           MEDIUMTEXT,
            reservation     VARCHAR(64)  NOT NULL,
            launch_index    BIGINT       NOT NULL,
            vcpus           BIGINT       NOT NULL,
            memory          BIGINT       NOT NULL,
            created_at      BIGINT       NOT NULL,
            updated_at      BIGINT       NOT NULL,
            launched_at     BIGINT,
            terminated_at   BIGINT,
            UNIQUE (id)
        )
        """,
        "CREATE INDEX compute_server_by_project ON compute_server (project_id, state)",
        "CREATE INDEX compute_server_by_host ON compute_server (host)")

    static let grown = Migration(
        "add volumes and particulars to servers",
        "ALTER TABLE compute_server ADD COLUMN volumes MEDIUMTEXT",
        "ALTER TABLE compute_server ADD COLUMN particulars MEDIUMTEXT")

    /// By which lists know what hasn't changed since they were last written: every update counts one up.
    static let counted = Migration(
        "count the changes of servers", "ALTER TABLE compute_server ADD COLUMN revision BIGINT NOT NULL DEFAULT 0")

    /// What is used by whom and where is asked with each new server: from these it is summed up without the rows.
    static let summed = Migration(
        "sum servers up by index",
        "DROP INDEX compute_server_by_project \(.of("compute_server"))",
        "DROP INDEX compute_server_by_host \(.of("compute_server"))",
        "CREATE INDEX compute_server_of_project ON compute_server (project_id, state, user_id, vcpus, memory)",
        "CREATE INDEX compute_server_on_host ON compute_server (host, state, task, vcpus, memory, disk)")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), project: try row.text("project_id"), user: try row.text("user_id"),
            name: try row.text("name"), hostname: try row.text("hostname"), state: try row.value("state"),
            task: try row.optionalValue("task"), power: GuestState(rawValue: try row.integer("power")) ?? .none,
            host: try row.optionalText("host"), zone: try row.text("zone"),
            flavor: try Flavor(JSONReader.read(try row.text("flavor"))), image: try row.optionalText("image_id"),
            keyName: try row.optionalText("key_name"), publicKey: try row.optionalText("public_key"),
            userData: try row.optionalText("user_data"), metadata: try row.object("metadata"),
            hasConfigDrive: try row.bool("config_drive"), description: try row.optionalText("description"),
            isLocked: try row.bool("locked"), lockedReason: try row.optionalText("locked_reason"),
            accessV4: try row.text("access_v4"), accessV6: try row.text("access_v6"),
            networks: try row.list("networks", of: NetworkRequest.init),
            interfaces: try row.list("interfaces", of: Interface.init),
            securityGroups: try row.texts("security_groups"),
            tags: try row.texts("tags"), fault: try Fault(try row.optionalText("fault")),
            reservation: try row.text("reservation"), launchIndex: try row.integer("launch_index"),
            wishes: try Wishes(row),
            created: try row.moment("created_at"), updated: try row.moment("updated_at"),
            launched: try row.optionalMoment("launched_at"), terminated: try row.optionalMoment("terminated_at"),
            volumes: try Server.volumes(try row.optionalText("volumes")),
            particulars: try Server.particulars(try row.optionalText("particulars")))
    }
}

extension Server {
    fileprivate static func volumes(_ text: String?) throws(Failure) -> [ServerVolume] {
        guard let text, text != "[]" else { return [] }
        var volumes: [ServerVolume] = []
        for element in try JSONReader.read(text).array ?? [] { volumes.append(try ServerVolume(element)) }
        return volumes
    }

    fileprivate static func particulars(_ text: String?) throws(Failure) -> Particulars {
        guard let text, text != "{}" else { return Particulars() }
        return try Particulars(JSONReader.read(text))
    }
}

extension Server.Fault {
    init?(_ text: String?) throws(Failure) {
        guard let text else { return nil }
        let json = try JSONReader.read(text)
        self.init(
            code: try json.number("code"), message: try json.text("message"),
            created: Moment(microseconds: Int64(try json.number("created"))))
    }

    var text: String {
        let json: JSON = ["code": JSON(code), "message": .string(message), "created": .integer(created.microseconds)]
        return json.text
    }
}

extension Row {
    func object(_ column: StaticString) throws(Failure) -> JSON.Object {
        let text = try text(column)
        return text == "{}" ? JSON.Object() : try JSONReader.read(text).object ?? JSON.Object()
    }

    func list<Value>(_ column: StaticString, of make: (JSON) throws(Failure) -> Value) throws(Failure) -> [Value] {
        let text = try text(column)
        guard text != "[]" else { return [] }
        var values: [Value] = []
        for element in try JSONReader.read(text).array ?? [] { values.append(try make(element)) }
        return values
    }

    func texts(_ column: StaticString) throws(Failure) -> [String] {
        let text = try text(column)
        return text == "[]" ? [] : try JSONReader.read(text).array?.compactMap(\.string) ?? []
    }
}

extension Transaction {
    /// A server within reach; one of somebody else isn't there.
    func server(_ id: ID<Server>, in scope: Scope, evenDeleted: Bool = false) throws(Failure) -> Server {
        let there: SQL = evenDeleted ? "1 = 1" : "state <> 'deleted'"
        let server: Server? = try row(
            """
            SELECT * FROM compute_server WHERE id = \(id) AND \(there)
                AND \(scope.within(project: "project_id", user: "user_id"))
            """)
        guard let server else { throw .noSuch("Instance", id.text) }
        return server
    }

    func server(_ id: ID<Server>) throws(Failure) -> Server { try server(id, in: .everywhere) }

    /// Also one that has been deleted, for whoever still has to clear up after it.
    func serverOrWhatItWas(_ id: ID<Server>) throws(Failure) -> Server {
        let server: Server? = try row("SELECT * FROM compute_server WHERE id = \(id)")
        guard let server else { throw .noSuch("Instance", id.text) }
        return server
    }

    func insert(_ server: Server) throws(Failure) {
        try insert(
            into: "compute_server",
            [
                "id": server.id, "project_id": server.project, "user_id": server.user, "name": server.name,
                "hostname": server.hostname, "state": server.state.rawValue, "task": server.task?.rawValue,
                "power": server.power.rawValue, "host": server.host, "zone": server.zone,
                "flavor": server.flavor.json.text, "image_id": server.image, "key_name": server.keyName,
                "public_key": server.publicKey, "user_data": server.userData,
                "metadata": JSON.object(server.metadata).text, "config_drive": server.hasConfigDrive,
                "description": server.description, "locked": server.isLocked, "access_v4": server.accessV4,
                "access_v6": server.accessV6, "networks": JSON(list: server.networks).text,
                "interfaces": JSON(list: server.interfaces).text, "security_groups": JSON(server.securityGroups).text,
                "tags": JSON(server.tags).text, "reservation": server.reservation, "launch_index": server.launchIndex,
                "group_id": server.wishes.group, "hints": JSON.object(server.wishes.hints).text,
                "image_needs": JSON.object(server.wishes.image).text, "vcpus": server.flavor.vcpus,
                "memory": server.flavor.memory, "disk": server.flavor.disk + server.flavor.ephemeral,
                "created_at": server.created,
                "updated_at": server.updated, "volumes": JSON(list: server.volumes).text,
                "particulars": server.particulars.json.text,
            ])
    }

    /// Saves all of a server that may change.
    func update(_ server: Server, at now: Moment) throws(Failure) {
        try run(
            """
            UPDATE compute_server SET revision = revision + 1, name = \(server.name), hostname = \(server.hostname),
                state = \(server.state.rawValue), task = \(server.task?.rawValue), power = \(server.power.rawValue),
                host = \(server.host), zone = \(server.zone), metadata = \(JSON.object(server.metadata).text),
                description = \(server.description), locked = \(server.isLocked), locked_reason = \(server.lockedReason),
                access_v4 = \(server.accessV4), access_v6 = \(server.accessV6),
                networks = \(JSON(list: server.networks).text), interfaces = \(JSON(list: server.interfaces).text),
                security_groups = \(JSON(server.securityGroups).text), tags = \(JSON(server.tags).text),
                fault = \(server.fault?.text), updated_at = \(now), launched_at = \(server.launched),
                terminated_at = \(server.terminated), flavor = \(server.flavor.json.text), vcpus = \(server.flavor.vcpus),
                memory = \(server.flavor.memory), image_id = \(server.image), key_name = \(server.keyName),
                public_key = \(server.publicKey), user_data = \(server.userData),
                volumes = \(JSON(list: server.volumes).text), particulars = \(server.particulars.json.text)
            WHERE id = \(server.id)
            """)
    }

    /// Reads a server, changes it and saves it.
    @discardableResult
    func change(
        _ id: ID<Server>, in scope: Scope = .everywhere, at now: Moment, _ body: (inout Server) throws -> Void
    ) throws -> Server {
        var server = try server(id, in: scope)
        try body(&server)
        server.updated = now
        try update(server, at: now)
        return server
    }

    // MARK: Quotas

    func usage(of project: String, user: String? = nil) throws(Failure) -> ServerUsage {
        let whose: SQL = user.map { "user_id = \($0)" } ?? "1 = 1"
        let usage = try row(
            """
            SELECT COUNT(*) AS instances, SUM(vcpus) AS cores, SUM(memory) AS memory FROM compute_server
            WHERE project_id = \(project) AND \(whose) AND \(ServerState.isThere)
            """
        ) { row throws(Failure) in
            ServerUsage(
                instances: try row.integer("instances"), cores: try row.optionalInteger("cores") ?? 0,
                memory: try row.optionalInteger("memory") ?? 0)
        }
        return usage ?? ServerUsage(instances: 0, cores: 0, memory: 0)
    }
}

extension ServerState {
    /// That a server is there. Each state is named, so that an index leads past all those that have ever been deleted.
    static let isThere: SQL = """
        state IN ('building', 'active', 'stopped', 'paused', 'suspended', 'error', 'rescued', 'resized', 'shelved',
            'shelved_offloaded', 'soft-delete')
        """
}

/// What a project's servers use.
struct ServerUsage: Sendable {
    let instances: Int
    let cores: Int
    let memory: Int
}
