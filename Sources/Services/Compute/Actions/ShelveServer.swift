import API
import Base
import Bus
import Contracts
import Policy
import SQL
import Workflow

/// A server that isn't needed for a while becomes an image and leaves its host; what it is stays, its addresses too.
enum ShelveServer: Workflow {
    static let name = "shelve-server"

    struct State: JSONCoded {
        let server: ID<Server>
        let was: ServerState
        /// Named before it is made, so that it is found again.
        let image: String?
        let isVolumeBacked: Bool
        /// It was shelved before and only has to leave its host.
        let isShelved: Bool

        init(_ server: Server, image: String) {
            self.server = server.id
            was = server.state
            isVolumeBacked = server.isVolumeBacked
            isShelved = server.state == .shelved
            self.image = isShelved || isVolumeBacked ? server.particulars.shelvedImage : image
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            was = ServerState(rawValue: try json.text("was")) ?? .active
            image = json["image"]?.string
            isVolumeBacked = try json.flag("volume_backed")
            isShelved = try json.flag("shelved")
        }

        var json: JSON {
            [
                "server": .string(server.text), "was": .string(was.rawValue), "image": JSON(image),
                "volume_backed": .bool(isVolumeBacked), "shelved": .bool(isShelved),
            ]
        }

        var needsImage: Bool { !isVolumeBacked && !isShelved }
    }

    static let steps: [Step<ShelveServer>] = [
        Step("switch it off", limit: .seconds(400), when: { !$0.isShelved }, stop, undo: start),
        Step("announce the image", when: \.needsImage, announce, undo: removeImage),
        Step("write the image on the host", limit: .seconds(3_600), when: \.needsImage, write),
        Step("put it on the shelf", insists: true, shelve),
        Step("take it off its host", limit: .seconds(400), insists: true, leaveHost),
        Step("release what it was allotted", insists: true, release),
    ]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        try await tools.note(failure, at: state.server) { $0.state = state.was }
    }

    private static func stop(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = try await tools.server(state.server).host else { return }
        let power = try await tools.order(.stop, state.server, on: host)
        try await tools.change(state.server) { $0.power = power }
    }

    private static func start(_ tools: ServerTools, _ state: inout State) async throws {
        guard state.was != .stopped, let host = try await tools.server(state.server).host else { return }
        let power = try await tools.order(.start, state.server, on: host)
        let shown = power.serverState
        try await tools.change(state.server) { server in
            server.power = power
            server.state = shown
        }
    }

    private static func announce(_ tools: ServerTools, _ state: inout State) async throws {
        guard let image = state.image else { return }
        let server = try await tools.server(state.server)
        try await tools.announce("\(server.name)-shelved", image, of: server)
    }

    private static func removeImage(_ tools: ServerTools, _ state: inout State) async throws {
        guard let image = state.image else { return }
        let id = state.server
        let server = try await tools.database.read { try $0.serverOrWhatItWas(id) }
        try await tools.removeImage(image, of: server)
    }

    private static func write(_ tools: ServerTools, _ state: inout State) async throws {
        guard let image = state.image, let host = try await tools.server(state.server).host else { return }
        try await tools.write(image, of: state.server, on: host)
    }

    private static func shelve(_ tools: ServerTools, _ state: inout State) async throws {
        let image = state.image
        try await tools.change(state.server) { server in
            server.state = .shelved
            server.task = .shelvingOffloading
            server.power = .shutDown
            server.particulars.shelvedImage = image
        }
    }

    private static func leaveHost(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = try await tools.server(state.server).host else { return }
        try await tools.dismantle(state.server, on: host)
    }

    private static func release(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.release(state.server)
        try await tools.change(state.server) { server in
            server.state = .shelvedOffloaded
            server.task = nil
            server.power = .none
            server.host = nil
        }
    }
}

/// A shelved server finds a host again and is made from its image.
enum UnshelveServer: Workflow {
    static let name = "unshelve-server"

    struct State: JSONCoded {
        let server: ID<Server>
        let wantedZone: String?
        let wantedHost: String?
        var host: String?
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

    static let steps: [Step<UnshelveServer>] = [
        Step("choose a host", limit: .seconds(60), chooseHost, undo: leaveHost),
        Step("build on the host", limit: .seconds(1_200), build, undo: tearDown),
        Step("let go of the image", insists: true, removeImage),
    ]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        try await tools.note(failure, at: state.server) { server in
            server.state = .shelvedOffloaded
            server.host = nil
            server.power = .none
        }
    }

    private static func chooseHost(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        if let host = server.host {
            state.host = host
            return
        }
        let request = server.request(
            zone: state.wantedZone ?? server.particulars.pinnedZone, host: state.wantedHost, avoid: state.avoid)
        let choice = try await tools.bus.call(ComputeMessages.choose, request, deadline: .seconds(60))
        state.host = choice.host
        try await tools.change(state.server) { server in
            server.host = choice.host
            server.zone = choice.zone
            server.task = .unshelving
        }
        try await tools.movePorts(of: state.server, to: choice.host)
    }

    private static func leaveHost(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.release(state.server)
        if let host = state.host { state.avoid.append(host) }
        state.host = nil
        try await tools.change(state.server) { $0.host = nil }
    }

    private static func build(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = state.host else { throw Failure.bug("A server is to be built on no host.") }
        let interfaces = try await tools.build(state.server, on: host)
        let now = tools.world.now
        try await tools.change(state.server) { server in
            server.interfaces = interfaces.keepingFloating(of: server.interfaces)
            server.state = .active
            server.task = nil
            server.power = .running
            server.launched = now
        }
    }

    private static func tearDown(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = state.host else { return }
        try await tools.dismantle(state.server, on: host)
    }

    private static func removeImage(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        guard let image = server.particulars.shelvedImage else { return }
        try await tools.removeImage(image, of: server)
        try await tools.change(state.server) { $0.particulars.shelvedImage = nil }
    }
}

// MARK: Actions

extension ShelveServer {
    private static let states: [ServerState] = [.active, .stopped, .paused, .suspended]

    private static let place: Shape = .nullable(
        .object(
            Fields([
                .optional("availability_zone", .nullable(.text(1...255)), since: "2.77"),
                .optional("host", .text(1...255), since: "2.91"),
            ])))

    static let actions: [ServerAction] = [
        ServerAction(
            name: "shelve", rule: .shelveServer, shape: .any, states: states,
            handle: { call, id, _ throws(Failure) in try await shelve(call, id, states, .shelving) }),
        ServerAction(
            name: "shelveOffload", rule: .offloadServer, shape: .any, states: [.shelved],
            handle: { call, id, _ throws(Failure) in try await shelve(call, id, [.shelved], .shelvingOffloading) }),
        ServerAction(
            name: "unshelve", rule: .unshelveServer, shape: place, states: [.shelved, .shelvedOffloaded],
            handle: unshelve),
    ]

    private static func shelve(
        _ call: Call<Compute>, _ id: ID<Server>, _ states: [ServerState], _ task: ServerTask
    ) async throws(Failure) -> Reply {
        let image = UUID(call.service.world.chance).dashed
        let action = task == .shelving ? "shelve" : "shelve_offload"
        try await call.begin(action, on: id, from: states, as: task, ShelveServer.self) { State($0, image: image) }
        return Reply(202)
    }

    private static func unshelve(_ call: Call<Compute>, _ id: ID<Server>, _ body: JSON) async throws(Failure) -> Reply {
        let (zone, host) = (body["availability_zone"]?.string, body["host"]?.string)
        if let object = body.object, object.members.isEmpty {
            throw .field("unshelve", "must be null, or say where to")
        }
        if host != nil { try call.require(.unshelveToHost) }
        if let zone { try await call.service.checkZone(zone) }
        let unpins = body.object?.has("availability_zone") == true
        try await call.begin(
            "unshelve", on: id, from: [.shelved, .shelvedOffloaded], as: .unshelving, UnshelveServer.self,
            change: { server, _ in
                if zone != nil, server.state == .shelved {
                    throw Failure.conflict(
                        "The requested availability zone can be set for shelved offloaded servers only.")
                }
                if unpins { server.particulars.pinnedZone = zone }
            },
            { _ in UnshelveServer.State(server: id, wantedZone: zone, wantedHost: host) })
        return Reply(202)
    }
}

extension Compute {
    func checkZone(_ zone: String) async throws(Failure) {
        let hosts = try await database.read { try $0.computeHosts() }
        guard zone == settings.defaultZone || hosts.contains(where: { $0.zone == zone }) else {
            throw .invalid("The requested availability zone is not available")
        }
    }
}

extension Rule {
    static let shelveServer = Rule("os_compute_api:os-shelve:shelve", "Shelve a server", May.member)
    static let unshelveServer = Rule("os_compute_api:os-shelve:unshelve", "Take a server from the shelf", May.member)
    static let unshelveToHost = Rule(
        "os_compute_api:os-shelve:unshelve_to_host", "Say to which host a shelved server goes", May.admin)
    static let offloadServer = Rule(
        "os_compute_api:os-shelve:shelve_offload", "Take a shelved server from its host", May.admin)
}
