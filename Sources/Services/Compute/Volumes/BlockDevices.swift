import API
import Base
import Policy

/// The disks that a request asks for: `block_device_mapping_v2`, and the older form.
struct BlockDevices: Sendable {
    let volumes: [ServerVolume]
    /// What the image would be needed for, the root disk, is a volume.
    var isVolumeBacked: Bool { volumes.contains { $0.isRoot } }

    private static let name: Shape = .text(1...255)

    static let fields: [Field] = [
        .optional("source_type", .choice(["volume", "image", "snapshot", "blank"])),
        .optional("uuid", name), .optional("image_id", .text(0...255)), .optional("snapshot_id", .text(0...255)),
        .optional("volume_id", .text(0...255)),
        .optional("volume_size", .nullable(.either([.looseInteger(0...Int64(Int32.max)), .text(0...0)]))),
        .optional("destination_type", .choice(["local", "volume"])), .optional("guest_format", .text(0...255)),
        .optional("device_type", .text(0...255)), .optional("disk_bus", .text(0...255)),
        .optional("boot_index", .nullable(.looseInteger(-1_000...1_000))), .optional("device_name", name),
        .optional("delete_on_termination", .looseBoolean), .optional("no_device", .any),
        .optional("connection_info", .text(0...65_535)), .optional("virtual_name", .text(0...255)),
        .optional("tag", .text(1...60, format: .tag), since: "2.32", until: "2.32"),
        .optional("tag", .text(1...60, format: .tag), since: "2.42"),
        .optional("volume_type", .nullable(.text(0...255)), since: "2.67"),
    ]

    /// - Parameter image: from which the server would start, were there no volume.
    static func read(
        _ body: JSON.Object, image: BootImage?, _ flavor: Flavor, _ call: Call<Compute>
    ) async throws(Failure) -> BlockDevices {
        let asked = body["block_device_mapping_v2"]?.array
        let older = body["block_device_mapping"]?.array
        guard asked == nil || older == nil else {
            throw .invalid("Using different block_device_mapping syntaxes is not allowed in the same request.")
        }
        var wishes: [Wish] = []
        for element in asked ?? [] { wishes.append(try Wish(element.object ?? JSON.Object())) }
        for element in older ?? [] {
            let mayLead = wishes.isEmpty && image == nil
            wishes.append(try Wish(older: element.object ?? JSON.Object(), isFirst: wishes.isEmpty, mayLead: mayLead))
        }
        if let image, wishes.isEmpty || !image.mappings.isEmpty {
            for mapping in image.mappings {
                let wish = try Wish(mapping.object ?? JSON.Object())
                if !wishes.contains(where: { $0.bootIndex == wish.bootIndex && wish.bootIndex != nil }) {
                    wishes.append(wish)
                }
            }
        }
        try checkOrder(wishes, hasImage: asked == nil && image?.mappings.isEmpty == true)
        try checkLocal(wishes, flavor)
        var volumes: [ServerVolume] = []
        var index = wishes.contains { $0.isVolume && $0.bootIndex == 0 } ? 0 : 1
        let desk = call.service.volumeDesk
        for wish in wishes.filter(\.isVolume).sorted(by: { ($0.bootIndex ?? 1_000) < ($1.bootIndex ?? 1_000) }) {
            try await wish.check(desk, call)
            volumes.append(wish.volume(id: UUID(call.service.world.chance).dashed, device: Server.device(index)))
            index += 1
        }
        return BlockDevices(volumes: volumes)
    }

    private static let wrongOrder = Failure.invalid(
        "Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid."
    )

    /// Exactly one disk is the first to start from, and there is none missing between it and the last.
    private static func checkOrder(_ wishes: [Wish], hasImage: Bool) throws(Failure) {
        var indices = wishes.compactMap(\.bootIndex).filter { $0 >= 0 }
        if hasImage, !wishes.contains(where: { $0.source == .image && !$0.isVolume && $0.bootIndex == 0 }) {
            indices.append(0)
        }
        guard indices.sorted() == Array(0..<indices.count), !indices.isEmpty else { throw wrongOrder }
    }

    private static func checkLocal(_ wishes: [Wish], _ flavor: Flavor) throws(Failure) {
        let blank = wishes.filter { $0.source == .blank && !$0.isVolume }
        let swaps = blank.filter { $0.format == "swap" }
        guard swaps.count <= 1 else {
            throw .invalid("Block Device Mapping is Invalid: More than one swap drive requested.")
        }
        if let size = swaps.first?.size, size > flavor.swap {
            throw .invalid("Swap drive requested is larger than instance type allows.")
        }
        let total = blank.filter { $0.format != "swap" }.reduce(0) { $0 + ($1.size ?? 0) }
        guard total <= flavor.ephemeral else {
            throw .invalid(
                "Ephemeral disks requested are larger than the instance type allows. If no size is given in one block device mapping, flavor ephemeral size will be used."
            )
        }
        for wish in wishes where wish.source == .image && !wish.isVolume && (wish.bootIndex ?? 0) != 0 {
            throw .invalid("Block Device Mapping is Invalid: Mapping image to local is not supported.")
        }
    }
}

/// One disk as it was asked for.
private struct Wish {
    let source: ServerVolume.Source
    let id: String?
    let isVolume: Bool
    let bootIndex: Int?
    let size: Int?
    let isDeletedWithServer: Bool
    let tag: String?
    let type: String?
    let format: String?
    let device: String?

    init(_ body: JSON.Object) throws(Failure) {
        let given = body.text("source_type").flatMap(ServerVolume.Source.init)
        if let source = given {
            self.source = source
        } else if body.has("volume_id") {
            source = .volume
        } else if body.has("snapshot_id") {
            source = .snapshot
        } else if body.has("image_id") {
            source = .image
        } else {
            throw .invalid("Block Device Mapping is Invalid: Invalid source_type field.")
        }
        id = body.text("uuid") ?? body.text("\(source.rawValue)_id")
        let destination = body.text("destination_type") ?? (source == .image || source == .blank ? "local" : "volume")
        isVolume = destination == "volume"
        bootIndex = body.integer("boot_index")
        size = body.integer("volume_size")
        isDeletedWithServer = body.boolean("delete_on_termination") ?? !isVolume
        tag = body.text("tag")
        type = body.text("volume_type").flatMap { $0.isEmpty ? nil : $0 }
        format = body.text("guest_format")
        device = body.text("device_name")
        try check()
    }

    /// As it was before there were so many kinds: volumes and snapshots, and the first is the one to start from when it is
    /// called `vda`, or isn't called anything and there is no image to start from.
    init(older body: JSON.Object, isFirst: Bool, mayLead: Bool) throws(Failure) {
        var newer = body
        newer["virtual_name"] = nil
        newer["destination_type"] = "volume"
        newer["source_type"] = body.has("snapshot_id") ? "snapshot" : "volume"
        let device = body.text("device_name") ?? ""
        if device.isEmpty ? mayLead : isFirst && (device.hasSuffix("vda") || device.hasSuffix("sda")) {
            newer["boot_index"] = 0
        }
        try self.init(newer)
    }

    private func check() throws(Failure) {
        let prefix = "Block Device Mapping is Invalid: "
        switch (source, isVolume) {
        case (.blank, _):
            guard id == nil else { throw .invalid(prefix + "Invalid device UUID.") }
            guard !isVolume || (size ?? 0) > 0 else {
                throw .invalid(prefix + "Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size")
            }
        case (.image, true):
            guard let id, UUID(id) != nil else { throw .invalid(prefix + "Missing device UUID.") }
            guard (size ?? 0) > 0 else {
                throw .invalid(prefix + "Images with destination_type 'volume' need to have a non-zero size specified")
            }
        case (.image, false): guard id != nil else { throw .invalid(prefix + "Missing device UUID.") }
        case (.volume, false), (.snapshot, false):
            throw .invalid(prefix + "Mapping \(source.rawValue) to local is not supported.")
        case (.volume, true), (.snapshot, true):
            guard let id, UUID(id) != nil else { throw .invalid(prefix + "Missing device UUID.") }
        }
    }

    /// What it comes from is the caller's to use, and ready.
    func check(_ desk: VolumeDesk, _ call: Call<Compute>) async throws(Failure) {
        let token = call.caller.token
        let prefix = "Block Device Mapping is Invalid: "
        switch source {
        case .volume:
            let volume: JSON
            do throws(Failure) { volume = try await desk.volume(id ?? "", token: token) } catch
                where error.kind == .notFound
            { throw .invalid(prefix + "failed to get volume \(id ?? "").") }
            let status = volume["status"]?.string ?? ""
            let isShared = volume["multiattach"]?.bool == true
            if isShared, call.version < "2.60" {
                throw .invalid("Multiattach volumes are only supported starting with compute API version 2.60.")
            }
            guard status == "available" || isShared && status == "in-use" else {
                throw .invalid(prefix + "volume \(id ?? "") is \(status), not available.")
            }
            if bootIndex == 0, volume["bootable"]?.looseBool != true {
                throw .invalid("Block Device \(id ?? "") is not bootable.")
            }
        case .snapshot:
            do throws(Failure) { _ = try await desk.snapshot(id ?? "", token: token) } catch
                where error.kind == .notFound
            { throw .invalid(prefix + "failed to get snapshot \(id ?? "").") }
        case .image:
            do throws(Failure) { _ = try await BootImage.load(id ?? "", call) } catch
                where error.kind == .invalid
            { throw .invalid(prefix + "failed to get image \(id ?? "").") }
        case .blank: break
        }
        if let type, try await !desk.hasType(type, token: token) {
            throw .invalid("Volume type \(type) could not be found.")
        }
    }

    func volume(id own: String, device: String) -> ServerVolume {
        ServerVolume(
            id: own, source: source, sourceID: id, volume: source == .volume ? id : nil, device: device, tag: tag,
            isDeletedWithServer: isDeletedWithServer, isRoot: bootIndex == 0, size: size, type: type)
    }
}
