import API
import Base
import Bus
import Contracts
import Policy
import SQL
import Workflow

/// A running server goes to another host and runs on there.
enum MigrateServer: Workflow {
    static let name = "migrate-server"

    struct State: JSONCoded {
        let server: ID<Server>
        let migration: Int
        let uuid: String
        let source: String
        let was: ServerState
        let wantedHost: String?
        var host: String?

        init(_ server: Server, migration: (id: Int, uuid: String), wantedHost: String?) {
            self.server = server.id
            self.migration = migration.id
            uuid = migration.uuid
            source = server.host ?? ""
            was = server.state
            self.wantedHost = wantedHost
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            migration = try json.number("migration")
            uuid = try json.text("uuid")
            source = try json.text("source")
            was = ServerState(rawValue: try json.text("was")) ?? .active
            wantedHost = json["wanted_host"]?.string
            host = json["host"]?.string
        }

        var json: JSON {
            [
                "server": .string(server.text), "migration": JSON(migration), "uuid": .string(uuid),
                "source": .string(source), "was": .string(was.rawValue), "wanted_host": JSON(wantedHost),
                "host": JSON(host),
            ]
        }
    }

    static let steps: [Step<MigrateServer>] = [
        Step("choose a host", limit: .seconds(60), chooseHost, undo: giveBack),
        Step("make it on the new host", limit: .seconds(7_200), make, undo: unmake),
        Step("let its ports follow", move, undo: moveBack),
        Step("clear the old host", limit: .seconds(600), clear),
        Step("release what was held for it", release),
    ]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        let isCancelled = failure.kind == .conflict && failure.message == "It was cancelled."
        try await tools.note(state.migration, isCancelled ? .cancelled : .error)
        let now = tools.world.now
        try await tools.change(state.server) { server in
            server.state = state.was
            guard server.task == .migrating else { return }
            server.task = nil
            if !isCancelled { server.fault = Server.Fault(code: 500, message: failure.message, created: now) }
        }
    }

    private static func chooseHost(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        try await tools.note(state.migration, .preMigrating)
        let request = server.request(
            zone: server.particulars.pinnedZone, host: state.wantedHost, avoid: [state.source], migration: state.uuid)
        let choice = try await tools.bus.call(ComputeMessages.choose, request, deadline: .seconds(60))
        state.host = choice.host
        try await tools.change(state.server) { $0.particulars.headedFor = choice.host }
        try await tools.note(state.migration, .migrating, target: choice.host)
    }

    private static func giveBack(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.change(state.server) { $0.particulars.headedFor = nil }
        try await tools.giveBack(state.uuid, to: try await tools.server(state.server))
    }

    private static func make(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = state.host else { throw Failure.bug("A server moves to no host.") }
        let source = state.source
        let hosts = try await tools.database.read { try $0.computeHosts("compute_host.name = \(source)") }
        // A simulated guest is made again; there is nothing of it to carry.
        guard hosts.first?.hypervisor == "simulated" else {
            return try await tools.send(state.server, from: source, to: host)
        }
        _ = try await tools.build(state.server, on: host)
        if state.was == .paused { _ = try await tools.order(.pause, state.server, on: host) }
    }

    private static func unmake(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = state.host else { return }
        try await tools.dismantle(state.server, on: host)
        try await tools.announcePorts(of: state.server, to: nil)
    }

    private static func move(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = state.host else { return }
        try await tools.movePorts(of: state.server, to: host)
        try await tools.change(state.server) { server in
            server.host = host
            server.particulars.headedFor = nil
        }
    }

    private static func moveBack(_ tools: ServerTools, _ state: inout State) async throws {
        let source = state.source
        try await tools.change(state.server) { $0.host = source }
        try await tools.movePorts(of: state.server, to: source)
    }

    private static func clear(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.dismantle(state.server, on: state.source)
    }

    private static func release(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.release(state.uuid)
        try await tools.note(state.migration, .completed)
        let was = state.was
        try await tools.change(state.server) { server in
            server.state = was
            if server.task == .migrating { server.task = nil }
        }
    }
}

/// The host of a server is lost: the server is made again on another one.
enum EvacuateServer: Workflow {
    static let name = "evacuate-server"

    struct State: JSONCoded {
        let server: ID<Server>
        let migration: Int
        let source: String
        let was: ServerState
        let wantedHost: String?
        let staysOff: Bool
        var host: String?

        init(_ server: Server, migration: Int, wantedHost: String?, staysOff: Bool) {
            self.server = server.id
            self.migration = migration
            source = server.host ?? ""
            was = server.state
            self.wantedHost = wantedHost
            self.staysOff = staysOff
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            migration = try json.number("migration")
            source = try json.text("source")
            was = ServerState(rawValue: try json.text("was")) ?? .active
            wantedHost = json["wanted_host"]?.string
            staysOff = try json.flag("stays_off")
            host = json["host"]?.string
        }

        var json: JSON {
            [
                "server": .string(server.text), "migration": JSON(migration), "source": .string(source),
                "was": .string(was.rawValue), "wanted_host": JSON(wantedHost), "stays_off": .bool(staysOff),
                "host": JSON(host),
            ]
        }
    }

    static let steps: [Step<EvacuateServer>] = [
        Step("release what it had there", release), Step("choose a host", limit: .seconds(60), chooseHost),
        Step("make it on the new host", limit: .seconds(1_200), make), Step("say that it is there", settle),
    ]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        try await tools.note(state.migration, .error)
        try await tools.note(failure, at: state.server) { $0.state = .error }
    }

    private static func release(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.release(state.server)
    }

    private static func chooseHost(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        let request = server.request(
            zone: server.particulars.pinnedZone, host: state.wantedHost, avoid: [state.source])
        let choice = try await tools.bus.call(ComputeMessages.choose, request, deadline: .seconds(60))
        state.host = choice.host
        try await tools.note(state.migration, .migrating, target: choice.host)
        try await tools.movePorts(of: state.server, to: choice.host)
        try await tools.change(state.server) { server in
            server.host = choice.host
            server.zone = choice.zone
            server.task = .rebuildSpawning
        }
    }

    private static func make(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = state.host else { throw Failure.bug("A server moves to no host.") }
        let interfaces = try await tools.build(state.server, on: host)
        if state.was == .stopped || state.staysOff { _ = try await tools.order(.stop, state.server, on: host) }
        try await tools.change(state.server) { $0.interfaces = interfaces.keepingFloating(of: $0.interfaces) }
    }

    private static func settle(_ tools: ServerTools, _ state: inout State) async throws {
        let (now, isOff) = (tools.world.now, state.was == .stopped || state.staysOff)
        try await tools.note(state.migration, .done)
        try await tools.change(state.server) { server in
            server.state = isOff ? .stopped : .active
            server.power = isOff ? .shutDown : .running
            server.task = nil
            server.launched = now
        }
    }
}

// MARK: Actions

extension MigrateServer {
    private static let host: Shape = .nullable(.text(1...255))
    private static let evacuable: [ServerState] = [.active, .stopped, .error]

    static let actions: [ServerAction] = [
        ServerAction(
            name: "migrate", rule: .migrateServer,
            shape: .nullable(.object(Fields([.optional("host", host, since: "2.56")]))), states: ResizeServer.states,
            handle: migrate),
        ServerAction(
            name: "os-migrateLive", rule: .migrateLive,
            shape: .object(
                Fields([
                    .required("block_migration", .either([.looseBoolean, .choice(["auto"])])),
                    .required("disk_over_commit", .looseBoolean, until: "2.24"), .required("host", host),
                    .optional("force", .looseBoolean, since: "2.30", until: "2.67"),
                ])), states: [.active, .paused], handle: migrateLive),
        ServerAction(
            name: "evacuate", rule: .evacuateServer,
            shape: .object(
                Fields([
                    .optional("host", .text(1...255)), .required("onSharedStorage", .looseBoolean, until: "2.13"),
                    .optional("adminPass", .text), .optional("force", .looseBoolean, since: "2.29", until: "2.67"),
                ])), states: evacuable, handle: evacuate),
    ]

    /// The host that was asked for: there, and not the one that the server is on.
    private static func target(_ name: String?, _ server: Server, _ call: Call<Compute>) async throws(Failure)
        -> String?
    {
        guard let name else { return nil }
        let hosts = try await call.service.database.read { try $0.computeHosts("compute_host.name = \(name)") }
        guard !hosts.isEmpty else { throw .invalid("Compute host \(name) could not be found.") }
        guard name != server.host else { throw .invalid("The target host can't be the same one.") }
        return name
    }

    private static func migrate(_ call: Call<Compute>, _ id: ID<Server>, _ json: JSON) async throws(Failure) -> Reply {
        if json["host"]?.string != nil { try call.require(.migrateToHost) }
        let (service, server) = (call.service, try await call.service.database.read { try $0.server(id) })
        let host = try await target(json["host"]?.string, server, call)
        try await checkElsewhere(server, call)
        try await service.database.write { tx in
            let server = try tx.change(id, at: service.world.now) { server in
                try server.allow("migrate", from: ResizeServer.states)
                server.task = .resizePrep
            }
            let migration = try tx.begin(.migration, of: server, to: server.flavor, world: service.world)
            let state = ResizeServer.State(
                server, server.flavor, migration: migration, mustMove: true, wantedHost: host)
            try service.runner.start(ResizeServer.self, about: id.text, state, tx)
        }
        return Reply(202)
    }

    private static func checkElsewhere(_ server: Server, _ call: Call<Compute>) async throws(Failure) {
        let service = call.service
        let hosts = try await service.database.read { try $0.computeHosts() }
        let now = service.world.now
        guard
            hosts.contains(where: { $0.name != server.host && !$0.isDisabled && $0.isAlive(at: now, service.settings) })
        else {
            throw .invalid("No valid host was found. There is no other host that could take the server.")
        }
    }

    private static func migrateLive(_ call: Call<Compute>, _ id: ID<Server>, _ json: JSON) async throws(Failure)
        -> Reply
    {
        if json["host"]?.string != nil { try call.require(.migrateLiveToHost) }
        let (service, server) = (call.service, try await call.service.database.read { try $0.server(id) })
        try server.allow("os-migrateLive", from: [.active, .paused])
        let host = try await target(json["host"]?.string, server, call)
        try await checkElsewhere(server, call)
        try await service.database.write { tx in
            let server = try tx.change(id, at: service.world.now) { server in
                try server.allow("os-migrateLive", from: [.active, .paused])
                server.task = .migrating
            }
            let migration = try tx.begin(.live, of: server, to: server.flavor, world: service.world)
            let state = State(server, migration: migration, wantedHost: host)
            try service.runner.start(MigrateServer.self, about: id.text, state, tx)
        }
        return Reply(202)
    }

    private static func evacuate(_ call: Call<Compute>, _ id: ID<Server>, _ json: JSON) async throws(Failure) -> Reply {
        let (service, server) = (call.service, try await call.service.database.read { try $0.server(id) })
        let host = try await target(json["host"]?.string, server, call)
        let own = server.host ?? ""
        let hosts = try await service.database.read { try $0.computeHosts("compute_host.name = \(own)") }
        if let current = hosts.first, current.isAlive(at: service.world.now, service.settings) {
            throw .invalid("Compute service of \(current.name) is still in use.")
        }
        let staysOff = call.version >= "2.95"
        try await service.database.write { tx in
            let server = try tx.change(id, at: service.world.now) { server in
                try server.allow("evacuate", from: evacuable)
                server.task = .rebuilding
            }
            let migration = try tx.begin(.evacuation, of: server, to: server.flavor, world: service.world)
            let state = EvacuateServer.State(server, migration: migration.id, wantedHost: host, staysOff: staysOff)
            try service.runner.start(EvacuateServer.self, about: id.text, state, tx)
        }
        guard call.version < "2.14" else { return Reply(200) }
        let password = json["adminPass"]?.string ?? CreateServer.password(call)
        return .json { $0.put("adminPass", password) }
    }
}

extension Rule {
    static let migrateServer = Rule("os_compute_api:os-migrate-server:migrate", "Migrate a server", May.manager)
    static let migrateToHost = Rule(
        "os_compute_api:os-migrate-server:migrate:host", "Say to which host a server migrates", May.admin)
    static let migrateLive = Rule(
        "os_compute_api:os-migrate-server:migrate_live", "Migrate a server while it runs", May.manager)
    static let migrateLiveToHost = Rule(
        "os_compute_api:os-migrate-server:migrate_live:host", "Say to which host a running server migrates", May.admin)
    static let evacuateServer = Rule("os_compute_api:os-evacuate", "Evacuate a server from a lost host", May.admin)
}
