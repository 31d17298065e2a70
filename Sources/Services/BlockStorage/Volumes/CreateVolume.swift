import Base
import Contracts
import SQL
import Workflow

/// From an accepted `POST /volumes` to a volume that can be attached.
enum CreateVolume: Workflow {
    static let name = "create-volume"

    struct State: JSONCoded {
        let volume: ID<Volume>
        let source: VolumeSource
        /// Where what it is copied from lies.
        let host: String?
        /// What the user wishes of the scheduler.
        let hints: JSON

        init(volume: ID<Volume>, source: VolumeSource, host: String?, hints: JSON) {
            self.volume = volume
            self.source = source
            self.host = host
            self.hints = hints
        }

        init(_ json: JSON) throws(Failure) {
            volume = ID(try json.text("volume"))
            source = try VolumeSource(try json.member("source"))
            host = json["host"]?.string
            hints = json["hints"] ?? .null
        }

        var json: JSON {
            ["volume": .string(volume.text), "source": source.json, "host": JSON(host), "hints": hints]
        }
    }

    static let steps: [Step<CreateVolume>] = [
        Step("choose a backend", limit: VolumeTools.short, choose),
        Step("make it on its node", limit: VolumeTools.longest, make, undo: unmake),
        Step("say that it is there", limit: VolumeTools.short, finish),
    ]

    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        let world = tools.world
        try await tools.database.write { tx in
            guard let volume: Volume = try tx.volumes(where: "volume_volume.id = \(state.volume)").first else { return }
            guard try !tx.hasRuns(of: DeleteVolume.name, about: state.volume.text) else { return }
            try tx.change(state.volume, at: world.now) { $0.status = .error }
            try tx.tell(failure, about: .volume, volume.id.text, of: volume.project, doing: .createVolume, world)
        }
    }

    // MARK: Steps

    private static func choose(_ tools: VolumeTools, _ state: inout State) async throws {
        let (id, source, hints, now) = (state.volume, state.host, state.hints, tools.world.now)
        let scheduler = VolumeScheduler(settings: tools.settings)
        try await tools.database.write { tx in
            let volume = try tx.volume(id)
            guard volume.host == nil else { return }
            var request = PlaceRequest(
                size: volume.size, zone: volume.zone, type: try tx.volumeType(volume.type), near: source)
            request.same = try tx.hosts(of: hints["same_host"])
            request.different = try tx.hosts(of: hints["different_host"])
            let host = try scheduler.choose(request, among: try tx.volumeServices("cinder-volume"), at: now)
            try tx.change(id, at: now) { $0.host = host }
        }
    }

    private static func make(_ tools: VolumeTools, _ state: inout State) async throws {
        let (id, source, now) = (state.volume, state.source, tools.world.now)
        let volume = try await tools.database.write { tx in
            try tx.change(id, at: now) { volume in
                if case .image = source, volume.status == .creating { volume.status = .downloading }
            }
        }
        guard let host = volume.host else { throw Failure.bug("A volume is to be made nowhere.") }
        let order = FillOrder(volume: id.text, sizeGB: volume.size, source: source)
        _ = try await tools.ensure(VolumeMessages.ensureVolume, at: host, order)
    }

    private static func unmake(_ tools: VolumeTools, _ state: inout State) async throws {
        let id = state.volume
        let host = try await tools.database.read { try $0.volumes(where: "volume_volume.id = \(id)").first?.host }
        try await tools.remove(StoredName(.volume, id.text), from: host)
    }

    private static func finish(_ tools: VolumeTools, _ state: inout State) async throws {
        let (id, now) = (state.volume, tools.world.now)
        try await tools.database.write { tx in
            try tx.change(id, at: now) { volume in
                guard volume.status == .creating || volume.status == .downloading else { return }
                volume.status = .available
            }
        }
    }
}

extension Transaction {
    /// Where the volumes of a hint lie: one id or a list of them.
    fileprivate func hosts(of hint: JSON?) throws(Failure) -> [String] {
        let ids = hint?.array?.compactMap(\.string) ?? hint?.string.map { [$0] } ?? []
        return try volumes(where: "volume_volume.id IN \(SQL.list(ids))").compactMap(\.host)
    }
}
