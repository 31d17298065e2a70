import Base
import Contracts
import SQL
import Workflow

/// Puts a volume back to what it was when its latest snapshot was taken.
enum RevertVolume: Workflow {
    static let name = "revert-volume"

    struct State: JSONCoded {
        let volume: ID<Volume>
        let snapshot: ID<Snapshot>

        init(volume: ID<Volume>, snapshot: ID<Snapshot>) {
            self.volume = volume
            self.snapshot = snapshot
        }

        init(_ json: JSON) throws(Failure) {
            volume = ID(try json.text("volume"))
            snapshot = ID(try json.text("snapshot"))
        }

        var json: JSON { ["volume": .string(volume.text), "snapshot": .string(snapshot.text)] }
    }

    static let steps: [Step<RevertVolume>] = [
        Step("fill it from the snapshot", limit: VolumeTools.longest, fill),
        Step("say that it is there", limit: VolumeTools.short, finish),
    ]

    /// The node puts the new content in place as a whole, so what failed has changed nothing.
    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        try await settle(tools, state, volume: .error)
    }

    private static func fill(_ tools: VolumeTools, _ state: inout State) async throws {
        let (id, snapshot) = (state.volume, state.snapshot)
        let volume = try await tools.database.read { try $0.volume(id) }
        guard let host = volume.host else { throw Failure.bug("A volume that lies nowhere is to be reverted.") }
        let order = FillOrder(
            volume: id.text, sizeGB: volume.size, source: .stored(StoredName(.snapshot, snapshot.text)))
        _ = try await tools.ask(VolumeMessages.overwrite, at: host, order)
    }

    private static func finish(_ tools: VolumeTools, _ state: inout State) async throws {
        try await settle(tools, state, volume: .available)
    }

    private static func settle(_ tools: VolumeTools, _ state: State, volume status: VolumeStatus) async throws {
        let (id, now) = (state.volume, tools.world.now)
        try await tools.database.write { tx in
            if try !tx.volumes(where: "volume_volume.id = \(id)").isEmpty {
                try tx.change(id, at: now) { volume in
                    if volume.status == .reverting { volume.status = status }
                }
            }
            try tx.run(
                """
                UPDATE volume_snapshot SET status = \(SnapshotStatus.available), updated_at = \(now)
                WHERE id = \(state.snapshot) AND status = \(SnapshotStatus.restoring)
                """)
        }
    }
}
