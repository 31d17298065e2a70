import Base
import Contracts
import SQL
import Workflow

/// Takes a snapshot that is written down.
enum CreateSnapshot: Workflow {
    static let name = "create-snapshot"

    struct State: JSONCoded {
        let snapshot: ID<Snapshot>

        init(snapshot: ID<Snapshot>) { self.snapshot = snapshot }
        init(_ json: JSON) throws(Failure) { snapshot = ID(try json.text("snapshot")) }
        var json: JSON { ["snapshot": .string(snapshot.text)] }
    }

    static let steps: [Step<CreateSnapshot>] = [
        Step("take it on its node", limit: VolumeTools.longest, take, undo: remove),
        Step("say that it is there", limit: VolumeTools.short, finish),
    ]

    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        let world = tools.world
        try await tools.database.write { tx in
            guard let snapshot = try tx.snapshots(where: "volume_snapshot.id = \(state.snapshot)").first else { return }
            guard try !tx.hasRuns(of: DeleteSnapshot.name, about: state.snapshot.text) else { return }
            try tx.setStatus(state.snapshot, .error, at: world.now)
            try tx.tell(
                failure, about: .snapshot, snapshot.id.text, of: snapshot.project, doing: .createSnapshot, world)
        }
    }

    private static func take(_ tools: VolumeTools, _ state: inout State) async throws {
        let id = state.snapshot
        let (snapshot, host) = try await tools.database.read { tx in
            let snapshot = try tx.snapshot(id)
            return (snapshot, try tx.volume(snapshot.volume).host)
        }
        guard let host else { throw Failure.bug("A snapshot is to be taken of a volume that lies nowhere.") }
        let order = CopyOrder(
            target: StoredName(.snapshot, id.text), source: StoredName(.volume, snapshot.volume.text))
        _ = try await tools.ensure(VolumeMessages.ensureSnapshot, at: host, order)
    }

    private static func remove(_ tools: VolumeTools, _ state: inout State) async throws {
        try await tools.removeSnapshot(state.snapshot)
    }

    private static func finish(_ tools: VolumeTools, _ state: inout State) async throws {
        let (id, now) = (state.snapshot, tools.world.now)
        try await tools.database.write { tx in
            try tx.change(id, at: now) { snapshot in
                guard snapshot.status == .creating else { return }
                snapshot.status = .available
                snapshot.progress = "100%"
            }
        }
    }
}

/// Removes a snapshot, and then the last trace of it.
enum DeleteSnapshot: Workflow {
    static let name = "delete-snapshot"
    typealias State = CreateSnapshot.State

    static let steps: [Step<DeleteSnapshot>] = [
        .wait("let its taking end", limit: .seconds(900), until: isTaken),
        Step("remove it from its node", limit: .seconds(3_600), remove),
        Step("forget it", limit: VolumeTools.short, forget),
    ]

    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        let world = tools.world
        try await tools.database.write { tx in
            guard let snapshot = try tx.snapshots(where: "volume_snapshot.id = \(state.snapshot)").first else { return }
            try tx.setStatus(state.snapshot, .errorDeleting, at: world.now)
            try tx.tell(
                failure, about: .snapshot, snapshot.id.text, of: snapshot.project, doing: .deleteSnapshot, world)
        }
    }

    private static func isTaken(_ tools: VolumeTools, _ state: inout State) async throws -> Bool {
        let id = state.snapshot.text
        return try await tools.database.read { try !$0.hasRuns(of: CreateSnapshot.name, about: id) }
    }

    private static func remove(_ tools: VolumeTools, _ state: inout State) async throws {
        try await tools.removeSnapshot(state.snapshot)
    }

    private static func forget(_ tools: VolumeTools, _ state: inout State) async throws {
        let id = state.snapshot
        _ = try await tools.database.write { try $0.run("DELETE FROM volume_snapshot WHERE id = \(id)") }
    }
}

extension VolumeTools {
    fileprivate func removeSnapshot(_ id: ID<Snapshot>) async throws {
        let host = try await database.read { tx -> String? in
            guard let snapshot = try tx.snapshots(where: "volume_snapshot.id = \(id)").first else { return nil }
            return try tx.volumes(where: "volume_volume.id = \(snapshot.volume)").first?.host
        }
        try await remove(StoredName(.snapshot, id.text), from: host)
    }
}
