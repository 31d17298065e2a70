import Base
import Contracts
import SQL
import Trace
import Workflow

/// Takes a volume that nobody uses to another backend, and gives it another type if that was the reason.
///
/// Until its row says otherwise it lies where it lay, so that a move that fails has changed nothing. From then on there
/// is no way back, and what it was copied from is removed before anything else may be done with it.
enum MoveVolume: Workflow {
    static let name = "move-volume"

    struct State: JSONCoded {
        let volume: ID<Volume>
        /// `node@backend#pool`
        let from: String
        let to: String
        /// The type that it is to have there; nil: its own.
        let type: ID<VolumeType>?

        init(volume: ID<Volume>, from: String, to: String, type: ID<VolumeType>?) {
            self.volume = volume
            self.from = from
            self.to = to
            self.type = type
        }

        init(_ json: JSON) throws(Failure) {
            volume = ID(try json.text("volume"))
            from = try json.text("from")
            to = try json.text("to")
            type = json["type"]?.string.map { ID($0) }
        }

        var json: JSON {
            ["volume": .string(volume.text), "from": .string(from), "to": .string(to), "type": JSON(type?.text)]
        }

        var stored: StoredName { StoredName(.volume, volume.text) }
    }

    static let steps: [Step<MoveVolume>] = [
        Step("clear where it is to lie", limit: .seconds(600), clear),
        Step("copy it there", limit: VolumeTools.longest, copy, undo: clear),
        Step("say where it lies", limit: VolumeTools.short, insists: true, moved),
        Step("remove it from where it lay", limit: .seconds(3_600), insists: true, removeOld),
        Step("set it free", limit: VolumeTools.short, insists: true, finish),
    ]

    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        let now = tools.world.now
        tools.log.warning("Volume \(state.volume) could not be moved to \(state.to): \(failure)")
        try await tools.database.write { tx in
            guard try !tx.volumes(where: "volume_volume.id = \(state.volume)").isEmpty else { return }
            try tx.change(state.volume, at: now) { volume in
                volume.migrationStatus = volume.host == state.to ? "success" : "error"
                volume.endMove()
            }
        }
    }

    // MARK: Steps

    /// What an earlier try left there isn't what the volume holds today.
    private static func clear(_ tools: VolumeTools, _ state: inout State) async throws {
        try await tools.remove(state.stored, from: state.to)
    }

    private static func copy(_ tools: VolumeTools, _ state: inout State) async throws {
        let id = state.volume
        let size = try await tools.database.read { try $0.volume(id).size }
        let source = VolumeSource.elsewhere(state.stored, at: Place(state.from).backend)
        _ = try await tools.ensure(
            VolumeMessages.ensureVolume, at: state.to, FillOrder(volume: id.text, sizeGB: size, source: source))
    }

    private static func moved(_ tools: VolumeTools, _ state: inout State) async throws {
        let (id, to, type, now) = (state.volume, state.to, state.type, tools.world.now)
        try await tools.database.write { tx in
            let isMultiattach = try type.map { type throws(Failure) in try tx.volumeType(type).isMultiattach }
            try tx.change(id, at: now) { volume in
                volume.host = to
                if let type { volume.type = type }
                if let isMultiattach { volume.isMultiattach = isMultiattach }
                volume.migrationStatus = "completing"
            }
        }
    }

    private static func removeOld(_ tools: VolumeTools, _ state: inout State) async throws {
        try await tools.remove(state.stored, from: state.from)
    }

    private static func finish(_ tools: VolumeTools, _ state: inout State) async throws {
        let (id, now) = (state.volume, tools.world.now)
        try await tools.database.write { tx in
            try tx.change(id, at: now) { volume in
                volume.migrationStatus = "success"
                volume.endMove()
            }
        }
    }
}

extension Volume {
    fileprivate mutating func endMove() {
        if status == .maintenance || status == .retyping { settle() }
    }

    /// Refuses what cannot be taken elsewhere.
    func requireMovable(_ tx: Transaction) throws(Failure) {
        guard status == .available else {
            throw .invalidVolume(
                "Volume \(id) status must be available to be moved to another backend, but current status is:"
                    + " \(status.rawValue).")
        }
        guard try tx.snapshots(where: "volume_snapshot.volume_id = \(id)").isEmpty else {
            throw .invalidVolume("Volume \(id) must not have snapshots to be moved to another backend.")
        }
    }
}

extension BlockStorage {
    /// Writes down that a volume is to lie elsewhere, and begins to bring it there.
    func move(
        _ volume: Volume, to place: String, as type: ID<VolumeType>? = nil, meanwhile status: VolumeStatus,
        _ tx: Transaction
    ) throws {
        guard let from = volume.host else { throw Failure.invalidVolume("Volume \(volume.id) lies nowhere yet.") }
        try tx.change(volume.id, at: world.now) { volume in
            volume.previousStatus = volume.status
            volume.status = status
            volume.migrationStatus = "migrating"
        }
        let state = MoveVolume.State(volume: volume.id, from: from, to: place, type: type)
        try runner.start(MoveVolume.self, about: volume.id.text, state, tx)
        let runner = runner
        tx.afterCommit { runner.nudge() }
    }
}
