import API
import Base
import Bus
import Contracts
import Policy
import SQL
import Workflow

/// A server gets another size, or another host, and waits there for its user to say whether that is right.
///
/// Until then placement keeps what it held before, under the migration's name, and where it comes from its old guest.
enum ResizeServer: Workflow {
    static let name = "resize-server"

    struct State: JSONCoded {
        let server: ID<Server>
        let migration: Int
        let uuid: String
        let flavor: Flavor
        let source: String
        let was: ServerState
        /// To another host, whatever its size.
        let mustMove: Bool
        let wantedHost: String?
        var host: String?

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            migration = try json.number("migration")
            uuid = try json.text("uuid")
            flavor = try Flavor(json.member("flavor"))
            source = try json.text("source")
            was = ServerState(rawValue: try json.text("was")) ?? .active
            mustMove = try json.flag("must_move")
            wantedHost = json["wanted_host"]?.string
            host = json["host"]?.string
        }

        init(
            _ server: Server, _ flavor: Flavor, migration: (id: Int, uuid: String), mustMove: Bool, wantedHost: String?
        ) {
            self.server = server.id
            self.migration = migration.id
            uuid = migration.uuid
            self.flavor = flavor
            source = server.host ?? ""
            was = server.state
            self.mustMove = mustMove
            self.wantedHost = wantedHost
        }

        var json: JSON {
            [
                "server": .string(server.text), "migration": JSON(migration), "uuid": .string(uuid),
                "flavor": flavor.json, "source": .string(source), "was": .string(was.rawValue),
                "must_move": .bool(mustMove), "wanted_host": JSON(wantedHost), "host": JSON(host),
            ]
        }

        var moves: Bool { host != source }
    }

    static let steps: [Step<ResizeServer>] = [
        Step("choose a host", limit: .seconds(60), chooseHost, undo: giveBack),
        Step("switch it off", limit: .seconds(400), stop, undo: start),
        Step("write down its new size", write, undo: writeBack),
        Step("carry its disks over", limit: .seconds(7_200), carry, undo: leave),
        Step("make it so on the host", limit: .seconds(1_200), make, undo: unmake),
        Step("wait for its user's word", settle),
    ]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        try await tools.note(state.migration, .error)
        try await tools.note(failure, at: state.server) { server in
            server.state = state.was
            server.particulars.before = nil
        }
    }

    private static func chooseHost(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        try await tools.note(state.migration, .preMigrating)
        guard server.flavor.disk <= state.flavor.disk || server.isVolumeBacked else {
            throw Failure.invalid(
                "Resize error: Unable to resize disk down, from \(server.flavor.disk) to \(state.flavor.disk) GB.")
        }
        let request = server.request(
            state.flavor, zone: server.particulars.pinnedZone, host: state.wantedHost,
            avoid: state.mustMove ? [state.source] : [], migration: state.uuid)
        let choice = try await tools.bus.call(ComputeMessages.choose, request, deadline: .seconds(60))
        state.host = choice.host
        try await tools.note(state.migration, .migrating, target: choice.host)
    }

    private static func giveBack(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.giveBack(state.uuid, to: try await tools.server(state.server))
    }

    private static func stop(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.change(state.server) { $0.task = .resizeMigrating }
        let power = try await tools.order(.stop, state.server, on: state.source)
        try await tools.change(state.server) { $0.power = power }
    }

    private static func start(_ tools: ServerTools, _ state: inout State) async throws {
        guard state.was == .active else { return }
        let power = try await tools.order(.start, state.server, on: state.source)
        try await tools.change(state.server) { $0.power = power }
    }

    private static func write(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = state.host else { throw Failure.bug("A server moves to no host.") }
        let (flavor, was) = (state.flavor, state.was)
        try await tools.note(state.migration, .postMigrating)
        try await tools.change(state.server) { server in
            if server.particulars.before == nil {
                server.particulars.before = Particulars.Before(server)
                server.particulars.before?.state = was
            }
            server.flavor = flavor
            server.host = host
            server.task = .resizeFinish
        }
        if state.moves { try await tools.movePorts(of: state.server, to: host) }
    }

    private static func writeBack(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.change(state.server) { server in
            guard let before = server.particulars.before else { return }
            server.flavor = before.flavor
            server.host = before.host
            server.particulars.before = nil
        }
        if state.moves { try await tools.movePorts(of: state.server, to: state.source) }
    }

    private static func carry(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = state.host, state.moves else { return }
        try await tools.carryDisks(of: state.server, from: state.source, to: host)
    }

    private static func leave(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = state.host, state.moves else { return }
        try await tools.dismantle(state.server, on: host)
        try await tools.endLoan(of: state.server, on: state.source)
    }

    private static func make(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = state.host else { throw Failure.bug("A server moves to no host.") }
        let interfaces = try await tools.build(state.server, on: host)
        if state.was == .stopped { _ = try await tools.order(.stop, state.server, on: host) }
        try await tools.change(state.server) { $0.interfaces = interfaces.keepingFloating(of: $0.interfaces) }
    }

    private static func unmake(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = state.host else { return }
        if state.moves {
            try await tools.dismantle(state.server, on: host)
        } else {
            _ = try await tools.order(.stop, state.server, on: host)
        }
    }

    private static func settle(_ tools: ServerTools, _ state: inout State) async throws {
        let (now, isOff) = (tools.world.now, state.was == .stopped)
        try await tools.note(state.migration, .finished)
        try await tools.change(state.server) { server in
            server.state = .resized
            server.task = nil
            server.power = isOff ? .shutDown : .running
            server.launched = now
        }
    }
}

/// What came of a resize is right: what was kept for the way back goes.
enum ConfirmResize: Workflow {
    static let name = "confirm-resize"

    struct State: JSONCoded {
        let server: ID<Server>
        let migration: Int
        let uuid: String

        init(_ server: Server, _ migration: ServerMigration) {
            self.server = server.id
            self.migration = migration.id
            uuid = migration.uuid
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            migration = try json.number("migration")
            uuid = try json.text("uuid")
        }

        var json: JSON {
            ["server": .string(server.text), "migration": JSON(migration), "uuid": .string(uuid)]
        }
    }

    static let insists = true

    static let steps: [Step<ConfirmResize>] = [
        Step("clear the old host", limit: .seconds(600), clear), Step("release what was held for it", release),
    ]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        try await tools.note(failure, at: state.server) { $0.state = .error }
    }

    private static func clear(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        guard let old = server.particulars.before?.host, let host = server.host else { return }
        if old != host { try await tools.dismantle(state.server, on: old) }
        _ = try await tools.bus.call(
            ComputeMessages.settle, on: host, ServerReference(server: state.server.text), deadline: .seconds(60))
    }

    private static func release(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.release(state.uuid)
        try await tools.note(state.migration, .confirmed)
        try await tools.change(state.server) { server in
            server.state = server.power == .shutDown ? .stopped : .active
            server.task = nil
            server.particulars.before = nil
        }
    }
}

/// What came of a resize is not right: the server becomes what it was, where it was.
enum RevertResize: Workflow {
    static let name = "revert-resize"
    typealias State = ConfirmResize.State

    static let insists = true

    static let steps: [Step<RevertResize>] = [
        Step("take the new guest down", limit: .seconds(400), takeDown), Step("write down its old size", write),
        Step("make it as it was", limit: .seconds(1_200), make), Step("say that it is back", settle),
    ]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        try await tools.note(failure, at: state.server) { $0.state = .error }
    }

    private static func takeDown(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        guard let before = server.particulars.before, let host = server.host else { return }
        try await tools.note(state.migration, .reverting)
        if before.host == host {
            _ = try await tools.order(.stop, state.server, on: host)
        } else {
            try await tools.dismantle(state.server, on: host)
        }
    }

    private static func write(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.change(state.server) { server in
            guard let before = server.particulars.before else { return }
            server.flavor = before.flavor
            server.host = before.host
            server.zone = before.zone
        }
        try await tools.giveBack(state.uuid, to: server)
        if let host = server.host { try await tools.movePorts(of: state.server, to: host) }
    }

    private static func make(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        guard let host = server.host else { return }
        let interfaces = try await tools.build(state.server, on: host)
        if server.particulars.before?.state == .stopped { _ = try await tools.order(.stop, state.server, on: host) }
        try await tools.change(state.server) { $0.interfaces = interfaces.keepingFloating(of: $0.interfaces) }
    }

    private static func settle(_ tools: ServerTools, _ state: inout State) async throws {
        let now = tools.world.now
        try await tools.note(state.migration, .reverted)
        try await tools.change(state.server) { server in
            let isOff = server.particulars.before?.state == .stopped
            server.state = isOff ? .stopped : .active
            server.power = isOff ? .shutDown : .running
            server.task = nil
            server.particulars.before = nil
            server.launched = now
        }
    }
}

// MARK: Actions

extension ResizeServer {
    static let states: [ServerState] = [.active, .stopped]

    static let actions: [ServerAction] = [
        ServerAction(
            name: "resize", rule: .resizeServer,
            shape: .object(
                Fields([
                    .required("flavorRef", .either([.text(1...255), .integer(0...Int64.max)])),
                    .optional("OS-DCF:diskConfig", .choice(["AUTO", "MANUAL"])),
                ])), states: states, handle: resize),
        ServerAction(
            name: "confirmResize", rule: .confirmResize, shape: .any, states: [.resized],
            handle: { call, id, _ throws(Failure) in
                let migration = try await finished(call, id)
                try await call.begin(
                    "confirm_resize", on: id, from: [.resized], as: .resizeConfirming, ConfirmResize.self
                ) { ConfirmResize.State($0, migration) }
                return .noContent
            }),
        ServerAction(
            name: "revertResize", rule: .revertResize, shape: .any, states: [.resized],
            handle: { call, id, _ throws(Failure) in
                let migration = try await finished(call, id)
                try await call.begin(
                    "revert_resize", on: id, from: [.resized], as: .resizeReverting, RevertResize.self
                ) { ConfirmResize.State($0, migration) }
                return Reply(202)
            }),
    ]

    private static func finished(_ call: Call<Compute>, _ id: ID<Server>) async throws(Failure) -> ServerMigration {
        let found = try await call.service.database.read { try $0.migrations(ofServer: id) }
        guard let migration = found.first(where: { $0.status == .finished }) else {
            throw .invalid("Instance has not been resized.")
        }
        return migration
    }

    private static func resize(_ call: Call<Compute>, _ id: ID<Server>, _ json: JSON) async throws(Failure) -> Reply {
        let body = json.object ?? JSON.Object()
        let wanted: ID<Flavor> = ID(body.text("flavorRef") ?? body.integer("flavorRef").map(String.init) ?? "")
        let (reach, service) = (call.flavorReach, call.service)
        try await service.database.write { tx in
            let flavor: Flavor
            do { flavor = try tx.flavor(wanted, reach) } catch  where Failure(error).kind == .notFound {
                throw Failure.invalid("Flavor \(wanted) could not be found.")
            }
            let server = try tx.change(id, at: service.world.now) { server in
                try server.allow("resize", from: states)
                guard flavor.id != server.flavor.id else {
                    throw Failure.invalid("When resizing, instances must change flavor!")
                }
                guard flavor.disk > 0 || server.flavor.disk == 0 || server.isVolumeBacked else {
                    throw Failure.invalid("Resize to zero disk flavor is not allowed.")
                }
                try tx.allowGrowth(from: server.flavor, to: flavor, of: server.project, service.settings)
                server.task = .resizePrep
                if let config = body.text("OS-DCF:diskConfig") { server.particulars.diskConfig = config }
            }
            let migration = try tx.begin(.resize, of: server, to: flavor, world: service.world)
            let state = State(server, flavor, migration: migration, mustMove: false, wantedHost: nil)
            try service.runner.start(ResizeServer.self, about: id.text, state, tx)
        }
        return Reply(202)
    }
}

extension Transaction {
    /// What a larger flavor takes more has to fit into the project's quota.
    fileprivate func allowGrowth(
        from old: Flavor, to new: Flavor, of project: String, _ settings: ComputeSettings
    ) throws(Failure) {
        let usage = try usage(of: project)
        let limits: [(String, Int, Int, Int)] = [
            ("cores", usage.cores, new.vcpus - old.vcpus, settings.cores),
            ("ram", usage.memory, new.memory - old.memory, settings.memory),
        ]
        for (name, used, more, limit) in limits where limit >= 0 && more > 0 && used + more > limit {
            throw .forbidden(
                "Quota exceeded for \(name): Requested \(more), but already used \(used) of \(limit) \(name)")
        }
    }
}

extension Rule {
    static let resizeServer = Rule("os_compute_api:servers:resize", "Resize a server", May.member)
    static let confirmResize = Rule("os_compute_api:servers:confirm_resize", "Confirm a resize", May.member)
    static let revertResize = Rule("os_compute_api:servers:revert_resize", "Take a resize back", May.member)
}
