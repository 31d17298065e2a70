import API
import Base
import Policy
import SQL

/// What a type asks of the backend that is to hold its volumes.
enum ExtraSpecs {
    static let endpoints: [Endpoint<BlockStorage>] = [
        .get("/types/{type_id}/extra_specs", "List a type's extra specs", may: .listExtraSpecs, list),
        .post(
            "/types/{type_id}/extra_specs", "Add extra specs to a type", may: .createExtraSpecs,
            takes: .object(Fields([.required("extra_specs", shape)])), create),
        .get("/types/{type_id}/extra_specs/{key}", "Show an extra spec", may: .showExtraSpec, show),
        .put("/types/{type_id}/extra_specs/{key}", "Change an extra spec", may: .updateExtraSpec, takes: shape, update),
        .delete("/types/{type_id}/extra_specs/{key}", "Remove an extra spec", may: .deleteExtraSpec, delete),
    ]

    private static let shape: Shape = .map(name: 1...255, value: .nullable(.text(0...255)))

    /// Letters, digits and `-_:.`, so that a key fits into a path.
    private static func check(_ specs: JSON.Object) throws(Failure) {
        for name in specs.names {
            let isPlain = name.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: ":")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || "-_.".utf8.contains(byte)
            }
            guard isPlain else {
                throw .invalid("Invalid input for field/attribute extra_specs: '\(name)' is no valid key.")
            }
        }
    }

    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let type = try await call.service.database.read { try $0.volumeType(call.id("type_id"), call.typeSight) }
        return .json { $0.put("extra_specs", .object(call.visible(type.extraSpecs))) }
    }

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let type = try await call.service.database.read { try $0.volumeType(call.id("type_id"), call.typeSight) }
        guard let value = call.visible(type.extraSpecs)[call["key"]] else { throw missing(call) }
        return .json { $0.put(call["key"], value) }
    }

    private static func missing(_ call: Call<BlockStorage>) -> Failure {
        Failure(.notFound, "Volume Type \(call["type_id"]) has no extra specs with key \(call["key"]).")
    }

    private static func create(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let specs = call.body["extra_specs"]?.object ?? JSON.Object()
        try check(specs)
        try await change(call) { $0.extraSpecs = $0.extraSpecs.merging(specs) }
        return .json { $0.put("extra_specs", .object(specs)) }
    }

    private static func update(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let specs = call.body.object ?? JSON.Object()
        guard specs.members.count == 1, specs.has(call["key"]) else { throw .invalid("Request body and URI mismatch") }
        try check(specs)
        try await change(call) { $0.extraSpecs = $0.extraSpecs.merging(specs) }
        return .json { $0.put(call["key"], specs[call["key"]] ?? .null) }
    }

    private static func delete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (key, missing) = (call["key"], missing(call))
        try await change(call) { type throws(Failure) in
            guard type.extraSpecs.has(key) else { throw missing }
            type.extraSpecs[key] = nil
        }
        return Reply(202)
    }

    /// A type's promises to volumes that exist are kept.
    private static func change(
        _ call: Call<BlockStorage>, _ body: @escaping @Sendable (inout VolumeType) throws(Failure) -> Void
    ) async throws(Failure) {
        let now = call.service.world.now
        try await call.service.database.write { tx in
            let id: ID<VolumeType> = call.id("type_id")
            _ = try tx.volumeType(id)
            guard try !tx.isInUse(id) else { throw Failure.invalid("Volume Type is currently in use.") }
            try tx.change(id, at: now, body)
        }
    }
}

extension Rule {
    static let listExtraSpecs = Rule(
        "volume_extension:types_extra_specs:index", "List a type's extra specs", May.reader)
    static let createExtraSpecs = Rule(
        "volume_extension:types_extra_specs:create", "Add extra specs to a type", May.admin)
    static let showExtraSpec = Rule("volume_extension:types_extra_specs:show", "Show an extra spec", May.reader)
    static let updateExtraSpec = Rule("volume_extension:types_extra_specs:update", "Change an extra spec", May.admin)
    static let deleteExtraSpec = Rule("volume_extension:types_extra_specs:delete", "Remove an extra spec", May.admin)
}
