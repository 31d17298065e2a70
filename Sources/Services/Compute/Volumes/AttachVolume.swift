import API
import Base
import Bus
import Contracts
import SQL
import Workflow

/// A volume becomes a disk of a server that is there already.
enum AttachVolume: Workflow {
    typealias Tools = ServerTools
    static let name = "attach-volume"

    struct State: JSONCoded {
        let server: ID<Server>
        let volume: String
        /// From here on it is the server's, and nobody waits for the answer any more.
        var isReserved = false

        init(server: ID<Server>, volume: String) {
            self.server = server
            self.volume = volume
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            volume = try json.text("volume")
            isReserved = json["reserved"]?.bool ?? true
        }

        var json: JSON {
            ["server": .string(server.text), "volume": .string(volume), "reserved": .bool(isReserved)]
        }
    }

    static let reservation = "reserve it"

    static let steps: [Step<AttachVolume>] = [
        Step(reservation, limit: .seconds(60), reserve, undo: unreserve),
        Step("attach it on the host", limit: .seconds(300), attach, undo: leave),
    ]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        guard state.isReserved else { return }
        let now = tools.world.now
        try await tools.change(state.server) { server in
            server.fault = Server.Fault(code: 500, message: failure.message, created: now)
        }
    }

    /// The server has it written down already: so nothing that the store holds for it is ever nobody's.
    private static func reserve(_ tools: ServerTools, _ state: inout State) async throws {
        let (server, id) = (try await tools.server(state.server), state.volume)
        let attachment = try await tools.volumeDesk.reserve(
            id, for: server.id.text, token: try await tools.token(of: server))
        let after = try await tools.change(state.server) { server in
            guard let place = server.volumes.firstIndex(where: { $0.volume == id }) else { return }
            server.volumes[place].attachment = attachment
        }
        guard after.volumes.contains(where: { $0.volume == id }) else {
            throw Failure.conflict("Volume \(id) was detached from the server \(server.id) before it was attached.")
        }
        state.isReserved = true
    }

    private static func unreserve(_ tools: ServerTools, _ state: inout State) async throws {
        try await DetachVolume.leave(tools, &state)
    }

    private static func attach(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        guard let connection = connection(server, state) else { return }
        guard let host = server.host else {
            // It has it as soon as it has a host again.
            let token = try await tools.token(of: server)
            return try await tools.volumeDesk.complete(connection.attachment, token: token)
        }
        _ = try await tools.bus.call(
            ComputeMessages.attachVolume, on: host, VolumeOrder(server: server.id.text, connection: connection),
            deadline: .seconds(240))
    }

    /// Only the host's part. It is free for others once, when it is no longer reserved: whoever takes it from then on must
    /// not lose it to what is still to be undone here.
    private static func leave(_ tools: ServerTools, _ state: inout State) async throws {
        try await DetachVolume.detach(tools, &state)
    }

    static func connection(_ server: Server, _ state: State) -> VolumeConnection? {
        server.volumes.first { $0.volume == state.volume }?.told
    }
}

/// A volume is no disk of a server's any more, and free for others.
enum DetachVolume: Workflow {
    typealias Tools = ServerTools
    static let name = "detach-volume"
    typealias State = AttachVolume.State

    static let steps: [Step<DetachVolume>] = [
        Step("detach it on the host", limit: .seconds(300), detach), Step("let go of it", leave),
    ]

    static func detach(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        guard let host = server.host, let connection = AttachVolume.connection(server, state) else { return }
        _ = try await tools.bus.call(
            ComputeMessages.detachVolume, on: host, VolumeOrder(server: server.id.text, connection: connection),
            deadline: .seconds(240))
    }

    static func leave(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        let id = state.volume
        try await tools.volumeDesk.leave(id, of: server.id.text, token: try await tools.token(of: server))
        try await tools.change(state.server) { server in server.volumes.removeAll { $0.volume == id } }
    }
}

/// One volume takes the place of another, which is migrating: the block storage service asks for it.
enum SwapVolume: Workflow {
    typealias Tools = ServerTools
    static let name = "swap-volume"

    struct State: JSONCoded {
        let server: ID<Server>
        let old: String
        let new: String
        var attachment: String?

        init(server: ID<Server>, old: String, new: String) {
            self.server = server
            self.old = old
            self.new = new
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            old = try json.text("old")
            new = try json.text("new")
            attachment = json["attachment"]?.string
        }

        var json: JSON {
            [
                "server": .string(server.text), "old": .string(old), "new": .string(new),
                "attachment": JSON(attachment),
            ]
        }
    }

    static let steps: [Step<SwapVolume>] = [
        Step("reserve the new one", reserve, undo: unreserve),
        Step("put it in the other's place", limit: .seconds(600), swap, undo: takeBack),
    ]

    private static func reserve(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        state.attachment = try await tools.volumeDesk.reserve(
            state.new, for: server.id.text, token: try await tools.token(of: server))
    }

    /// By the server, not by what was answered: an answer that never came has reserved it, too.
    private static func unreserve(_ tools: ServerTools, _ state: inout State) async throws {
        let (server, new) = (try await tools.server(state.server), state.new)
        guard !server.volumes.contains(where: { $0.volume == new }) else { return }
        try await tools.volumeDesk.leave(new, of: server.id.text, token: try await tools.token(of: server))
    }

    /// For as long as the old one is the server's, the new one is no disk of it.
    private static func takeBack(_ tools: ServerTools, _ state: inout State) async throws {
        let (server, old) = (try await tools.server(state.server), state.old)
        guard let host = server.host, let attachment = state.attachment,
            let bond = server.volumes.first(where: { $0.volume == old })
        else { return }
        let connection = VolumeConnection(volume: state.new, attachment: attachment, isRoot: bond.isRoot, tag: bond.tag)
        _ = try await tools.bus.call(
            ComputeMessages.detachVolume, on: host, VolumeOrder(server: server.id.text, connection: connection),
            deadline: .seconds(240))
    }

    private static func swap(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        guard let host = server.host, let attachment = state.attachment,
            let place = server.volumes.firstIndex(where: { $0.volume == state.old || $0.volume == state.new })
        else { return }
        let (id, old, new) = (state.server, state.old, state.new)
        let bond = server.volumes[place]
        let connection = VolumeConnection(volume: new, attachment: attachment, isRoot: bond.isRoot, tag: bond.tag)
        _ = try await tools.bus.call(
            ComputeMessages.attachVolume, on: host, VolumeOrder(server: id.text, connection: connection),
            deadline: .seconds(240))
        if let before = bond.told, bond.volume == old {
            _ = try await tools.bus.call(
                ComputeMessages.detachVolume, on: host, VolumeOrder(server: id.text, connection: before),
                deadline: .seconds(240))
            try await tools.volumeDesk.leave(before.attachment, token: try await tools.token(of: server))
        }
        try await tools.change(id) { server in
            guard let place = server.volumes.firstIndex(where: { $0.volume == old }) else { return }
            server.volumes[place].volume = new
            server.volumes[place].attachment = attachment
        }
    }
}
