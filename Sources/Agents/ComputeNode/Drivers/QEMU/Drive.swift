import Base

/// A disk in QEMU's words: a node, which has the bytes, and a device, which the guest sees.
struct Drive {
    let node: JSON
    let device: JSON

    static let controllerBus = "scsi.0"
    static let controller: JSON = ["driver": "virtio-scsi-pci", "id": "scsi"]

    /// A node's name has at most 31 characters, into which a UUID has to be squeezed.
    static func nodeName(_ disk: String) -> String {
        guard let uuid = UUID(disk) else { return "d-" + disk.prefix(29) }
        return "d-" + String(uuid.high, radix: 36) + "-" + String(uuid.low, radix: 36)
    }

    static func deviceID(_ disk: String) -> String { "disk-" + disk }

    /// A volume.
    init(_ disk: DiskSpec, bootIndex: Int? = nil) {
        let name = Drive.nodeName(disk.id)
        switch disk.place {
        case .file(let path, let format):
            node = Drive.node(name, path: path, format: format, isReadOnly: disk.isReadOnly)
        case .url(let url):
            node = Drive.node(name, place: Drive.place(url), format: .raw, isReadOnly: disk.isReadOnly)
        }
        device = Drive.device(
            Drive.deviceID(disk.id), name, disk.bus, serial: disk.serial, bootIndex: bootIndex)
    }

    /// A disk of the guest's own.
    init(own name: String, path: String, format: DiskFormat, bootIndex: Int? = nil) {
        node = Drive.node(name, path: path, format: format, isReadOnly: false)
        device = Drive.device(Drive.deviceID(name), name, .virtio, serial: nil, bootIndex: bootIndex)
    }

    init(compactDisc name: String, path: String) {
        node = Drive.node(name, path: path, format: .raw, isReadOnly: true)
        device = ["driver": "ide-cd", "id": .string(Drive.deviceID(name)), "drive": .string(name)]
    }

    static func node(_ name: String, path: String, format: DiskFormat, isReadOnly: Bool) -> JSON {
        node(name, place: ["driver": "file", "filename": .string(path)], format: format, isReadOnly: isReadOnly)
    }

    private static func node(_ name: String, place: JSON, format: DiskFormat, isReadOnly: Bool) -> JSON {
        [
            "driver": .string(format.driver), "node-name": .string(name), "discard": "unmap",
            "read-only": .bool(isReadOnly), "file": place,
        ]
    }

    private static func device(
        _ id: String, _ node: String, _ bus: DiskSpec.Bus, serial: String?, bootIndex: Int?
    ) -> JSON {
        var device = JSON.Object()
        switch bus {
        case .virtio: device["driver"] = "virtio-blk-pci"
        case .scsi:
            device["driver"] = "scsi-hd"
            device["bus"] = .string(controllerBus)
        case .ide: device["driver"] = "ide-hd"
        }
        device["id"] = .string(id)
        device["drive"] = .string(node)
        // Virtio has room for twenty characters.
        if let serial { device["serial"] = .string(String(serial.prefix(20))) }
        if let bootIndex { device["bootindex"] = JSON(bootIndex) }
        return .object(device)
    }

    // MARK: Disks across the network

    /// How long a guest waits for a server of disks that restarts, before its reads and writes fail.
    static let reconnectSeconds = 60

    static func place(_ url: String) -> JSON {
        if url.hasPrefix("rbd:") { return rbd(url.dropFirst(4)) }
        var place: JSON.Object = JSON.Object()
        place["driver"] = "nbd"
        place["reconnect-delay"] = JSON(reconnectSeconds)
        if url.hasPrefix("nbd+unix:///") {
            let parts = url.dropFirst(12).split(separator: "?socket=", maxSplits: 1, omittingEmptySubsequences: false)
            place["export"] = .string(String(parts[0]))
            place["server"] = ["type": "unix", "path": .string(String(parts.last ?? ""))]
        } else {
            let rest = url.dropFirst("nbd://".count)
            let parts = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            // In brackets, colons belong to the address.
            let afterHost = parts[0].lastIndex(of: "]") ?? parts[0].startIndex
            let colon = parts[0][afterHost...].lastIndex(of: ":")
            let host = parts[0][..<(colon ?? parts[0].endIndex)].filter { $0 != "[" && $0 != "]" }
            let port = colon.map { String(parts[0][$0...].dropFirst()) } ?? "10809"
            place["export"] = .string(parts.count > 1 ? String(parts[1]) : "")
            place["server"] = ["type": "inet", "host": .string(String(host)), "port": .string(port)]
        }
        return .object(place)
    }

    /// `pool/image[:id=USER][:conf=PATH]`
    private static func rbd(_ text: Substring) -> JSON {
        let parts = text.split(separator: ":")
        let names = (parts.first ?? "").split(separator: "/", maxSplits: 1)
        var place = JSON.Object()
        place["driver"] = "rbd"
        place["pool"] = .string(String(names.first ?? ""))
        place["image"] = .string(String(names.last ?? ""))
        for part in parts.dropFirst() {
            if part.hasPrefix("id=") { place["user"] = .string(String(part.dropFirst(3))) }
            if part.hasPrefix("conf=") { place["conf"] = .string(String(part.dropFirst(5))) }
        }
        return .object(place)
    }
}

extension DiskFormat {
    /// QEMU calls Virtual PC's format by its own name.
    var driver: String { self == .vhd ? "vpc" : rawValue }
}
