import API
import Base
import Bus
import Contracts
import Policy
import SQL
import Workflow

/// Start, stop, reboot, pause, suspend and back: one order to the host, and the server's state follows the answer.
enum PowerServer: Workflow {
    static let name = "power-server"

    struct State: JSONCoded {
        let server: ID<Server>
        let verb: PowerOrder.Verb

        init(server: ID<Server>, verb: PowerOrder.Verb) {
            self.server = server
            self.verb = verb
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            guard let verb = PowerOrder.Verb(rawValue: try json.text("verb")) else {
                throw .bug("An unknown order was stored.")
            }
            self.verb = verb
        }

        var json: JSON { ["server": .string(server.text), "verb": .string(verb.rawValue)] }
    }

    static let steps: [Step<PowerServer>] = [Step("switch it on its host", limit: .seconds(600), order)]

    private static func order(_ tools: ServerTools, _ state: inout State) async throws {
        let id = state.server
        let server = try await tools.database.read { try $0.server(id) }
        guard let host = server.host else { throw Failure.conflict("Instance \(id) is on no host.") }
        let power = try await tools.bus.call(
            ComputeMessages.power, on: host, PowerOrder(server: id.text, verb: state.verb), deadline: .seconds(300))
        let (now, end) = (tools.world.now, state.verb.end)
        try await tools.database.write { tx in
            try tx.change(id, at: now) { server in
                server.state = end
                server.task = nil
                server.power = power
            }
        }
    }

    /// What could not be switched is as it was; the next report of its host tells how it really is.
    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        let now = tools.world.now
        try await tools.database.write { tx in
            try tx.change(state.server, at: now) { server in
                server.task = nil
                server.fault = Server.Fault(code: 500, message: failure.message, created: now)
            }
        }
    }
}

// MARK: Actions

extension PowerServer {
    static let actions: [ServerAction] = [
        action("os-start", .start, may: .startServer, from: [.stopped], then: .poweringOn),
        action("os-stop", .stop, may: .stopServer, from: [.active, .error], then: .poweringOff),
        action("pause", .pause, may: .pauseServer, from: [.active], then: .pausing),
        action("unpause", .unpause, may: .unpauseServer, from: [.paused], then: .unpausing),
        action("suspend", .suspend, may: .suspendServer, from: [.active], then: .suspending),
        action("resume", .resume, may: .resumeServer, from: [.suspended], then: .resuming),
        ServerAction(
            name: "reboot", rule: .rebootServer,
            shape: .object(Fields([.required("type", .choice(["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]))])),
            states: [.active, .stopped, .paused, .suspended, .error],
            handle: { call, id, body throws(Failure) in
                let isHard = body["type"]?.string?.lowercased() == "hard"
                if !isHard {
                    let server = try await call.service.database.read { try $0.server(id) }
                    guard server.state == .active else {
                        throw .conflict(
                            "Cannot 'reboot' instance \(id) while it is in vm_state \(server.state.rawValue)")
                    }
                }
                return try await start(
                    call, id, isHard ? .rebootHard : .rebootSoft, isHard ? .rebootingHard : .rebooting)
            }),
    ]

    private static func action(
        _ name: String, _ verb: PowerOrder.Verb, may rule: Rule, from states: [ServerState], then task: ServerTask
    ) -> ServerAction {
        ServerAction(name: name, rule: rule, shape: .nullable(.any), states: states) { call, id, _ throws(Failure) in
            try await start(call, id, verb, task)
        }
    }

    private static func start(
        _ call: Call<Compute>, _ id: ID<Server>, _ verb: PowerOrder.Verb, _ task: ServerTask
    ) async throws(Failure) -> Reply {
        let service = call.service
        try await service.database.write { tx in
            try tx.change(id, at: service.world.now) { server in
                guard server.task == nil else {
                    throw Failure.conflict(
                        "Cannot '\(verb.rawValue)' instance \(id) while it is in task_state \(server.task?.rawValue ?? "")"
                    )
                }
                server.task = task
            }
            try service.runner.start(PowerServer.self, about: id.text, State(server: id, verb: verb), tx)
        }
        return Reply(202)
    }
}

extension PowerOrder.Verb {
    /// What a server is when it has been obeyed.
    fileprivate var end: ServerState {
        switch self {
        case .start, .unpause, .resume, .rebootSoft, .rebootHard: .active
        case .stop: .stopped
        case .pause: .paused
        case .suspend: .suspended
        }
    }
}

extension Rule {
    static let startServer = Rule("os_compute_api:servers:start", "Start a server", May.member)
    static let stopServer = Rule("os_compute_api:servers:stop", "Stop a server", May.member)
    static let rebootServer = Rule("os_compute_api:servers:reboot", "Reboot a server", May.member)
    static let pauseServer = Rule("os_compute_api:os-pause-server:pause", "Pause a server", May.member)
    static let unpauseServer = Rule("os_compute_api:os-pause-server:unpause", "Unpause a server", May.member)
    static let suspendServer = Rule("os_compute_api:os-suspend-server:suspend", "Suspend a server", May.member)
    static let resumeServer = Rule("os_compute_api:os-suspend-server:resume", "Resume a server", May.member)
}
