import API
import Base
import Contracts
import Policy
import SQL
import Workflow

/// What goes between volumes and images.
enum ImageActions {
    static let all: [VolumeAction] = [
        VolumeAction(
            "os-volume_upload_image", may: .uploadVolume,
            takes: VolumeAction.object(
                .required("image_name", .text(1...255)), .optional("force", .looseBoolean),
                .optional("disk_format", .choice(["raw", "vmdk", "vdi", "qcow2", "vhd", "vhdx", "ploop"])),
                .optional("container_format", .looseDescription),
                .optional("visibility", .choice(["community", "public", "private", "shared"]), since: "3.1"),
                .optional("protected", .looseBoolean, since: "3.1")), upload),
        VolumeAction(
            "os-reimage", may: .reimageVolume,
            takes: VolumeAction.object(
                .required("image_id", .text(32...36, format: .uuidOrHex)), .optional("reimage_reserved", .looseBoolean)),
            since: "3.68", reimage),
        VolumeAction(
            "os-set_image_metadata", may: .setImageMetadata,
            takes: VolumeAction.object(.required("metadata", .map(name: 1...255, value: .text)))
        ) { call, id, scope, body throws(Failure) in
            let (added, now) = (body["metadata"]?.object ?? JSON.Object(), call.service.world.now)
            let volume = try await call.service.database.write { tx in
                try tx.change(id, in: scope, at: now) { volume in
                    volume.imageMetadata = (volume.imageMetadata ?? JSON.Object()).merging(added)
                }
            }
            return reply(volume)
        },
        VolumeAction("os-show_image_metadata", may: .showImageMetadata) { call, id, scope, _ throws(Failure) in
            reply(try await call.service.database.read { try $0.volume(id, in: scope) })
        },
        VolumeAction(
            "os-unset_image_metadata", may: .removeImageMetadata,
            takes: VolumeAction.object(.required("key", .text(1...255)))
        ) { call, id, scope, body throws(Failure) in
            let (key, now) = (body["key"]?.string ?? "", call.service.world.now)
            try await call.service.database.write { tx in
                try tx.change(id, in: scope, at: now) { volume in
                    guard var metadata = volume.imageMetadata, metadata.has(key) else {
                        throw Failure(.notFound, "Metadata item was not found: \(key)")
                    }
                    metadata[key] = nil
                    volume.imageMetadata = metadata.members.isEmpty ? nil : metadata
                }
            }
            return Reply(200)
        },
    ]

    private static func reply(_ volume: Volume) -> Reply {
        .json { $0.put("metadata", .object(volume.imageMetadata ?? JSON.Object())) }
    }

    /// The image is made at once, in the user's name, so that the answer can say which it is; its bytes follow.
    private static func upload(
        _ call: Call<BlockStorage>, _ id: ID<Volume>, _ scope: Scope, _ body: JSON
    ) async throws(Failure) -> Reply {
        let (service, fields, now) = (call.service, body.object ?? JSON.Object(), call.service.world.now)
        let isForced = fields.boolean("force") ?? false
        if fields.text("visibility") == "public" { try call.require(.uploadPublic) }
        let volume = try await service.database.write { tx in
            try tx.change(id, in: scope, at: now) { volume in
                guard volume.status == .available || (isForced && volume.status == .inUse) else {
                    throw Failure.invalidVolume(
                        "Volume \(id) status must be available\(isForced ? " or in-use" : "") to upload, but current status"
                            + " is: \(volume.status.rawValue).")
                }
                volume.previousStatus = volume.status
                volume.status = .uploading
            }
        }
        let image: JSON
        do throws(Failure) {
            image = try await service.tools.neighbours.image.ask(
                "POST", "/v2/images", wish(volume, fields, call), token: call.caller.token
            ).json
        } catch {
            try await service.database.write { tx in try tx.change(id, at: now) { $0.settle() } }
            throw error.kind == .forbidden || error.kind == .overQuota ? error : .invalid(error.message)
        }
        guard let imageID = image["id"]?.string else { throw .bug("An image was made without an id.") }
        let state = UploadVolume.State(
            volume: id, image: imageID, format: fields.text("disk_format") ?? "raw", user: call.caller.user.id,
            project: call.project)
        try await service.database.write { tx in
            try service.runner.start(UploadVolume.self, about: id.text, state, tx)
            let runner = service.runner
            tx.afterCommit { runner.nudge() }
        }
        let types = call.service
        let type = try await types.database.read { try $0.volumeType(volume.type) }
        return .json(202) { json in
            json.object("os-volume_upload_image") { json in
                json.put("id", volume.id)
                json.put("updated_at", volume.updated, as: .bare)
                json.put("status", VolumeStatus.uploading.rawValue)
                json.put("display_description", volume.description)
                json.put("size", volume.size)
                json.object("volume_type") {
                    $0.put("id", type.id)
                    $0.put("name", type.name)
                    $0.put("is_public", type.isPublic)
                    $0.put("description", type.description)
                    $0.put("qos_specs_id", type.qosSpecs)
                    $0.put("extra_specs", .object(call.visible(type.extraSpecs)))
                    $0.put("created_at", type.created, as: .bare)
                    $0.put("updated_at", type.updated, as: .bare)
                    $0.put("deleted", false)
                    $0.putNull("deleted_at")
                }
                json.put("image_id", imageID)
                json.put("container_format", fields.text("container_format") ?? "bare")
                json.put("disk_format", fields.text("disk_format") ?? "raw")
                json.put("image_name", fields.text("image_name"))
                if call.version >= "3.1" {
                    json.put("visibility", fields.text("visibility") ?? "private")
                    json.put("protected", fields.boolean("protected") ?? false)
                }
            }
        }
    }

    /// What the volume was made from is said of what is made from it, too.
    private static func wish(_ volume: Volume, _ fields: JSON.Object, _ call: Call<BlockStorage>) -> JSON {
        let measures = [
            "image_id", "image_name", "checksum", "container_format", "disk_format", "min_disk", "min_ram", "size",
        ]
        var wish = JSON.Object(
            (volume.imageMetadata?.members ?? []).filter {
                !measures.contains($0.name) && !$0.name.hasPrefix("os_hash") && !$0.name.hasPrefix("owner_specified")
            })
        wish["name"] = JSON(fields.text("image_name"))
        wish["container_format"] = .string(fields.text("container_format") ?? "bare")
        wish["disk_format"] = .string(fields.text("disk_format") ?? "raw")
        wish["min_disk"] = JSON(volume.size)
        if call.version >= "3.1" {
            wish["visibility"] = .string(fields.text("visibility") ?? "private")
            wish["protected"] = .bool(fields.boolean("protected") ?? false)
        }
        return .object(wish)
    }

    private static func reimage(
        _ call: Call<BlockStorage>, _ id: ID<Volume>, _ scope: Scope, _ body: JSON
    ) async throws(Failure) -> Reply {
        let (service, now) = (call.service, call.service.world.now)
        let isReserved = body["reimage_reserved"]?.looseBool ?? false
        let image = try await SourceImage(body["image_id"]?.string ?? "", call)
        let reservedScope = call.scope(under: .reimageReserved)
        try await service.database.write { tx in
            let volume = try tx.volume(id, in: scope)
            guard try tx.attachments(of: id).count <= 1 else {
                throw Failure.conflict("Cannot re-image a volume which is attached to more than one server.")
            }
            let mayReserved = isReserved && reservedScope.covers(["project_id": volume.project])
            let allowed: [VolumeStatus] = [.available, .error] + (mayReserved ? [.reserved] : [])
            guard allowed.contains(volume.status) else {
                throw Failure.invalidVolume(
                    "Volume \(id) status must be \(allowed.map(\.rawValue).joined(separator: " or ")), but current status"
                        + " is \(volume.status.rawValue).")
            }
            try image.requireRoom(volume.size)
            try tx.change(id, at: now) { volume in
                volume.previousStatus = volume.status == .error ? .available : volume.status
                volume.status = .downloading
                volume.imageMetadata = image.metadata
                volume.isBootable = true
            }
            let state = ReimageVolume.State(
                volume: id, image: image.id, user: call.caller.user.id, project: call.project)
            try service.runner.start(ReimageVolume.self, about: id.text, state, tx)
            let runner = service.runner
            tx.afterCommit { runner.nudge() }
        }
        return Reply(202)
    }
}

extension Rule {
    static let uploadVolume = Rule(
        "volume_extension:volume_actions:upload_image", "Make an image of a volume", May.member)
    static let uploadPublic = Rule(
        "volume_extension:volume_actions:upload_public", "Make a public image of a volume", May.admin)
    static let reimageVolume = Rule("volume:reimage", "Fill a volume with an image", May.member)
    static let reimageReserved = Rule(
        "volume:reimage_reserved", "Fill a reserved volume with an image", May.member)
    static let showImageMetadata = Rule(
        "volume_extension:volume_image_metadata:show", "See what a volume's image says of itself", May.reader)
    static let setImageMetadata = Rule(
        "volume_extension:volume_image_metadata:set", "Set what a volume's image says of itself", May.member)
    static let removeImageMetadata = Rule(
        "volume_extension:volume_image_metadata:remove", "Remove what a volume's image says of itself", May.member)
}
