import API
import Base
import Policy
import SQL

/// How the volumes of a type are to be encrypted.
enum TypeEncryption {
    static let endpoints: [Endpoint<BlockStorage>] = [
        .get("/types/{type_id}/encryption", "Show a type's encryption", may: .showEncryption, show),
        .post(
            "/types/{type_id}/encryption", "Encrypt a type's volumes", may: .createEncryption, takes: createShape,
            create),
        .get("/types/{type_id}/encryption/{key}", "Show one thing of a type's encryption", may: .showEncryption, item),
        .put(
            "/types/{type_id}/encryption/{key}", "Change a type's encryption", may: .updateEncryption,
            takes: updateShape,
            update),
        .delete(
            "/types/{type_id}/encryption/{key}", "Encrypt a type's volumes no more", may: .deleteEncryption, delete),
    ]

    private static let fields: [Field] = [
        .optional("key_size", .nullable(.looseInteger(0...Int64(Int32.max)))),
        .required("provider", .text(0...255)), .required("control_location", .choice(["front-end", "back-end"])),
        .optional("cipher", .nullable(.text(0...255))),
    ]
    private static let createShape: Shape = .wrapped("encryption", fields)
    private static let updateShape: Shape = .wrapped("encryption", fields.map(\.asOptional))

    private static func read(_ call: Call<BlockStorage>) async throws(Failure) -> VolumeType {
        try await call.service.database.read { try $0.volumeType(call.id("type_id")) }
    }

    /// Empty where there is none.
    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let type = try await read(call)
        return .json { json in
            for member in type.encryption?.members ?? [] { json.put(member.name, member.value) }
        }
    }

    private static func item(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let type = try await read(call)
        guard let value = type.encryption?[call["key"]] else { throw missing(type) }
        return .json { $0.put(call["key"], value) }
    }

    private static func missing(_ type: VolumeType) -> Failure {
        Failure(.notFound, "Volume type encryption for type \(type.id) does not exist.")
    }

    private static func create(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let body = try call.fields("encryption")
        let (id, now) = (UUID(call.service.world.chance).dashed, call.service.world.now)
        try await change(call, "create") { type throws(Failure) in
            guard type.encryption == nil else {
                throw .invalid("Volume type encryption for type \(type.id) already exists.")
            }
            type.encryption = JSON.Object([
                .init(name: "volume_type_id", value: .string(type.id.text)),
                .init(name: "encryption_id", value: .string(id)),
                .init(name: "key_size", value: JSON(body.integer("key_size"))),
                .init(name: "provider", value: JSON(body.text("provider"))),
                .init(name: "control_location", value: JSON(body.text("control_location"))),
                .init(name: "cipher", value: JSON(body.text("cipher"))),
                .init(name: "created_at", value: .string(Timestamp.bare.text(now))),
                .init(name: "updated_at", value: .null), .init(name: "deleted_at", value: .null),
                .init(name: "deleted", value: false),
            ])
        }
        return echo(body, [("volume_type_id", call["type_id"]), ("encryption_id", id)])
    }

    private static func echo(_ body: JSON.Object, _ ids: [(name: String, id: String)] = []) -> Reply {
        .json { json in
            json.object("encryption") { json in
                for (name, id) in ids { json.put(name, id) }
                for member in body.members {
                    let isSize = member.name == "key_size"
                    json.put(member.name, isSize ? JSON(body.integer("key_size")) : member.value)
                }
            }
        }
    }

    private static func update(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, now) = (try call.fields("encryption"), call.service.world.now)
        try await change(call, "update") { type throws(Failure) in
            guard var encryption = type.encryption else { throw missing(type) }
            for member in body.members {
                let isSize = member.name == "key_size"
                encryption[member.name] = isSize ? JSON(body.integer("key_size")) : member.value
            }
            encryption["updated_at"] = .string(Timestamp.bare.text(now))
            type.encryption = encryption
        }
        return echo(body)
    }

    private static func delete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        try await change(call, "delete") { type throws(Failure) in
            guard type.encryption != nil else { throw missing(type) }
            type.encryption = nil
        }
        return Reply(202)
    }

    private static func change(
        _ call: Call<BlockStorage>, _ verb: String,
        _ body: @escaping @Sendable (inout VolumeType) throws(Failure) -> Void
    ) async throws(Failure) {
        let now = call.service.world.now
        try await call.service.database.write { tx in
            let id: ID<VolumeType> = call.id("type_id")
            _ = try tx.volumeType(id)
            guard try !tx.isInUse(id) else {
                throw Failure.invalid("Cannot \(verb) encryption specs. Volume type in use.")
            }
            try tx.change(id, at: now, body)
        }
    }
}

extension Rule {
    static let showEncryption = Rule(
        "volume_extension:volume_type_encryption:get", "Show a type's encryption", May.admin)
    static let createEncryption = Rule(
        "volume_extension:volume_type_encryption:create", "Encrypt a type's volumes", May.admin)
    static let updateEncryption = Rule(
        "volume_extension:volume_type_encryption:update", "Change a type's encryption", May.admin)
    static let deleteEncryption = Rule(
        "volume_extension:volume_type_encryption:delete", "Encrypt a type's volumes no more", May.admin)
}
