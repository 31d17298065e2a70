package import Base
package import Bus
import Crypto

/// What block storage's control plane and the nodes that hold volumes say to one another.
package enum VolumeMessages {
    // To the control plane, which alone has the database.
    package static let heartbeat = Message<VolumeNodeReport, Nothing>(
        topic: "volume-control", name: "report the volume node")

    // To a volume node's backend, `node@backend`. Each may be said twice.
    package static let ensureVolume = Message<FillOrder, StoredThing>(topic: "volume-node", name: "make the volume")
    package static let ensureSnapshot = Message<CopyOrder, StoredThing>(topic: "volume-node", name: "make the snapshot")
    package static let ensureBackup = Message<CopyOrder, StoredThing>(topic: "volume-node", name: "make the backup")
    package static let remove = Message<StoredName, Nothing>(topic: "volume-node", name: "remove what is stored")
    package static let extend = Message<ExtendOrder, StoredThing>(topic: "volume-node", name: "extend the volume")
    package static let overwrite = Message<FillOrder, StoredThing>(
        topic: "volume-node", name: "fill the volume anew")
    package static let describe = Message<StoredName, StoredThing>(
        topic: "volume-node", name: "describe what is stored")
    package static let list = Message<Nothing, StoredThings>(topic: "volume-node", name: "list what is stored")
    package static let read = Message<ReadOrder, StoredPiece>(topic: "volume-node", name: "read what is stored")
    package static let adopt = Message<AdoptOrder, StoredThing>(topic: "volume-node", name: "take a file over")
    package static let upload = Message<UploadOrder, Nothing>(topic: "volume-node", name: "upload the volume")
    package static let connect = Message<ConnectOrder, JSON>(topic: "volume-node", name: "connect the volume")
    package static let disconnect = Message<ConnectOrder, Nothing>(topic: "volume-node", name: "disconnect the volume")
    package static let capacity = Message<Nothing, VolumeNodeReport>(topic: "volume-node", name: "ask for the capacity")
}

/// Something that a node stores, by its kind and id: chosen before it is made.
package struct StoredName: JSONCoded, Hashable {
    package enum Kind: String, Sendable { case volume, snapshot, backup }

    package let kind: Kind
    package let id: String

    package init(_ kind: Kind, _ id: String) {
        self.kind = kind
        self.id = id
    }

    package init(_ json: JSON) throws(Failure) {
        guard let kind = Kind(rawValue: try json.text("kind")) else {
            throw .bug("An unknown kind of thing is stored.")
        }
        self.init(kind, try json.text("id"))
    }

    package var json: JSON { ["kind": .string(kind.rawValue), "id": .string(id)] }

    /// `volume-6a1f…`: what it is called wherever it lies.
    package var text: String { "\(kind.rawValue)-\(id)" }
}

/// What a volume is to hold in the beginning.
package enum VolumeSource: JSONCoded {
    case nothing
    case stored(StoredName)
    /// What another backend, `node@backend`, has stored.
    case elsewhere(StoredName, at: String)
    /// Fetched from the image service in the name of a user.
    case image(id: String, user: String, project: String)

    package init(_ json: JSON) throws(Failure) {
        if let stored = json["stored"] {
            let name = try StoredName(stored)
            if let place = json["at"]?.string { self = .elsewhere(name, at: place) } else { self = .stored(name) }
        } else if let image = json["image"]?.string {
            self = .image(id: image, user: try json.text("user"), project: try json.text("project"))
        } else {
            self = .nothing
        }
    }

    package var json: JSON {
        switch self {
        case .nothing: [:]
        case .stored(let name): ["stored": name.json]
        case .elsewhere(let name, let place): ["stored": name.json, "at": .string(place)]
        case .image(let id, let user, let project):
            ["image": .string(id), "user": .string(user), "project": .string(project)]
        }
    }
}

package struct FillOrder: JSONCoded {
    package let volume: String
    package let sizeGB: Int
    package let source: VolumeSource

    package init(volume: String, sizeGB: Int, source: VolumeSource) {
        self.volume = volume
        self.sizeGB = sizeGB
        self.source = source
    }

    package init(_ json: JSON) throws(Failure) {
        volume = try json.text("volume")
        sizeGB = try json.number("size")
        source = try VolumeSource(try json.member("source"))
    }

    package var json: JSON { ["volume": .string(volume), "size": JSON(sizeGB), "source": source.json] }
}

/// One stored thing from another: a snapshot of a volume, a backup of either.
package struct CopyOrder: JSONCoded {
    package let target: StoredName
    package let source: StoredName
    /// What an incremental backup builds upon.
    package let parent: StoredName?

    package init(target: StoredName, source: StoredName, parent: StoredName? = nil) {
        self.target = target
        self.source = source
        self.parent = parent
    }

    package init(_ json: JSON) throws(Failure) {
        target = try StoredName(try json.member("target"))
        source = try StoredName(try json.member("source"))
        let parent = json["parent"] ?? .null
        self.parent = parent.isNull ? nil : try StoredName(parent)
    }

    package var json: JSON { ["target": target.json, "source": source.json, "parent": parent?.json ?? .null] }
}

package struct ExtendOrder: JSONCoded {
    package let volume: String
    package let sizeGB: Int

    package init(volume: String, sizeGB: Int) {
        self.volume = volume
        self.sizeGB = sizeGB
    }

    package init(_ json: JSON) throws(Failure) {
        volume = try json.text("volume")
        sizeGB = try json.number("size")
    }

    package var json: JSON { ["volume": .string(volume), "size": JSON(sizeGB)] }
}

/// A part of what is stored, as plain bytes.
package struct ReadOrder: JSONCoded {
    package let name: StoredName
    package let start: Int
    package let length: Int

    package init(name: StoredName, start: Int, length: Int) {
        self.name = name
        self.start = start
        self.length = length
    }

    package init(_ json: JSON) throws(Failure) {
        name = try StoredName(try json.member("name"))
        start = try json.number("start")
        length = try json.number("length")
    }

    package var json: JSON { ["name": name.json, "start": JSON(start), "length": JSON(length)] }
}

/// Bytes on their way from one backend to another; where there is nothing but zeroes only how many. None at all: that
/// was the end.
package struct StoredPiece: JSONCoded {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package init(_ json: JSON) throws(Failure) {
        if let zeroes = json["zeroes"]?.integer {
            bytes = [UInt8](repeating: 0, count: Int(zeroes))
        } else {
            guard let bytes = Base64.standard.bytes(try json.text("bytes")) else {
                throw .bug("What another backend sent is not in base 64.")
            }
            self.bytes = bytes
        }
    }

    package var json: JSON {
        bytes.allSatisfy { $0 == 0 } ? ["zeroes": JSON(bytes.count)] : ["bytes": .string(Base64.standard.text(bytes))]
    }
}

/// A file of the node's that is to become a volume of the cloud's.
package struct AdoptOrder: JSONCoded {
    package let name: StoredName
    package let reference: String

    package init(name: StoredName, reference: String) {
        self.name = name
        self.reference = reference
    }

    package init(_ json: JSON) throws(Failure) {
        name = try StoredName(try json.member("name"))
        reference = try json.text("reference")
    }

    package var json: JSON { ["name": name.json, "reference": .string(reference)] }
}

package struct UploadOrder: JSONCoded {
    package let volume: String
    package let image: String
    package let format: String
    package let user: String
    package let project: String

    package init(volume: String, image: String, format: String, user: String, project: String) {
        self.volume = volume
        self.image = image
        self.format = format
        self.user = user
        self.project = project
    }

    package init(_ json: JSON) throws(Failure) {
        volume = try json.text("volume")
        image = try json.text("image")
        format = try json.text("format")
        user = try json.text("user")
        project = try json.text("project")
    }

    package var json: JSON {
        [
            "volume": .string(volume), "image": .string(image), "format": .string(format), "user": .string(user),
            "project": .string(project),
        ]
    }
}

/// Who is to reach a volume, and how.
package struct ConnectOrder: JSONCoded {
    package let volume: String
    /// The host on which it is used.
    package let host: String
    package let isReadOnly: Bool

    package init(volume: String, host: String, isReadOnly: Bool) {
        self.volume = volume
        self.host = host
        self.isReadOnly = isReadOnly
    }

    package init(_ json: JSON) throws(Failure) {
        volume = try json.text("volume")
        host = try json.text("host")
        isReadOnly = try json.flag("read_only")
    }

    package var json: JSON {
        ["volume": .string(volume), "host": .string(host), "read_only": .bool(isReadOnly)]
    }
}

/// What a node knows of something that it stores.
package struct StoredThing: JSONCoded, Hashable {
    package let name: String
    package let isThere: Bool
    package let bytes: Int64

    package init(name: String, isThere: Bool, bytes: Int64) {
        self.name = name
        self.isThere = isThere
        self.bytes = bytes
    }

    package init(_ json: JSON) throws(Failure) {
        name = try json.text("name")
        isThere = try json.flag("is_there")
        bytes = Int64(try json.number("bytes"))
    }

    package var json: JSON { ["name": .string(name), "is_there": .bool(isThere), "bytes": .integer(bytes)] }

    /// Whole gigabytes that hold it.
    package var sizeGB: Int { Int((bytes + (1 << 30) - 1) >> 30) }
}

package struct StoredThings: JSONCoded {
    package let things: [StoredThing]

    package init(_ things: [StoredThing]) { self.things = things }
    package init(_ json: JSON) throws(Failure) { things = try json.list("things", of: StoredThing.init) }
    package var json: JSON { ["things": JSON(list: things)] }
}

/// A node's sign of life: what it has to give.
package struct VolumeNodeReport: JSONCoded {
    package let host: String
    /// `file`, `simulated`: its backend, and the name of its one pool.
    package let backend: String
    package let totalGB: Int
    package let freeGB: Int
    /// What the scheduler compares volume types' extra specs with.
    package let capabilities: JSON

    package init(host: String, backend: String, totalGB: Int, freeGB: Int, capabilities: JSON) {
        self.host = host
        self.backend = backend
        self.totalGB = totalGB
        self.freeGB = freeGB
        self.capabilities = capabilities
    }

    package init(_ json: JSON) throws(Failure) {
        self.init(
            host: try json.text("host"), backend: try json.text("backend"), totalGB: try json.number("total"),
            freeGB: try json.number("free"), capabilities: try json.member("capabilities"))
    }

    package var json: JSON {
        [
            "host": .string(host), "backend": .string(backend), "total": JSON(totalGB), "free": JSON(freeGB),
            "capabilities": capabilities,
        ]
    }
}
