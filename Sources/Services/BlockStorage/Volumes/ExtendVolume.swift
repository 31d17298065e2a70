import API
import Base
import Contracts
import HTTP
import SQL
import Trace
import Workflow

/// Makes a volume larger, also one that a server uses; then the server's host is told.
enum ExtendVolume: Workflow {
    static let name = "extend-volume"

    struct State: JSONCoded {
        let volume: ID<Volume>
        let size: Int

        init(volume: ID<Volume>, size: Int) {
            self.volume = volume
            self.size = size
        }

        init(_ json: JSON) throws(Failure) {
            volume = ID(try json.text("volume"))
            size = try json.number("size")
        }

        var json: JSON { ["volume": .string(volume.text), "size": JSON(size)] }
    }

    static let steps: [Step<ExtendVolume>] = [
        Step("extend it on its node", limit: .seconds(600), extend),
        Step("say its new size", limit: VolumeTools.short, finish),
        Step("tell who uses it", limit: VolumeTools.short, tell),
    ]

    /// What is larger already stays larger; nobody sees it.
    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        let world = tools.world
        try await tools.database.write { tx in
            guard let volume = try tx.volumes(where: "volume_volume.id = \(state.volume)").first else { return }
            try tx.change(state.volume, at: world.now) { volume in
                guard volume.status == .extending else { return }
                volume.status = .errorExtending
                volume.quotaSize = volume.size
                volume.previousStatus = nil
            }
            try tx.tell(failure, about: .volume, volume.id.text, of: volume.project, doing: .extendVolume, world)
        }
    }

    // MARK: Steps

    private static func extend(_ tools: VolumeTools, _ state: inout State) async throws {
        let (id, size) = (state.volume, state.size)
        guard let host = try await tools.database.read({ try $0.volume(id).host }) else {
            throw Failure.bug("A volume that lies nowhere is to be extended.")
        }
        _ = try await tools.ensure(
            VolumeMessages.extend, at: host, ExtendOrder(volume: id.text, sizeGB: size), within: .seconds(600))
    }

    private static func finish(_ tools: VolumeTools, _ state: inout State) async throws {
        let (id, size, now) = (state.volume, state.size, tools.world.now)
        try await tools.database.write { tx in
            try tx.change(id, at: now) { volume in
                volume.size = size
                volume.quotaSize = size
                if volume.status == .extending { volume.settle() }
            }
        }
    }

    /// The volume is extended whatever becomes of the message; a guest sees it at its next start at the latest.
    private static func tell(_ tools: VolumeTools, _ state: inout State) async throws {
        let id = state.volume
        let attachments = try await tools.database.read { try $0.attachments(of: id) }
        let events = attachments.compactMap(\.instance).map { server -> JSON in
            ["name": "volume-extended", "server_uuid": .string(server), "tag": .string(id.text)]
        }
        guard !events.isEmpty else { return }
        do throws(Failure) {
            _ = try await tools.neighbours.compute.ask(
                "POST", "/v2.1/os-server-external-events", ["events": .array(events)],
                token: try await tools.tokens.serviceToken(), headers: ["OpenStack-API-Version": "compute 2.51"])
        } catch {
            tools.log.warning("Volume \(id) is larger now, which the compute service could not be told: \(error)")
        }
    }
}
