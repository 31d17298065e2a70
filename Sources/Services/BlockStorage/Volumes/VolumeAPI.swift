import API
import Base
import HTTP
import Policy
import SQL
import Workflow

extension Volume {
    static let endpoints: [Endpoint<BlockStorage>] = [
        .get("/volumes", "List volumes", may: .listVolumes, query: listing.parameters, list),
        .get(
            "/volumes/detail", "List volumes with details", may: .listVolumes, query: listing.parameters, listDetailed),
        .get(
            "/volumes/summary", "Sum up volumes", may: .listVolumes, query: listing.parameters, since: "3.12", summary),
        Endpoint(
            "POST", "/volumes", "Create a volume", access: .decided(by: [.createVolume, .createVolumeFromImage]),
            body: .json(CreateVolumeRequest.shape), create),
        .get("/volumes/{volume_id}", "Show a volume", may: .showVolume, show),
        .put("/volumes/{volume_id}", "Update a volume", may: .updateVolume, takes: updateShape, update),
        Endpoint(
            "DELETE", "/volumes/{volume_id}", "Delete a volume", access: .rule(.deleteVolume),
            query: [Parameter("cascade"), Parameter("force", since: "3.23")], delete),
        .get(
            "/volumes/{volume_id}/encryption", "Show how a volume is encrypted", may: .showVolumeEncryption, encryption),
        .get(
            "/volumes/{volume_id}/encryption/{key}", "Show one thing of how a volume is encrypted",
            may: .showVolumeEncryption, encryptionItem),
    ]

    private static let updateShape: Shape = .wrapped(
        "volume",
        [
            .optional("name", .looseName), .optional("description", .looseDescription),
            .optional("display_name", .looseName), .optional("display_description", .looseDescription),
            .optional("metadata", .pairs),
        ])
}

extension Rule {
    static let listVolumes = Rule("volume:get_all", "List volumes", May.reader)
    static let showVolume = Rule("volume:get", "Show a volume", May.reader)
    static let createVolume = Rule("volume:create", "Create a volume", May.member)
    static let createVolumeFromImage = Rule("volume:create_from_image", "Create a volume from an image", May.member)
    static let createMultiattach = Rule("volume:multiattach", "Create a volume for several servers", May.member)
    static let updateVolume = Rule("volume:update", "Update a volume", May.member)
    static let deleteVolume = Rule("volume:delete", "Delete a volume", May.member)
    static let forceDeleteVolume = Rule("volume:force_delete", "Delete a volume in any state", May.admin)
    static let showVolumeEncryption = Rule(
        "volume_extension:volume_encryption_metadata", "Show how a volume is encrypted", May.reader)
}

// MARK: Handlers

extension Volume {
    static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let query = try ListQuery(listing, call)
        let page: Page<Volume> = try await call.service.database.read { try $0.page(query) }
        return .json { json in
            json.array("volumes", of: page.things) { volume, json in
                json.object {
                    $0.put("id", volume.id)
                    $0.put("name", volume.name)
                    call.writeLinks("volumes", volume.id.text, to: &$0)
                }
            }
            call.writeEnd(of: page, listing, at: "/volumes", last: page.things.last?.id.text, to: &json)
        }
    }

    static func listDetailed(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (query, documents) = (try ListQuery(stamps, call), call.service.documents)
        let (page, list, view) = try await call.service.database.read { tx in
            let page: Page<Stamp<Volume>> = try tx.page(query)
            var view = try VolumeView(call, tx)
            let list = try DocumentList(page.things, documents, as: view.kind, tx) { ids in
                "\(select) WHERE volume_volume.id IN \(ids)"
            }
            try view.add(list.fresh, tx)
            return (page, list, view)
        }
        return .json { json in
            json.array("volumes") { json in
                list.write(to: &json, documents, as: view.kind) { volume, json in view.write(volume, to: &json) }
            }
            call.writeEnd(of: page, listing, at: "/volumes/detail", last: page.things.last?.id.text, to: &json)
        }
    }

    static func summary(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let query = try ListQuery(listing, call)
        let volumes: [Volume] = try await call.service.database.read { try $0.volumes(where: query.condition) }
        var values: [String: [String]] = [:]
        for member in volumes.flatMap(\.metadata.members) {
            guard let value = member.value.string, values[member.name]?.contains(value) != true else { continue }
            values[member.name, default: []].append(value)
        }
        let distinct = values
        return .json { json in
            json.object("volume-summary") { json in
                json.put("total_count", volumes.count)
                json.put("total_size", volumes.reduce(0) { $0 + $1.size })
                guard call.version >= "3.36" else { return }
                json.object("metadata") { json in
                    for key in distinct.keys.sorted() { json.put(key, distinct[key] ?? []) }
                }
            }
        }
    }

    static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (volume, view) = try await call.service.database.read { tx in
            let volume = try tx.volume(call.id("volume_id"), in: call.scope)
            return (volume, try VolumeView(call, of: volume, tx))
        }
        return .json { $0.object("volume") { view.write(volume, to: &$0) } }
    }

    static func create(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        try call.require(.createVolume, of: call.ownTarget)
        let request = try await CreateVolumeRequest(call)
        return try await reply(202, call) { tx in try request.write(tx) }
    }

    static func update(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, now) = (try call.fields("volume"), call.service.world.now)
        guard call.version < "3.53" || !body.members.isEmpty else {
            throw .invalid("Invalid input for field/attribute volume. It needs at least one thing to change.")
        }
        return try await reply(200, call) { tx in
            try tx.change(ID<Volume>(call["volume_id"]), in: call.scope, at: now) { volume in
                for field in ["name", "display_name"] where body.has(field) { volume.name = body.name(field) }
                for field in ["description", "display_description"] where body.has(field) {
                    volume.description = body.name(field)
                }
                if let metadata = body["metadata"]?.object { volume.metadata = volume.metadata.merging(metadata) }
            }
        }
    }

    static func delete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let isCascade = try call.query.boolean("cascade") ?? false
        let isForced = call.version >= "3.23" ? try call.query.boolean("force") ?? false : false
        let scope = isForced ? try call.reach(.forceDeleteVolume) : call.scope
        let service = call.service
        try await service.database.write { tx in
            let volume = try tx.volume(call.id("volume_id"), in: scope)
            try service.delete(volume, cascade: isCascade, force: isForced, tx)
        }
        return Reply(202)
    }

    static func encryption(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        _ = try await call.service.database.read { try $0.volume(call.id("volume_id"), in: call.scope) }
        return .json { $0.putNull("encryption_key_id") }
    }

    static func encryptionItem(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        _ = try await call.service.database.read { try $0.volume(call.id("volume_id"), in: call.scope) }
        guard call["key"] == "encryption_key_id" else { throw .noSuch("Encryption item", call["key"]) }
        return Reply(200, headers: ["Content-Type": "text/plain"], body: .bytes(Array("None".utf8)))
    }

    /// A volume that was just written.
    private static func reply(
        _ status: Int, _ call: Call<BlockStorage>, _ body: @escaping @Sendable (Transaction) throws -> Volume
    ) async throws(Failure) -> Reply {
        let (volume, view) = try await call.service.database.write { tx in
            let volume = try body(tx)
            return (volume, try VolumeView(call, of: volume, tx))
        }
        return .json(status) { $0.object("volume") { view.writeChanged(volume, to: &$0) } }
    }
}

extension BlockStorage {
    /// Writes down that a volume is to be deleted, if it may be.
    func delete(_ volume: Volume, cascade isCascade: Bool, force isForced: Bool, _ tx: Transaction) throws(Failure) {
        let now = world.now
        if !isForced {
            let allowed: [VolumeStatus] = [
                .available, .error, .errorRestoring, .errorExtending, .errorManaging, .errorDeleting,
            ]
            guard allowed.contains(volume.status) else {
                throw .invalidVolume(
                    "Volume status must be available or error or error_restoring or error_extending or error_managing"
                        + " and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer,"
                        + " or be disassociated from snapshots after volume transfer.")
            }
            guard try !tx.exists("SELECT 1 FROM volume_attachment WHERE volume_id = \(volume.id)") else {
                throw .invalidVolume("Volume \(volume.id) is still attached, detach volume first.")
            }
            try volume.requireNoGroup(to: "delete alone")
        }
        let snapshots = try tx.snapshots(where: "volume_snapshot.volume_id = \(volume.id)")
        if !isCascade, !snapshots.isEmpty {
            throw .invalidVolume("Volume \(volume.id) still has \(snapshots.count) dependent snapshots.")
        }
        for snapshot in snapshots {
            guard isForced || [.available, .error, .deleting].contains(snapshot.status) else {
                throw .invalidVolume("Snapshot \(snapshot.id) of the volume is \(snapshot.status.rawValue).")
            }
            try tx.setStatus(snapshot.id, .deleting, at: now)
        }
        guard try !tx.hasRuns(of: DeleteVolume.name, about: volume.id.text) else { return }
        // What found no place has left nothing anywhere.
        if volume.host == nil, try !tx.hasRuns(of: CreateVolume.name, about: volume.id.text) {
            return try tx.forget(volume.id)
        }
        var changed = volume
        changed.status = .deleting
        changed.previousStatus = nil
        try tx.update(changed, at: now)
        for name in BlockStorage.workNames where name != DeleteVolume.name {
            try tx.cancelRuns(of: name, about: volume.id.text)
        }
        try runner.start(DeleteVolume.self, about: volume.id.text, DeleteVolume.State(volume: volume.id), tx)
        let runner = runner
        tx.afterCommit { runner.nudge() }
    }

    /// What may be under way with a volume.
    static let workNames = [
        CreateVolume.name, ExtendVolume.name, RevertVolume.name, UploadVolume.name, ReimageVolume.name,
        MoveVolume.name, DeleteVolume.name,
    ]
}
