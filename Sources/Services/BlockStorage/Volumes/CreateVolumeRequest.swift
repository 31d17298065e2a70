import API
import Base
import Contracts
import HTTP
import Policy
import SQL
import Workflow

/// `POST /volumes`: all that can be said against it is said before anything is written down.
struct CreateVolumeRequest: Sendable {
    private static let fields: [Field] = [
        .optional("name", .looseName), .optional("description", .looseDescription),
        .optional("display_name", .looseName), .optional("display_description", .looseDescription),
        .optional("volume_type", .looseName), .optional("metadata", .pairsOrNull),
        .optional("snapshot_id", .optionalUUID), .optional("source_volid", .optionalUUID),
        .optional("consistencygroup_id", .optionalUUID), .optional("size", .nullable(.gigabytes)),
        .optional("availability_zone", .looseName), .optional("multiattach", .nullable(.looseBoolean)),
        .optional("image_id", .looseName), .optional("imageRef", .looseName),
        .optional("group_id", .looseName, since: "3.13"), .optional("backup_id", .optionalUUID, since: "3.47"),
    ]

    static let shape: Shape = .object(
        Fields([
            .required("volume", .object(Fields(fields, others: .allowed))),
            .optional("OS-SCH-HNT:scheduler_hints", .nullable(.map(name: 1...255, value: .any))),
        ]))

    private let call: Call<BlockStorage>
    private let body: JSON.Object
    private let image: SourceImage?
    /// That of the image's root disk, where the image is nothing but the names of volumes' snapshots.
    private let imageSnapshot: String?

    init(_ call: Call<BlockStorage>) async throws(Failure) {
        self.call = call
        body = try call.fields("volume")
        if call.version >= "3.53" {
            let unknown = body.names.first { name in !CreateVolumeRequest.fields.contains { $0.name == name } }
            if let unknown {
                throw .invalid(
                    "Invalid input for field/attribute volume. Additional properties are not allowed ('\(unknown)' was unexpected)"
                )
            }
        }
        guard body.boolean("multiattach") != true else {
            throw .invalid(
                "multiattach parameter has been removed. The default behavior is to use multiattach enabled volume"
                    + " types. Contact your administrator to create a multiattach enabled volume type and use it to"
                    + " create multiattach volumes.")
        }
        let reference = body.text("imageRef") ?? body.text("image_id")
        if let reference, !reference.isEmpty {
            try call.require(.createVolumeFromImage, of: call.ownTarget)
            let found = try await SourceImage(reference, call)
            imageSnapshot = call.version >= "3.46" ? found.rootSnapshot : nil
            image = imageSnapshot == nil ? found : nil
        } else {
            (image, imageSnapshot) = (nil, nil)
        }
    }

    /// From what the volume is to be made, of what is there.
    private struct Origin {
        var source = VolumeSource.nothing
        var leastSize = 0
        var isBootable = false
        var imageMetadata: JSON.Object?
        var snapshot: Snapshot?
        var volume: Volume?
        var host: String?
        var backup: Backup?
    }

    /// Writes the volume down, and with it the work that makes it so.
    func write(_ tx: Transaction) throws -> Volume {
        let service = call.service
        let origin = try origin(tx)
        let type = try type(origin, tx)
        let size = try size(origin)
        if type.isMultiattach { try call.require(.createMultiattach, of: call.ownTarget) }
        let group = try group(type, tx)
        let now = service.world.now
        let volume = Volume(
            id: .uuid(service.world.chance), project: call.project, user: call.caller.user.id,
            name: body.name("name", or: "display_name"),
            description: body.name("description", or: "display_description"), size: size, quotaSize: size,
            status: .creating, previousStatus: nil, migrationStatus: nil, attachStatus: .detached,
            zone: try zone(origin, tx), type: type.id, typeName: type.name, host: nil,
            snapshot: origin.snapshot?.id.text, source: origin.volume?.id.text, isBootable: origin.isBootable,
            isMultiattach: type.isMultiattach, isReadOnly: false, countsForQuota: true,
            metadata: body["metadata"]?.object ?? JSON.Object(), imageMetadata: origin.imageMetadata,
            group: group, created: now, updated: nil)
        try tx.reserve(
            [.volumes: 1, .gigabytes: size], type: type.name, size: size, in: call.project, service.settings)
        try tx.insert(volume)
        let state = CreateVolume.State(
            volume: volume.id, source: origin.source, host: origin.host,
            hints: call.body["OS-SCH-HNT:scheduler_hints"] ?? .null)
        try service.runner.start(CreateVolume.self, about: volume.id.text, state, tx)
        let runner = service.runner
        tx.afterCommit { runner.nudge() }
        return volume
    }

    private func origin(_ tx: Transaction) throws(Failure) -> Origin {
        var origin = Origin()
        if let id = imageSnapshot ?? text("snapshot_id") {
            let snapshot = try tx.snapshot(ID(id), in: call.scope(under: .showSnapshot))
            guard snapshot.status == .available else {
                throw .invalidSnapshot(
                    "Originating snapshot status must be one of 'available' values, but it is '\(snapshot.status.rawValue)'."
                )
            }
            let volume = try tx.volume(snapshot.volume)
            origin.snapshot = snapshot
            origin.volume = nil
            origin.source = .stored(StoredName(.snapshot, snapshot.id.text))
            origin.leastSize = snapshot.size
            origin.isBootable = volume.isBootable
            origin.imageMetadata = volume.imageMetadata
            origin.host = volume.host
        } else if let id = text("source_volid") {
            let volume = try tx.volume(ID(id), in: call.scope(under: .showVolume))
            guard volume.status == .available || volume.status == .inUse else {
                throw .invalidVolume(
                    "Source volume status must be one of 'available', 'in-use', but it is '\(volume.status.rawValue)'.")
            }
            origin.volume = volume
            origin.source = .stored(StoredName(.volume, volume.id.text))
            origin.leastSize = volume.size
            origin.isBootable = volume.isBootable
            origin.imageMetadata = volume.imageMetadata
            origin.host = volume.host
        } else if let id = text("backup_id") {
            let backup = try tx.backup(ID(id), in: call.scope(under: .showBackup))
            guard backup.status == .available else {
                throw .invalid(
                    "Invalid backup: Backup status must be available, but it is '\(backup.status.rawValue)'.")
            }
            origin.backup = backup
            origin.source = .stored(StoredName(.backup, backup.storedID))
            origin.leastSize = backup.size
            origin.host = backup.volumeHost
        } else if let image {
            origin.source = .image(id: image.id, user: call.caller.user.id, project: call.project)
            origin.leastSize = image.leastSize
            origin.isBootable = true
            origin.imageMetadata = image.metadata
        }
        return origin
    }

    private func text(_ name: String) -> String? { body.text(name).flatMap { $0.isEmpty ? nil : $0 } }

    /// What is said, else what it is made from has, else what the project or the cloud has by default.
    private func type(_ origin: Origin, _ tx: Transaction) throws(Failure) -> VolumeType {
        let sight = call.typeSight
        if let name = text("volume_type") { return try tx.volumeType(named: name, sight) }
        if let volume = origin.volume { return try tx.volumeType(volume.type) }
        if let snapshot = origin.snapshot { return try tx.volumeType(tx.volume(snapshot.volume).type) }
        if let name = image?.volumeType { return try tx.volumeType(named: name, sight) }
        return try tx.defaultType(of: call.project, call.service.settings.defaultType)
    }

    private func size(_ origin: Origin) throws(Failure) -> Int {
        guard let size = body.integer("size") ?? (origin.leastSize > 0 && image == nil ? origin.leastSize : nil) else {
            throw .invalidInput("Volume size 'None' must be an integer and greater than 0")
        }
        if let snapshot = origin.snapshot, size < snapshot.size {
            throw .invalidInput(
                "Volume size '\(size)'GB cannot be smaller than the snapshot size \(snapshot.size)GB. They must be >="
                    + " original snapshot size.")
        }
        if let volume = origin.volume, size < volume.size {
            throw .invalidInput(
                "Volume size '\(size)'GB cannot be smaller than original volume size \(volume.size)GB. They must be >="
                    + " original volume size.")
        }
        if let backup = origin.backup, size < backup.size {
            throw .invalidInput(
                "Volume size \(size)GB cannot be smaller than the backup size \(backup.size)GB. They must be >= backup size."
            )
        }
        try image?.requireRoom(size)
        return size
    }

    /// What is copied stays in its zone.
    private func zone(_ origin: Origin, _ tx: Transaction) throws(Failure) -> String {
        var own = origin.volume?.zone
        if let snapshot = origin.snapshot { own = try tx.volume(snapshot.volume).zone }
        guard let asked = text("availability_zone") else { return own ?? call.service.settings.defaultZone }
        guard try tx.volumeServices("cinder-volume").contains(where: { $0.zone == asked }) else {
            throw .invalidInput("Availability zone '\(asked)' is invalid.")
        }
        if let own, own != asked {
            throw .invalidInput("Volume must be in the same availability zone as the source.")
        }
        return asked
    }

    private func group(_ type: VolumeType, _ tx: Transaction) throws(Failure) -> String? {
        guard let id = text("group_id") ?? text("consistencygroup_id") else { return nil }
        return try tx.group(ID(id), in: call.scope(under: .showGroup), admitting: type)
    }
}

/// An image from which a volume is to be made, as the image service describes it to the user.
struct SourceImage: Sendable {
    let id: String
    let metadata: JSON.Object
    /// In GB: what it needs, by its own account.
    let leastSize: Int
    let volumeType: String?
    /// The snapshot of the root disk of the server that it was made of, which had its disks in volumes.
    let rootSnapshot: String?
    private let minDisk: Int
    private let bytes: Int64

    init(_ reference: String, _ call: Call<BlockStorage>) async throws(Failure) {
        let image = try await SourceImage.find(reference, call)
        guard let id = image["id"]?.string else { throw SourceImage.unknown }
        self.id = id
        guard image["status"] == "active" else {
            throw .invalid("Invalid image: Image \(id) is not active.")
        }
        minDisk = Int(image["min_disk"]?.integer ?? 0)
        bytes = image["virtual_size"]?.integer ?? image["size"]?.integer ?? 0
        leastSize = max(minDisk, Int((bytes + (1 << 30) - 1) >> 30))
        volumeType = image["cinder_img_volume_type"]?.string
        metadata = SourceImage.metadata(of: image)
        let mappings = image["block_device_mapping"]?.string.flatMap { try? JSONReader.read($0).array }
        let root = mappings?.first { $0["source_type"] == "snapshot" && $0["boot_index"] == 0 }
        rootSnapshot = root?["snapshot_id"]?.string
    }

    /// By its id, or by a name that only one has.
    private static func find(_ reference: String, _ call: Call<BlockStorage>) async throws(Failure) -> JSON {
        let images = call.service.tools.neighbours.image
        let id = reference.split(separator: "/").last.map { String($0) } ?? reference
        if UUID(id) != nil {
            do throws(Failure) {
                return try await images.ask("GET", "/v2/images/\(id)", token: call.caller.token).json
            } catch {
                throw [.notFound, .forbidden].contains(error.kind) ? unknown : error
            }
        }
        let query = Parameters([.init("name", reference)]).text
        let found = try await images.ask("GET", "/v2/images?\(query)", token: call.caller.token).json
        let all = found["images"]?.array ?? []
        guard all.count < 2 else {
            throw .conflict("Multiple matches found for '\(reference)', use an ID to be more specific.")
        }
        guard let image = all.first else { throw unknown }
        return image
    }

    private static let unknown = Failure.invalid("Invalid image identifier or unable to access requested image.")

    /// What describes the image for whoever starts from the volume: its properties and its measures, as texts.
    private static func metadata(of image: JSON) -> JSON.Object {
        let own = [
            "status", "visibility", "protected", "tags", "created_at", "updated_at", "self", "file", "schema", "owner",
            "locations", "direct_url", "os_hidden", "stores", "virtual_size",
        ]
        var metadata = JSON.Object()
        for member in image.object?.members ?? [] where !own.contains(member.name) {
            let name = member.name == "id" ? "image_id" : member.name == "name" ? "image_name" : member.name
            switch member.value {
            case .string(let text): metadata[name] = .string(text)
            case .integer(let number): metadata[name] = .string(String(number))
            case .bool(let flag): metadata[name] = .string(flag ? "True" : "False")
            default: continue
            }
        }
        return metadata
    }

    func requireRoom(_ size: Int) throws(Failure) {
        let needed = Int((bytes + (1 << 30) - 1) >> 30)
        guard size >= needed else {
            throw .invalidInput("Size of specified image \(needed)GB is larger than volume size \(size)GB.")
        }
        guard size >= minDisk else {
            throw .invalidInput("Volume size \(size)GB cannot be smaller than the image minDisk size \(minDisk)GB.")
        }
    }
}
