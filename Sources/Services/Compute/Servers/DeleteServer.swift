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
        .wait("let the build end", limit: .seconds(900), until: buildIsOver),
        Step("remove it from its host", removeFromHost),
        Step("release what it was allotted", release),
        Step("forget it", forget),
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
        return try await tools.database.read { try !$0.hasRuns(of: BootServer.name, about: id) }
    }

    private static func removeFromHost(_ tools: ServerTools, _ state: inout State) async throws {
        let id = state.server
        guard let host = try await tools.database.read({ try $0.server(id).host }) else { return }
        try await tools.clear(id, host)
    }

    private static func release(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.release(state.server)
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
