package import Base

/// How a disk's bytes lie in a file.
package enum DiskFormat: String, JSONCoded, Hashable {
    case raw, qcow2, vmdk, vdi, vhdx
    /// Virtual PC's format, which OpenStack calls by the ending of its files.
    case vhd

    package init(_ json: JSON) throws(Failure) {
        guard let text = json.string, let format = DiskFormat(rawValue: text) else {
            throw .bug("There is no disk format in a stored document.")
        }
        self = format
    }

    package var json: JSON { .string(rawValue) }
}

/// A disk that was made elsewhere: a volume, or a file of somebody's.
package struct DiskSpec: JSONCoded, Hashable {
    package enum Place: Hashable, Sendable {
        case file(path: String, format: DiskFormat)
        /// `nbd://host:port/export`, `nbd+unix:///export?socket=PATH` or `rbd:pool/image[:id=USER][:conf=PATH]`, raw.
        case url(String)
    }

    package enum Bus: String, Sendable, Hashable { case virtio, scsi, ide }

    /// By which it is attached and detached: the volume's id.
    package var id: String
    package var place: Place
    package var bus: Bus
    package var isReadOnly: Bool
    /// What the guest reads as the disk's serial number, of which virtio shows twenty characters. The volume's id.
    package var serial: String

    package init(id: String, place: Place, bus: Bus = .virtio, isReadOnly: Bool = false, serial: String? = nil) {
        self.id = id
        self.place = place
        self.bus = bus
        self.isReadOnly = isReadOnly
        self.serial = serial ?? id
    }

    package init(_ json: JSON) throws(Failure) {
        id = try json.text("id")
        if let path = json["path"]?.string {
            place = .file(path: path, format: try DiskFormat(json.member("format")))
        } else {
            place = .url(try json.text("url"))
        }
        guard let bus = Bus(rawValue: try json.text("bus")) else { throw .bug("A stored disk has an unknown bus.") }
        self.bus = bus
        isReadOnly = try json.flag("read_only")
        serial = try json.text("serial")
    }

    package var json: JSON {
        let place: JSON.Object =
            switch self.place {
            case .file(let path, let format):
                JSON.Object([
                    JSON.Member(name: "path", value: .string(path)), .init(name: "format", value: format.json),
                ])
            case .url(let url): JSON.Object([JSON.Member(name: "url", value: .string(url))])
            }
        var object = place
        object["id"] = .string(id)
        object["bus"] = .string(bus.rawValue)
        object["read_only"] = .bool(isReadOnly)
        object["serial"] = .string(serial)
        return .object(object)
    }
}
