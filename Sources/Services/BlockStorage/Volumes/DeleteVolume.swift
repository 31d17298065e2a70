import Base
import Contracts
import SQL
import Workflow

/// From an accepted `DELETE /volumes/{id}` to nothing left, on the node and in the books.
enum DeleteVolume: Workflow {
    static let name = "delete-volume"

    struct State: JSONCoded {
        let volume: ID<Volume>

        init(volume: ID<Volume>) { self.volume = volume }
        init(_ json: JSON) throws(Failure) { volume = ID(try json.text("volume")) }
        var json: JSON { ["volume": .string(volume.text)] }
    }

    static let steps: [Step<DeleteVolume>] = [
        .wait("let other work end", limit: .seconds(900), until: isLeftAlone),
        Step("remove its snapshots from their node", limit: .seconds(3_600), removeSnapshots),
        Step("remove it from its node", limit: .seconds(3_600), remove),
        Step("forget it", limit: VolumeTools.short, forget),
    ]

    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        let world = tools.world
        try await tools.database.write { tx in
            guard let volume = try tx.volumes(where: "volume_volume.id = \(state.volume)").first else { return }
            try tx.change(state.volume, at: world.now) { $0.status = .errorDeleting }
            try tx.tell(failure, about: .volume, volume.id.text, of: volume.project, doing: .deleteVolume, world)
        }
    }

    // MARK: Steps

    private static func isLeftAlone(_ tools: VolumeTools, _ state: inout State) async throws -> Bool {
        let id = state.volume.text
        return try await tools.database.read { tx in
            for name in BlockStorage.workNames where name != DeleteVolume.name {
                if try tx.hasRuns(of: name, about: id) { return false }
            }
            return true
        }
    }

    private static func removeSnapshots(_ tools: VolumeTools, _ state: inout State) async throws {
        let id = state.volume
        let (volume, snapshots) = try await tools.database.read { tx in
            (
                try tx.volumes(where: "volume_volume.id = \(id)").first,
                try tx.snapshots(where: "volume_snapshot.volume_id = \(id)")
            )
        }
        for snapshot in snapshots {
            try await tools.remove(StoredName(.snapshot, snapshot.id.text), from: volume?.host)
            _ = try await tools.database.write { try $0.run("DELETE FROM volume_snapshot WHERE id = \(snapshot.id)") }
        }
    }

    private static func remove(_ tools: VolumeTools, _ state: inout State) async throws {
        let id = state.volume
        let host = try await tools.database.read { try $0.volumes(where: "volume_volume.id = \(id)").first?.host }
        try await tools.remove(StoredName(.volume, id.text), from: host)
    }

    private static func forget(_ tools: VolumeTools, _ state: inout State) async throws {
        let id = state.volume
        try await tools.database.write { try $0.forget(id) }
    }
}
