import API
import Base
import Policy
import SQL

/// Names and texts that users keep with volumes and snapshots.
enum Metadata {
    static let endpoints: [Endpoint<BlockStorage>] = volumes.endpoints + snapshots.endpoints

    private static let volumes = Keeper(
        path: "/volumes/{volume_id}/metadata", id: "volume_id", noun: "volume", show: .showVolumeMetadata,
        create: .createVolumeMetadata, update: .updateVolumeMetadata, delete: .deleteVolumeMetadata,
        read: { try $0.volume(ID($1), in: $2).metadata },
        write: { tx, id, scope, now, body in
            try tx.change(ID<Volume>(id), in: scope, at: now) { volume in
                // What is being taken away or moved is left as it is.
                guard ![.maintenance, .deleting, .uploading].contains(volume.status) else {
                    throw Failure.invalidVolume(
                        "Metadata of volume \(id) cannot be changed while it is \(volume.status.rawValue).")
                }
                try body(&volume.metadata)
            }.metadata
        })

    private static let snapshots = Keeper(
        path: "/snapshots/{snapshot_id}/metadata", id: "snapshot_id", noun: "snapshot", show: .showSnapshotMetadata,
        create: .updateSnapshotMetadata, update: .updateSnapshotMetadata, delete: .deleteSnapshotMetadata,
        read: { try $0.snapshot(ID($1), in: $2).metadata },
        write: { tx, id, scope, now, body in
            try tx.change(ID<Snapshot>(id), in: scope, at: now) { try body(&$0.metadata) }.metadata
        })
}

/// The same seven endpoints for each kind of thing that has metadata.
private struct Keeper: Sendable {
    typealias Change = (inout JSON.Object) throws -> Void

    let path: String
    let id: String
    let noun: String
    let show: Rule
    let create: Rule
    let update: Rule
    let delete: Rule
    let read: @Sendable (Transaction, String, Scope) throws -> JSON.Object
    let write: @Sendable (Transaction, String, Scope, Moment, Change) throws -> JSON.Object

    private static let whole: Shape = .object(Fields([.required("metadata", .pairs)]))
    private static let one: Shape = .object(
        Fields([.required("meta", .map(name: 1...255, value: .text(0...255), count: 1...1))]))

    var endpoints: [Endpoint<BlockStorage>] {
        [
            .get(path, "Show a \(noun)'s metadata", may: show) { call in
                let metadata = try await call.service.database.read { try read($0, call[id], call.scope) }
                return Keeper.reply(metadata)
            },
            .post(path, "Add to a \(noun)'s metadata", may: create, takes: Keeper.whole) { call in
                let added = try call.fields("metadata")
                return Keeper.reply(try await change(call) { $0 = $0.merging(added) })
            },
            .put(path, "Replace a \(noun)'s metadata", may: update, takes: Keeper.whole) { call in
                let new = try call.fields("metadata")
                return Keeper.reply(try await change(call) { $0 = new })
            },
            .get(path + "/{key}", "Show one item of a \(noun)'s metadata", may: show) { call in
                let metadata = try await call.service.database.read { try read($0, call[id], call.scope) }
                guard let value = metadata[call["key"]] else { throw missing(call) }
                return .json { json in json.object("meta") { $0.put(call["key"], value) } }
            },
            .put(path + "/{key}", "Set one item of a \(noun)'s metadata", may: update, takes: Keeper.one) { call in
                let item = try call.fields("meta")
                guard let value = item[call["key"]] else { throw Failure.invalid("Request body and URI mismatch") }
                _ = try await change(call) { $0[call["key"]] = value }
                return .json { json in json.object("meta") { $0.put(call["key"], value) } }
            },
            .delete(path + "/{key}", "Remove one item of a \(noun)'s metadata", may: delete) { call in
                let missing = missing(call)
                _ = try await change(call) { metadata in
                    guard metadata.has(call["key"]) else { throw missing }
                    metadata[call["key"]] = nil
                }
                return Reply(200)
            },
        ]
    }

    private func change(
        _ call: Call<BlockStorage>, _ body: @escaping @Sendable (inout JSON.Object) throws -> Void
    ) async throws(Failure) -> JSON.Object {
        let now = call.service.world.now
        return try await call.service.database.write { try write($0, call[id], call.scope, now, body) }
    }

    private func missing(_ call: Call<BlockStorage>) -> Failure {
        Failure(
            .notFound,
            "\(noun == "volume" ? "Volume" : "Snapshot") \(call[id]) has no metadata with key \(call["key"]).")
    }

    private static func reply(_ metadata: JSON.Object) -> Reply { .json { $0.put("metadata", .object(metadata)) } }
}

extension Rule {
    static let showVolumeMetadata = Rule("volume:get_volume_metadata", "Show a volume's metadata", May.reader)
    static let createVolumeMetadata = Rule("volume:create_volume_metadata", "Add to a volume's metadata", May.member)
    static let updateVolumeMetadata = Rule("volume:update_volume_metadata", "Change a volume's metadata", May.member)
    static let deleteVolumeMetadata = Rule("volume:delete_volume_metadata", "Cut a volume's metadata", May.member)
    static let showSnapshotMetadata = Rule("volume:get_snapshot_metadata", "Show a snapshot's metadata", May.reader)
    static let updateSnapshotMetadata = Rule(
        "volume:update_snapshot_metadata", "Change a snapshot's metadata", May.member)
    static let deleteSnapshotMetadata = Rule(
        "volume:delete_snapshot_metadata", "Cut a snapshot's metadata", May.member)
}
