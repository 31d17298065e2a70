import API
import Base
import HTTP
import Policy

/// `/os-volumes`: the block storage service's volumes.
enum VolumeProxy {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint(
            "GET", "/os-volumes", "List volumes", access: .decided(by: [.listVolumes]), until: Proxy.last, list),
        Endpoint(
            "GET", "/os-volumes/detail", "List volumes with details", access: .decided(by: [.listVolumesDetailed]),
            until: Proxy.last, listDetailed),
        Endpoint(
            "POST", "/os-volumes", "Create a volume", access: .decided(by: [.createVolume]), body: .json(shape),
            until: Proxy.last, create),
        Endpoint(
            "GET", "/os-volumes/{volume_id}", "Show a volume", access: .decided(by: [.showVolume]), until: Proxy.last,
            show),
        Endpoint(
            "DELETE", "/os-volumes/{volume_id}", "Delete a volume", access: .decided(by: [.deleteVolume]),
            until: Proxy.last, delete),
    ]

    private static let shape: Shape = .wrapped(
        "volume",
        [
            .required("size", .looseInteger(1...Int64(Int32.max))), .optional("volume_type", .text),
            .optional("metadata", .object(Fields([], others: .allowed))), .optional("snapshot_id", .text),
            .optional("availability_zone", .text), .optional("display_name", .text),
            .optional("display_description", .text),
        ])

    // MARK: Handlers

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.listVolumes, of: call.ownTarget)
        return try await reply(call)
    }

    private static func listDetailed(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.listVolumesDetailed, of: call.ownTarget)
        return try await reply(call)
    }

    private static func reply(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let volumes = try call.piece(of: await call.volume("GET", "/volumes/detail")["volumes"]?.array ?? [])
        return .json { json in
            json.array("volumes", of: volumes) { volume, json in json.object { write(volume, to: &$0) } }
        }
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.showVolume, of: call.ownTarget)
        let id = try id(call)
        return one(try await call.volume("GET", "/volumes/\(id)"))
    }

    private static func create(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.createVolume, of: call.ownTarget)
        let body = try call.fields("volume")
        var asked = JSON.Object()
        for (ours, theirs) in [
            ("volume_type", "volume_type"), ("metadata", "metadata"), ("snapshot_id", "snapshot_id"),
            ("availability_zone", "availability_zone"), ("display_name", "name"),
            ("display_description", "description"),
        ] {
            if let value = body[ours] { asked[theirs] = value }
        }
        if let size = body.integer("size") { asked["size"] = JSON(size) }
        return one(try await call.volume("POST", "/volumes", ["volume": .object(asked)]))
    }

    private static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.deleteVolume, of: call.ownTarget)
        _ = try await call.volume("DELETE", "/volumes/\(try id(call))")
        return Reply(202)
    }

    private static func id(_ call: Call<Compute>) throws(Failure) -> String {
        try call.uuid("volume_id", absent: .noSuch("Volume", call["volume_id"]))
    }

    // MARK: On the wire

    private static func one(_ answer: JSON) -> Reply {
        .json { $0.object("volume") { write(answer["volume"] ?? .null, to: &$0) } }
    }

    private static func write(_ volume: JSON, to json: inout JSONWriter) {
        let names = [
            ("id", "id"), ("status", "status"), ("size", "size"), ("availabilityZone", "availability_zone"),
            ("createdAt", "created_at"), ("displayName", "name"), ("displayDescription", "description"),
            ("volumeType", "volume_type"), ("snapshotId", "snapshot_id"),
        ]
        for (ours, theirs) in names { json.put(ours, volume[theirs] ?? .null) }
        json.put("metadata", volume["metadata"] ?? [:])
        json.array("attachments") { json in
            let first = volume["attachments"]?.array?.first
            json.object {
                guard let first else { return }
                $0.put("id", volume["id"] ?? .null)
                $0.put("volumeId", volume["id"] ?? .null)
                $0.put("serverId", first["server_id"] ?? .null)
                if let device = first["device"]?.string { $0.put("device", device) }
            }
        }
    }
}

extension Rule {
    static let listVolumes = Rule("os_compute_api:os-volumes:list", "List volumes", May.reader)
    static let listVolumesDetailed = Rule("os_compute_api:os-volumes:detail", "List volumes with details", May.reader)
    static let createVolume = Rule("os_compute_api:os-volumes:create", "Create a volume", May.member)
    static let showVolume = Rule("os_compute_api:os-volumes:show", "Show a volume", May.reader)
    static let deleteVolume = Rule("os_compute_api:os-volumes:delete", "Delete a volume", May.member)
}
