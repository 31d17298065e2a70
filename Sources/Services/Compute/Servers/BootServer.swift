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
        let hasVolumes: Bool

        init(server: ID<Server>, wantedZone: String?, wantedHost: String?, hasVolumes: Bool = false) {
            self.server = server
            self.hasVolumes = hasVolumes
            self.wantedZone = wantedZone
            self.wantedHost = wantedHost
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            wantedZone = json["zone"]?.string
            wantedHost = json["wanted_host"]?.string
            host = json["host"]?.string
            avoid = json["avoid"]?.array?.compactMap(\.string) ?? []
            hasVolumes = json["has_volumes"]?.bool ?? false
        }

        var json: JSON {
            [
                "server": .string(server.text), "zone": JSON(wantedZone), "wanted_host": JSON(wantedHost),
                "host": JSON(host), "avoid": JSON(avoid), "has_volumes": .bool(hasVolumes),
            ]
        }
    }

    static let retry: Retry? = Retry(from: "choose a host", times: 2)

    static let steps: [Step<BootServer>] = [
        .concluding("choose a host", limit: .seconds(60), chooseHost, undo: leaveHost),
        Step("make its volumes", when: \.hasVolumes, makeVolumes, undo: removeVolumes),
        .wait("let its volumes be ready", limit: .seconds(1_200), when: \.hasVolumes, until: volumesAreReady),
        Step("reserve its volumes", when: \.hasVolumes, reserveVolumes, undo: leaveVolumes),
        .concluding("build on the host", build, undo: tearDown),
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
    private static func chooseHost(_ tools: ServerTools, _ state: inout State) async throws -> Conclusion {
        let id = state.server
        let server = try await tools.database.read { try $0.server(id) }
        let request = server.request(zone: state.wantedZone, host: state.wantedHost, avoid: state.avoid)
        let choice = try await tools.bus.call(ComputeMessages.choose, request, deadline: .seconds(60))
        state.host = choice.host
        let now = tools.world.now
        return Conclusion(to: "write the host down") { tx in
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

    // MARK: Volumes

    private static func makeVolumes(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.change(state.server) { $0.task = .blockDeviceMapping }
        let token = try await tools.token(of: server)
        for volume in server.volumes where volume.volume == nil {
            let made = try await tools.volumeDesk.make(volume, for: server, token: token)
            try await tools.change(state.server) { server in
                guard let place = server.volumes.firstIndex(where: { $0.id == volume.id }) else { return }
                server.volumes[place].volume = made
            }
        }
    }

    private static func removeVolumes(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        let token = try await tools.token(of: server)
        for volume in server.volumes where volume.source != .volume {
            var made = volume.volume
            if made == nil { made = try await tools.volumeDesk.find(volume, token: token) }
            guard let made else { continue }
            try await tools.volumeDesk.delete(made, token: token)
            try await tools.change(state.server) { server in
                guard let place = server.volumes.firstIndex(where: { $0.id == volume.id }) else { return }
                server.volumes[place].volume = nil
            }
        }
    }

    private static func volumesAreReady(_ tools: ServerTools, _ state: inout State) async throws -> Bool {
        let server = try await tools.server(state.server)
        let token = try await tools.token(of: server)
        for volume in server.volumes {
            guard let id = volume.volume else { continue }
            if try await !tools.volumeDesk.isReady(id, token: token) { return false }
        }
        return true
    }

    private static func reserveVolumes(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        let token = try await tools.token(of: server)
        for volume in server.volumes {
            guard let id = volume.volume else { continue }
            let attachment = try await tools.volumeDesk.reserve(id, for: server.id.text, token: token)
            try await tools.change(state.server) { server in
                guard let place = server.volumes.firstIndex(where: { $0.id == volume.id }) else { return }
                server.volumes[place].attachment = attachment
            }
        }
        try await tools.change(state.server) { $0.task = .spawning }
    }

    private static func leaveVolumes(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        let token = try await tools.token(of: server)
        for volume in server.volumes {
            guard let id = volume.volume else { continue }
            try await tools.volumeDesk.leave(id, of: server.id.text, token: token)
        }
        try await tools.change(state.server) { server in
            for place in server.volumes.indices { server.volumes[place].attachment = nil }
        }
    }

    private static func build(_ tools: ServerTools, _ state: inout State) async throws -> Conclusion {
        guard let host = state.host else { throw Failure.bug("A server is to be built on no host.") }
        let (id, now) = (state.server, tools.world.now)
        let interfaces = try await tools.build(id, on: host)
        return Conclusion { tx in
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
