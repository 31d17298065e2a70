import API
import Base
import Contracts
import SQL
import Workflow

/// From an accepted `DELETE /servers/{id}` to nothing left: guest, disks, ports, allocation, and then the server itself.
///
/// It waits for a build that is under way to be undone first, so that nobody builds what somebody else takes away.
enum DeleteServer: Workflow {
    static let name = "delete-server"

    struct State: JSONCoded {
        let server: ID<Server>

        init(server: ID<Server>) { self.server = server }
        init(_ json: JSON) throws(Failure) { server = ID(try json.text("server")) }
        var json: JSON { ["server": .string(server.text)] }
    }

    static let insists = true

    static let steps: [Step<DeleteServer>] = [
        // As long as a large disk takes to be written as an image.
        .wait("let the build end", limit: .seconds(4_000), until: buildIsOver),
        Step("remove it from its host", removeFromHost),
        Step("take it off the shelf", removeShelf),
        Step("let go of its volumes", leaveVolumes),
        Step("release what it was allotted", release),
        Step("forget it", forget),
    ]

    /// Whatever is being done with the server is to stop; the deletion waits for its end.
    static func begin(_ call: Call<Compute>, _ id: ID<Server>) async throws(Failure) {
        let service = call.service
        try await service.database.write { tx in
            guard try !tx.hasRuns(of: DeleteServer.name, about: id.text) else { return }
            try tx.note("delete", on: id, call, at: service.world.now)
            try tx.change(id, at: service.world.now) { $0.task = .deleting }
            for name in builders { try tx.cancelRuns(of: name, about: id.text) }
            try service.runner.start(DeleteServer.self, about: id.text, DeleteServer.State(server: id), tx)
            tx.afterCommit { service.runner.nudge() }
        }
    }

    /// Who makes guests, reserves volumes, and makes images that only the server knows of: a deletion waits until none of
    /// them is at it any more.
    static let builders = [
        BootServer.name, RebuildServer.name, ResizeServer.name, RevertResize.name, ShelveServer.name,
        UnshelveServer.name, MigrateServer.name, RescueServer.name, UnrescueServer.name, EvacuateServer.name,
        AttachVolume.name,
    ]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        let now = tools.world.now
        try await tools.database.write { tx in
            try tx.change(state.server, at: now) { server in
                server.state = .error
                server.task = nil
                server.fault = Server.Fault(code: 500, message: failure.message, created: now)
            }
        }
    }
}

// MARK: Steps

extension DeleteServer {
    private static func buildIsOver(_ tools: ServerTools, _ state: inout State) async throws -> Bool {
        let id = state.server.text
        tools.reports.giveUp(on: id)
        return try await tools.database.read { tx in
            for name in builders where try tx.hasRuns(of: name, about: id) { return false }
            return true
        }
    }

    private static func removeFromHost(_ tools: ServerTools, _ state: inout State) async throws {
        let id = state.server
        let server = try await tools.server(id)
        // After a resize to another host, something of it is left where it came from.
        if let old = server.particulars.before?.host, old != server.host { try await tools.dismantle(id, on: old) }
        guard let host = server.host else { return try await tools.releasePorts(of: id) }
        try await tools.clear(id, host)
    }

    /// The image as which it lay on the shelf is nobody else's.
    private static func removeShelf(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        guard let image = server.particulars.shelvedImage else { return }
        do throws(Failure) { try await tools.removeImage(image, of: server) } catch  where error.kind == .forbidden {
            // Somebody protects it, and so it is theirs to keep.
        }
    }

    private static func leaveVolumes(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.leaveVolumes(of: try await tools.server(state.server))
    }

    private static func release(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.release(state.server)
        let id = state.server
        let migrations = try await tools.database.read { try $0.migrations(ofServer: id) }
        for migration in migrations where !migration.isOver {
            try await tools.release(migration.uuid)
            try await tools.note(migration.id, .deleted)
        }
    }

    private static func forget(_ tools: ServerTools, _ state: inout State) async throws {
        let (id, now) = (state.server, tools.world.now)
        do throws(Failure) {
            try await tools.database.write { tx in
                try tx.change(id, at: now) { server in
                    server.state = .deleted
                    server.task = nil
                    server.power = .none
                    server.host = nil
                    server.interfaces = []
                    server.terminated = now
                }
            }
        } catch  where error.kind == .notFound {
            // It had been forgotten already when the process ended.
        }
    }
}
