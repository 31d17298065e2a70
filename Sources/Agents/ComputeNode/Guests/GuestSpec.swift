package import Base

/// A guest, to tell its ids from others.
package enum Guest {}

/// The id of the server that the guest is.
package typealias GuestID = ID<Guest>

/// Everything that a driver needs to make a guest; whatever it names (image, volume, tap) is there already.
package struct GuestSpec: JSONCoded, Hashable {
    package var id: GuestID
    package var name: String
    package var vcpus: Int
    package var memoryMB: Int
    package var root: RootDisk
    /// Empty disks of its own, each in GB.
    package var ephemeralGB: [Int] = []
    package var swapMB = 0
    /// Volumes, in the order in which the guest finds them.
    package var disks: [DiskSpec] = []
    package var nics: [NICSpec] = []
    /// An ISO file; the driver takes a copy, so it may go once the guest has started.
    package var configDrive: String?
    /// Started from a kernel and not from its disk.
    package var kernel: DirectKernel?
    /// Words for whoever looks at the guest on its node: project, user, flavor.
    package var metadata: [String: String] = [:]

    package init(id: GuestID, name: String, vcpus: Int, memoryMB: Int, root: RootDisk) {
        self.id = id
        self.name = name
        self.vcpus = vcpus
        self.memoryMB = memoryMB
        self.root = root
    }

    package init(_ json: JSON) throws(Failure) {
        id = GuestID(try json.text("id"))
        name = try json.text("name")
        vcpus = try json.number("vcpus")
        memoryMB = try json.number("memory_mb")
        root = try RootDisk(json.member("root"))
        ephemeralGB = (json["ephemeral_gb"]?.array ?? []).compactMap { $0.integer.map(Int.init) }
        swapMB = try json.number("swap_mb")
        disks = try json.list("disks") { (json) throws(Failure) in try DiskSpec(json) }
        nics = try json.list("nics") { (json) throws(Failure) in try NICSpec(json) }
        configDrive = json["config_drive"]?.string
        if let kernel = json["kernel"], !kernel.isNull { self.kernel = try DirectKernel(kernel) }
        for member in json["metadata"]?.object?.members ?? [] { metadata[member.name] = member.value.string }
    }

    package var json: JSON {
        [
            "id": .string(id.text), "name": .string(name), "vcpus": JSON(vcpus), "memory_mb": JSON(memoryMB),
            "root": root.json, "ephemeral_gb": .array(ephemeralGB.map { JSON($0) }), "swap_mb": JSON(swapMB),
            "disks": JSON(list: disks), "nics": JSON(list: nics), "config_drive": JSON(configDrive),
            "kernel": kernel?.json ?? .null,
            "metadata": .object(
                JSON.Object(
                    metadata.sorted { $0.key < $1.key }.map { JSON.Member(name: $0.key, value: .string($0.value)) })),
        ]
    }
}

/// What a guest starts from.
package enum RootDisk: JSONCoded, Hashable {
    /// A disk of its own, laid over an image in the node's cache, which has to stay for as long as the guest does.
    /// With a size of zero it is as large as the image says.
    case image(path: String, format: DiskFormat, sizeGB: Int)
    /// A volume: it is not the guest's own, and outlives it.
    case volume(DiskSpec)

    package init(_ json: JSON) throws(Failure) {
        if let volume = json["volume"] {
            self = .volume(try DiskSpec(volume))
            return
        }
        self = .image(
            path: try json.text("image"), format: try DiskFormat(json.member("format")),
            sizeGB: try json.number("size_gb"))
    }

    package var json: JSON {
        switch self {
        case .image(let path, let format, let sizeGB):
            ["image": .string(path), "format": format.json, "size_gb": JSON(sizeGB)]
        case .volume(let disk): ["volume": disk.json]
        }
    }
}

/// A kernel that is started directly, with what it is told.
package struct DirectKernel: JSONCoded, Hashable {
    package var kernel: String
    package var ramdisk: String?
    package var commandLine: String

    package init(kernel: String, ramdisk: String? = nil, commandLine: String) {
        self.kernel = kernel
        self.ramdisk = ramdisk
        self.commandLine = commandLine
    }

    package init(_ json: JSON) throws(Failure) {
        kernel = try json.text("kernel")
        ramdisk = json["ramdisk"]?.string
        commandLine = try json.text("command_line")
    }

    package var json: JSON {
        ["kernel": .string(kernel), "ramdisk": JSON(ramdisk), "command_line": .string(commandLine)]
    }
}
