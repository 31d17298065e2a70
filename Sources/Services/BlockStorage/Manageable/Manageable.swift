import API
import Base
import Contracts
import HTTP
import Policy
import SQL
import Workflow

/// What lies on a backend and isn't the cloud's yet, and how it becomes so.
enum Manageable {
    static let endpoints: [Endpoint<BlockStorage>] =
        ["/os-volume-manage", "/manageable_volumes"].flatMap { path in
            let since: Microversion? = path == "/manageable_volumes" ? "3.8" : nil
            return [
                .get(path, "List what could become volumes", may: .listManageable, query: parameters, since: since) {
                    try await list($0, .volume, isDetailed: false)
                },
                .get(
                    path + "/detail", "List what could become volumes with details", may: .listManageable,
                    query: parameters,
                    since: since
                ) {
                    try await list($0, .volume, isDetailed: true)
                },
                .post(
                    path, "Make a volume of what is there", may: .manageVolume, takes: volumeShape, since: since,
                    manageVolume),
            ] as [Endpoint<BlockStorage>]
        }
        + ["/os-snapshot-manage", "/manageable_snapshots"].flatMap { path in
            let since: Microversion? = path == "/manageable_snapshots" ? "3.8" : nil
            return [
                .get(
                    path, "List what could become snapshots", may: .listManageableSnapshots, query: parameters,
                    since: since
                ) {
                    try await list($0, .snapshot, isDetailed: false)
                },
                .get(
                    path + "/detail", "List what could become snapshots with details", may: .listManageableSnapshots,
                    query: parameters, since: since
                ) {
                    try await list($0, .snapshot, isDetailed: true)
                },
                .post(
                    path, "Make a snapshot of what is there", may: .manageSnapshot, takes: snapshotShape, since: since,
                    manageSnapshot),
            ] as [Endpoint<BlockStorage>]
        }

    private static let parameters = ["host", "limit", "marker", "offset", "sort", "cluster"].map { Parameter($0) }
    private static let reference: Shape = .either([.map(name: 1...255, value: .text), .text])
    private static let volumeShape: Shape = .wrapped(
        "volume",
        [
            .required("ref", reference), .optional("host", .nullable(.text(0...255))), .optional("cluster", .looseName),
            .optional("name", .looseName), .optional("description", .looseDescription),
            .optional("availability_zone", .looseName), .optional("bootable", .looseBoolean),
            .optional("volume_type", .looseName), .optional("metadata", .pairsOrNull),
        ])
    private static let snapshotShape: Shape = .wrapped(
        "snapshot",
        [
            .required("volume_id", .text(32...36, format: .uuidOrHex)), .required("ref", reference),
            .optional("name", .looseName), .optional("description", .looseDescription),
            .optional("metadata", .pairsOrNull),
        ])

    private static func list(
        _ call: Call<BlockStorage>, _ kind: StoredName.Kind, isDetailed: Bool
    ) async throws(Failure) -> Reply {
        guard let host = call.query["host"] else { throw .invalid("Invalid input: host must be given.") }
        let (backends, known) = try await call.service.database.read { tx in
            (try tx.volumeServices("cinder-volume"), try tx.storedNames())
        }
        guard backends.contains(where: { $0.host == Place(host).backend }) else {
            throw Failure(.notFound, "Service cinder-volume could not be found on host \(host).")
        }
        let things = try await call.service.tools.ask(
            VolumeMessages.list, at: host, Nothing(), within: VolumeTools.short
        ).things.filter { kind == .snapshot ? $0.name.hasPrefix("snapshot-") : !$0.name.hasPrefix("snapshot-") }
            .filter { !$0.name.hasPrefix("backup-") }
        return .json { json in
            json.array("manageable-\(kind.rawValue)s", of: things) { thing, json in
                json.object { json in
                    let isKnown = known.contains(thing.name)
                    json.object("reference") { $0.put("source-name", thing.name) }
                    json.put("size", thing.sizeGB)
                    json.put("safe_to_manage", !isKnown)
                    if kind == .snapshot { json.object("source_reference") { _ in } }
                    guard isDetailed else { return }
                    json.put("reason_not_safe", isKnown ? "already managed" : nil)
                    json.put("cinder_id", isKnown ? String(thing.name.drop { $0 != "-" }.dropFirst()) : nil)
                    json.putNull("extra_info")
                }
            }
        }
    }

    private static func name(_ reference: JSON?) throws(Failure) -> String {
        guard let name = reference?["source-name"]?.string ?? reference?.string, !name.isEmpty else {
            throw .invalid("Invalid input: the reference must have a source-name.")
        }
        return name
    }

    private static func manageVolume(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, service, world) = (try call.fields("volume"), call.service, call.service.world)
        guard let host = body.text("host") else { throw .invalid("Invalid input: host must be given.") }
        let reference = try name(body["ref"])
        let (volume, view) = try await service.database.write { tx in
            let backends = try tx.volumeServices("cinder-volume")
            guard let backend = backends.first(where: { $0.host == Place(host).backend }) else {
                throw Failure.invalid("Host '\(host)' not found")
            }
            guard try !tx.storedNames().contains(reference) else {
                throw Failure.invalid("Unable to manage existing volume. Volume \(reference) already managed.")
            }
            let type: VolumeType
            if let wanted = body.text("volume_type"), !wanted.isEmpty {
                type = try tx.volumeType(named: wanted, .everything)
            } else {
                type = try tx.defaultType(of: call.project, service.settings.defaultType)
            }
            try tx.reserve([.volumes: 1], type: type.name, in: call.project, service.settings)
            let volume = Volume(
                id: .uuid(world.chance), project: call.project, user: call.caller.user.id, name: body.name("name"),
                description: body.name("description"), size: 0, quotaSize: 0, status: .managing, previousStatus: nil,
                migrationStatus: nil, attachStatus: .detached, zone: backend.zone, type: type.id, typeName: type.name,
                host: "\(backend.host)#\(backend.pool)", snapshot: nil, source: nil,
                isBootable: body.boolean("bootable") ?? false, isMultiattach: type.isMultiattach, isReadOnly: false,
                countsForQuota: true, metadata: body["metadata"]?.object ?? JSON.Object(), imageMetadata: nil,
                group: nil,
                created: world.now, updated: nil)
            try tx.insert(volume)
            let state = ManageVolume.State(volume: volume.id, reference: reference)
            try service.runner.start(ManageVolume.self, about: volume.id.text, state, tx)
            return (volume, try VolumeView(call, of: volume, tx))
        }
        return .json(202) { $0.object("volume") { view.writeChanged(volume, to: &$0) } }
    }

    /// The node has the file at once, so there is nothing to wait for.
    private static func manageSnapshot(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, service, world) = (try call.fields("snapshot"), call.service, call.service.world)
        let reference = try name(body["ref"])
        let id: ID<Snapshot> = .uuid(world.chance)
        let volume = try await service.database.read { tx in
            guard try !tx.storedNames().contains(reference) else {
                throw Failure.invalid("Unable to manage existing snapshot. Snapshot \(reference) is already managed.")
            }
            return try tx.volume(ID(body.text("volume_id") ?? ""), in: call.scope)
        }
        guard let host = volume.host else { throw .invalidVolume("Volume \(volume.id) lies nowhere.") }
        let order = AdoptOrder(name: StoredName(.snapshot, id.text), reference: reference)
        let thing = try await service.tools.ask(VolumeMessages.adopt, at: host, order, within: VolumeTools.short)
        let snapshot = try await service.database.write { tx in
            try tx.reserve(
                [.snapshots: 1, .gigabytes: thing.sizeGB], type: volume.typeName, in: volume.project, service.settings)
            let snapshot = Snapshot(
                id: id, volume: volume.id, project: volume.project, user: call.caller.user.id, name: body.name("name"),
                description: body.name("description"), status: .available, size: thing.sizeGB, progress: "100%",
                metadata: body["metadata"]?.object ?? JSON.Object(), groupSnapshot: nil, countsForQuota: true,
                created: world.now, updated: nil)
            try tx.insert(snapshot)
            return snapshot
        }
        return .one(202, snapshot, call)
    }
}

extension Transaction {
    /// What nodes call what the books have.
    fileprivate func storedNames() throws(Failure) -> Set<String> {
        var names: Set<String> = []
        try each("SELECT id FROM volume_volume") { names.insert(StoredName(.volume, try $0.text("id")).text) }
        try each("SELECT id FROM volume_snapshot") { names.insert(StoredName(.snapshot, try $0.text("id")).text) }
        return names
    }
}

/// Takes a file of a node's over as a volume.
enum ManageVolume: Workflow {
    static let name = "manage-volume"

    struct State: JSONCoded {
        let volume: ID<Volume>
        let reference: String

        init(volume: ID<Volume>, reference: String) {
            self.volume = volume
            self.reference = reference
        }

        init(_ json: JSON) throws(Failure) {
            volume = ID(try json.text("volume"))
            reference = try json.text("reference")
        }

        var json: JSON { ["volume": .string(volume.text), "reference": .string(reference)] }
    }

    static let steps: [Step<ManageVolume>] = [
        Step("take it over on its node", limit: VolumeTools.short) { tools, state in
            let (id, reference, now) = (state.volume, state.reference, tools.world.now)
            let volume = try await tools.database.read { try $0.volume(id) }
            guard let host = volume.host else { throw Failure.bug("A volume is to be taken over nowhere.") }
            let order = AdoptOrder(name: StoredName(.volume, id.text), reference: reference)
            let thing = try await tools.ask(VolumeMessages.adopt, at: host, order, within: VolumeTools.short)
            try await tools.database.write { tx in
                try tx.change(id, at: now) { volume in
                    volume.size = thing.sizeGB
                    volume.quotaSize = thing.sizeGB
                    if volume.status == .managing { volume.status = .available }
                }
            }
        }
    ]

    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        let world = tools.world
        try await tools.database.write { tx in
            guard let volume = try tx.volumes(where: "volume_volume.id = \(state.volume)").first else { return }
            try tx.change(state.volume, at: world.now) { $0.status = .errorManaging }
            try tx.tell(failure, about: .volume, volume.id.text, of: volume.project, doing: .createVolume, world)
        }
    }
}

extension Rule {
    static let listManageable = Rule(
        "volume_extension:list_manageable", "List what could become volumes", May.admin)
    static let manageVolume = Rule("volume_extension:volume_manage", "Make a volume of what is there", May.admin)
    static let listManageableSnapshots = Rule(
        "snapshot_extension:list_manageable", "List what could become snapshots", May.admin)
    static let manageSnapshot = Rule(
        "snapshot_extension:snapshot_manage", "Make a snapshot of what is there", May.admin)
}
