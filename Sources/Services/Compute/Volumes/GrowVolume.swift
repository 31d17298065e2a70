import API
import Base
import Bus
import Contracts
import SQL
import Workflow

/// A volume that a server uses has grown, which its guest is told.
enum GrowVolume: Workflow {
    typealias Tools = ServerTools
    static let name = "grow-volume"
    typealias State = AttachVolume.State

    static let telling = "tell the guest how large the volume is"
    static let steps: [Step<GrowVolume>] = [Step(telling, limit: .seconds(120), tell)]

    private static func tell(_ tools: ServerTools, _ state: inout State) async throws {
        let (server, id) = (try await tools.server(state.server), state.volume)
        guard let host = server.host, server.volumes.contains(where: { $0.volume == id }) else { return }
        let volume = try await tools.volumeDesk.volume(id, token: try await tools.token(of: server))
        _ = try await tools.bus.call(
            ComputeMessages.resizeVolume, on: host,
            VolumeSizeOrder(server: server.id.text, volume: id, sizeGB: try volume.number("size")),
            deadline: .seconds(60))
    }
}
