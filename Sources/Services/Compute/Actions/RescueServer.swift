import API
import Base
import Bus
import Contracts
import Policy
import SQL
import Workflow

/// A server that doesn't start any more runs from another image, with its own disk beside it, until it is well again.
enum RescueServer: Workflow {
    static let name = "rescue-server"

    struct State: JSONCoded {
        let server: ID<Server>
        let image: String
        let was: ServerState

        init(server: ID<Server>, image: String, was: ServerState) {
            self.server = server
            self.image = image
            self.was = was
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            image = try json.text("image")
            was = ServerState(rawValue: try json.text("was")) ?? .active
        }

        var json: JSON {
            ["server": .string(server.text), "image": .string(image), "was": .string(was.rawValue)]
        }
    }

    static let steps: [Step<RescueServer>] = [
        Step("run it from the other image", limit: .seconds(900), run, undo: back),
        Step("say that it is being rescued", finish),
    ]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        try await tools.note(failure, at: state.server) { $0.particulars.rescueImage = nil }
    }

    private static func run(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = try await tools.server(state.server).host else { return }
        let order = RescueOrder(server: state.server.text, image: state.image)
        _ = try await tools.bus.call(ComputeMessages.rescue, on: host, order, deadline: .seconds(600))
    }

    private static func back(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = try await tools.server(state.server).host else { return }
        let order = RescueOrder(server: state.server.text, image: nil)
        _ = try await tools.bus.call(ComputeMessages.rescue, on: host, order, deadline: .seconds(300))
    }

    private static func finish(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.change(state.server) { server in
            server.state = .rescued
            server.task = nil
            server.power = .running
        }
    }
}

/// The server runs from its own disk again.
enum UnrescueServer: Workflow {
    static let name = "unrescue-server"

    struct State: JSONCoded {
        let server: ID<Server>

        init(server: ID<Server>) { self.server = server }
        init(_ json: JSON) throws(Failure) { server = ID(try json.text("server")) }
        var json: JSON { ["server": .string(server.text)] }
    }

    static let steps: [Step<UnrescueServer>] = [Step("run it from its own disk", limit: .seconds(600), run)]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        try await tools.note(failure, at: state.server) { $0.state = .error }
    }

    private static func run(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = try await tools.server(state.server).host else { return }
        let order = RescueOrder(server: state.server.text, image: nil)
        _ = try await tools.bus.call(ComputeMessages.rescue, on: host, order, deadline: .seconds(300))
        try await tools.change(state.server) { server in
            server.state = .active
            server.task = nil
            server.power = .running
            server.particulars.rescueImage = nil
        }
    }
}

// MARK: Actions

extension RescueServer {
    private static let states: [ServerState] = [.active, .stopped, .error]

    static let actions: [ServerAction] = [
        ServerAction(
            name: "rescue", rule: .rescueServer,
            shape: .nullable(.object(Fields([.optional("adminPass", .text), .optional("rescue_image_ref", .uuid)]))),
            states: states, handle: rescue),
        ServerAction(
            name: "unrescue", rule: .unrescueServer, shape: .any, states: [.rescued],
            handle: { call, id, _ throws(Failure) in
                try await call.begin("unrescue", on: id, from: [.rescued], as: .unrescuing, UnrescueServer.self) { _ in
                    UnrescueServer.State(server: id)
                }
                return Reply(202)
            }),
    ]

    private static func rescue(_ call: Call<Compute>, _ id: ID<Server>, _ json: JSON) async throws(Failure) -> Reply {
        let server = try await call.service.database.read { try $0.server(id) }
        guard !server.isVolumeBacked || call.version >= "2.87" else {
            throw .invalid("Instance \(id) cannot be rescued: Cannot rescue a volume-backed instance")
        }
        guard let wanted = json["rescue_image_ref"]?.string ?? server.image else {
            throw .invalid("Instance \(id) cannot be rescued: it was made from no image, so one must be named.")
        }
        let image = try await BootImage.load(wanted, call)
        try await call.begin(
            "rescue", on: id, from: states, as: .rescuing, RescueServer.self,
            change: { server, _ in server.particulars.rescueImage = image.id },
            { RescueServer.State(server: id, image: image.id, was: $0.state) })
        let password = json["adminPass"]?.string ?? CreateServer.password(call)
        return .json { $0.put("adminPass", password) }
    }
}

extension Rule {
    static let rescueServer = Rule("os_compute_api:os-rescue", "Rescue a server", May.member)
    static let unrescueServer = Rule("os_compute_api:os-unrescue", "End a server's rescue", May.member)
}
