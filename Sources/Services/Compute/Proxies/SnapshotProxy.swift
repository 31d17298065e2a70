import API
import Base
import HTTP
import Policy

/// `/os-snapshots`: the block storage service's snapshots.
enum SnapshotProxy {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint(
            "GET", "/os-snapshots", "List snapshots", access: .decided(by: [.listSnapshots]), until: Proxy.last, list),
        Endpoint(
            "GET", "/os-snapshots/detail", "List snapshots with details",
            access: .decided(by: [.listSnapshotsDetailed]), until: Proxy.last, listDetailed),
        Endpoint(
            "POST", "/os-snapshots", "Create a snapshot", access: .decided(by: [.createSnapshot]), body: .json(shape),
            until: Proxy.last, create),
        Endpoint(
            "GET", "/os-snapshots/{snapshot_id}", "Show a snapshot", access: .decided(by: [.showSnapshot]),
            until: Proxy.last, show),
        Endpoint(
            "DELETE", "/os-snapshots/{snapshot_id}", "Delete a snapshot", access: .decided(by: [.deleteSnapshot]),
            until: Proxy.last, delete),
    ]

    private static let shape: Shape = .wrapped(
        "snapshot",
        [
            .required("volume_id", .text), .optional("force", .looseBoolean), .optional("display_name", .text),
            .optional("display_description", .text),
        ])

    // MARK: Handlers

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.listSnapshots, of: call.ownTarget)
        return try await reply(call)
    }

    private static func listDetailed(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.listSnapshotsDetailed, of: call.ownTarget)
        return try await reply(call)
    }

    private static func reply(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let snapshots = try call.piece(of: await call.volume("GET", "/snapshots/detail")["snapshots"]?.array ?? [])
        return .json { json in
            json.array("snapshots", of: snapshots) { snapshot, json in json.object { write(snapshot, to: &$0) } }
        }
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.showSnapshot, of: call.ownTarget)
        return one(try await call.volume("GET", "/snapshots/\(try id(call))"))
    }

    private static func create(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.createSnapshot, of: call.ownTarget)
        let body = try call.fields("snapshot")
        let asked: JSON = [
            "volume_id": body["volume_id"] ?? .null, "force": .bool(body.boolean("force") ?? false),
            "name": body["display_name"] ?? .null, "description": body["display_description"] ?? .null,
        ]
        return one(try await call.volume("POST", "/snapshots", ["snapshot": asked]))
    }

    private static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.deleteSnapshot, of: call.ownTarget)
        _ = try await call.volume("DELETE", "/snapshots/\(try id(call))")
        return Reply(202)
    }

    private static func id(_ call: Call<Compute>) throws(Failure) -> String {
        try call.uuid("snapshot_id", absent: .noSuch("Snapshot", call["snapshot_id"]))
    }

    // MARK: On the wire

    private static func one(_ answer: JSON) -> Reply {
        .json { $0.object("snapshot") { write(answer["snapshot"] ?? .null, to: &$0) } }
    }

    private static func write(_ snapshot: JSON, to json: inout JSONWriter) {
        let names = [
            ("id", "id"), ("volumeId", "volume_id"), ("status", "status"), ("size", "size"),
            ("createdAt", "created_at"), ("displayName", "name"), ("displayDescription", "description"),
        ]
        for (ours, theirs) in names { json.put(ours, snapshot[theirs] ?? .null) }
    }
}

extension Rule {
    static let listSnapshots = Rule("os_compute_api:os-volumes:snapshots:list", "List snapshots", May.reader)
    static let listSnapshotsDetailed = Rule(
        "os_compute_api:os-volumes:snapshots:detail", "List snapshots with details", May.reader)
    static let createSnapshot = Rule("os_compute_api:os-volumes:snapshots:create", "Create a snapshot", May.member)
    static let showSnapshot = Rule("os_compute_api:os-volumes:snapshots:show", "Show a snapshot", May.reader)
    static let deleteSnapshot = Rule("os_compute_api:os-volumes:snapshots:delete", "Delete a snapshot", May.member)
}
