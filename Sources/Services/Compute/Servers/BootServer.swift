import Base
import Bus
import Contracts
import SQL
import Workflow

/// From an accepted `POST /servers` to a running guest: the story that the notes tell in 29 steps.
///
///     1–7    the user's token, the request, the token checked, the server written down     ServerAPI, CreateServer
///     8–11   the scheduler chooses among the hosts that placement offers, and claims        Scheduler
///     12–19  the host is told; it asks the conductor what it is to build                    ComputeNode, Conductor
///     20–28  it asks image, network and volume services with the user's token               ComputeNode
///     29     it makes the guest                                                             Hypervisor drivers
///
/// What fails on one host is undone and tried on another; what cannot work anywhere ends in ERROR, with a fault that
/// says why.
enum BootServer: Workflow {
    static let name = "boot-server"

    struct State: JSONCoded {
        let server: ID<Server>
        let wantedZone: String?
        let wantedHost: String?
        var host: String?
        /// Hosts that have failed already.
        var avoid: [String] = []

        init(server: ID<Server>, wantedZone: String?, wantedHost: String?) {
            self.server = server
            self.wantedZone = wantedZone
            self.wantedHost = wantedHost
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            wantedZone = json["zone"]?.string
            wantedHost = json["wanted_host"]?.string
            host = json["host"]?.string
            avoid = json["avoid"]?.array?.compactMap(\.string) ?? []
        }

        var json: JSON {
            [
                "server": .string(server.text), "zone": JSON(wantedZone), "wanted_host": JSON(wantedHost),
                "host": JSON(host), "avoid": JSON(avoid),
            ]
        }
    }

    static let retry: Retry? = Retry(from: "choose a host", times: 2)

    static let steps: [Step<BootServer>] = [
        Step("choose a host", limit: .seconds(60), chooseHost, undo: leaveHost),
        Step("build on the host", build, undo: tearDown),
    ]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        let now = tools.world.now
        try await tools.database.write { tx in
            guard try !tx.hasRuns(of: DeleteServer.name, about: state.server.text) else { return }
            try tx.change(state.server, at: now) { server in
                server.state = .error
                server.task = nil
                server.host = nil
                server.fault = Server.Fault(code: 500, message: failure.message, created: now)
            }
        }
    }
}

// MARK: Steps

extension BootServer {
    private static func chooseHost(_ tools: ServerTools, _ state: inout State) async throws {
        let id = state.server
        let server = try await tools.database.read { try $0.server(id) }
        let request = server.request(zone: state.wantedZone, host: state.wantedHost, avoid: state.avoid)
        let choice = try await tools.bus.call(ComputeMessages.choose, request, deadline: .seconds(60))
        state.host = choice.host
        let now = tools.world.now
        try await tools.database.write { tx in
            try tx.keepGroup(of: server, on: choice.host)
            try tx.change(id, at: now) { server in
                server.host = choice.host
                server.zone = choice.zone
                server.task = .spawning
            }
        }
    }

    private static func leaveHost(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.release(state.server)
        if let host = state.host { state.avoid.append(host) }
        state.host = nil
    }

    private static func build(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = state.host else { throw Failure.bug("A server is to be built on no host.") }
        let (id, now) = (state.server, tools.world.now)
        let report = try await tools.reports.wait(
            for: id.text, limit: tools.settings.buildLimit, clock: tools.world.clock
        ) {
            try await tools.bus.cast(ComputeMessages.build, on: host, ServerReference(server: id.text))
        }
        if let failure = report.failure {
            throw report.mayRetry ? Failure.unavailable(failure) : Failure.invalid(failure)
        }
        let interfaces = try (report.interfaces.array ?? []).map { try Interface($0) }
        try await tools.database.write { tx in
            try tx.change(id, at: now) { server in
                server.state = .active
                server.task = nil
                server.power = .running
                server.interfaces = interfaces
                server.launched = tools.world.now
            }
        }
    }

    private static func tearDown(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = state.host else { return }
        try await tools.clear(state.server, host)
    }
}
