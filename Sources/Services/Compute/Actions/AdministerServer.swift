import API
import Base
import Bus
import Contracts
import Policy
import SQL
import Workflow

/// What sets a server right: its state, its deletion, what it was told.
enum AdministerServer {
    static let actions: [ServerAction] = [
        ServerAction(
            name: "os-resetState", rule: .resetServerState,
            shape: .object(Fields([.required("state", .choice(["active", "error"]))])), states: [],
            handle: { call, id, body throws(Failure) in
                let state: ServerState = body["state"] == "active" ? .active : .error
                return try await change(call, id) { server in
                    server.state = state
                    server.task = nil
                }
            }),
        ServerAction(
            name: "injectNetworkInfo", rule: .injectNetworkInfo, shape: .any, states: [],
            handle: { call, id, _ throws(Failure) in try await refresh(call, id) }),
        ServerAction(
            name: "resetNetwork", rule: .resetNetwork, shape: .any, states: [], until: "2.92",
            handle: { call, id, _ throws(Failure) in try await refresh(call, id) }),
        ServerAction(
            name: "changePassword", rule: .changeServerPassword,
            shape: .object(Fields([.required("adminPass", .text)])), states: [.active],
            handle: { _, _, _ throws(Failure) in
                // It takes an agent inside of the guest, which none of the hypervisors here speaks to.
                throw Failure(.notImplemented, "Unable to set password on instance")
            }),
        ServerAction(
            name: "trigger_crash_dump", rule: .crashServer, shape: .any, states: [.active, .paused, .rescued],
            since: "2.17",
            handle: { _, _, _ throws(Failure) in throw .invalid("Driver does not support trigger crash dump.") }),
        ServerAction(
            name: "forceDelete", rule: .forceDeleteServer, shape: .any, states: [],
            handle: { call, id, _ throws(Failure) in
                try await DeleteServer.begin(call, id)
                return Reply(202)
            }),
        ServerAction(
            name: "restore", rule: .restoreServer, shape: .any, states: [.softDeleted],
            handle: { call, id, _ throws(Failure) in
                try await call.begin("restore", on: id, from: [.softDeleted], as: .restoring, RestoreServer.self) { _ in
                    RestoreServer.State(server: id)
                }
                return Reply(202)
            }),
    ]

    private static func change(
        _ call: Call<Compute>, _ id: ID<Server>, _ body: @escaping @Sendable (inout Server) -> Void
    ) async throws(Failure) -> Reply {
        let now = call.service.world.now
        _ = try await call.service.database.write { tx in try tx.change(id, at: now, body) }
        return Reply(202)
    }

    /// What the network service has of the server's ports is what its addresses show from now on.
    private static func refresh(_ call: Call<Compute>, _ id: ID<Server>) async throws(Failure) -> Reply {
        let server = try await call.service.database.read { try $0.server(id) }
        guard server.host != nil else { throw .conflict("Instance \(id) is not ready") }
        try await call.service.refreshInterfaces(of: id)
        return Reply(202)
    }
}

/// A server that was deleted for the time being comes back as it was.
enum RestoreServer: Workflow {
    static let name = "restore-server"

    struct State: JSONCoded {
        let server: ID<Server>

        init(server: ID<Server>) { self.server = server }
        init(_ json: JSON) throws(Failure) { server = ID(try json.text("server")) }
        var json: JSON { ["server": .string(server.text)] }
    }

    static let steps: [Step<RestoreServer>] = [Step("switch it on again", limit: .seconds(600), run)]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        try await tools.note(failure, at: state.server) { $0.state = .error }
    }

    private static func run(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        let power: GuestState =
            if let host = server.host { try await tools.order(.start, state.server, on: host) } else { .none }
        try await tools.change(state.server) { server in
            server.state = power.serverState
            server.power = power
            server.task = nil
            server.particulars.deleted = nil
        }
    }
}

extension Rule {
    static let resetServerState = Rule(
        "os_compute_api:os-admin-actions:reset_state", "Say what state a server is in", May.admin)
    static let injectNetworkInfo = Rule(
        "os_compute_api:os-admin-actions:inject_network_info", "Tell a server of its network again", May.admin)
    static let resetNetwork = Rule(
        "os_compute_api:os-admin-actions:reset_network", "Set a server's network up again", May.admin)
    static let changeServerPassword = Rule(
        "os_compute_api:os-admin-password", "Change the password of a server's administrator", May.member)
    static let crashServer = Rule(
        "os_compute_api:servers:trigger_crash_dump", "Have a server dump its memory", May.member)
    static let forceDeleteServer = Rule(
        "os_compute_api:os-deferred-delete:force", "Delete a server at once", May.member)
    static let restoreServer = Rule(
        "os_compute_api:os-deferred-delete:restore", "Bring a deleted server back", May.member)
}
