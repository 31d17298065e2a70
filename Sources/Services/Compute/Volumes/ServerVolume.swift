import Base
import Contracts

/// A volume that a server has or is to have.
struct ServerVolume: JSONCoded, Hashable {
    /// Where a volume comes from that is made for the server.
    enum Source: String, Sendable { case volume, image, snapshot, blank }

    let id: String
    var source: Source
    var sourceID: String?
    /// nil until it has been made.
    var volume: String?
    /// The block storage service's word for the bond between the two.
    var attachment: String?
    var device: String?
    var tag: String?
    var isDeletedWithServer: Bool
    /// The server starts from it.
    var isRoot: Bool
    /// GB, of a volume that is to be made.
    var size: Int?
    var type: String?

    init(
        id: String, source: Source, sourceID: String? = nil, volume: String? = nil, attachment: String? = nil,
        device: String? = nil, tag: String? = nil, isDeletedWithServer: Bool = false, isRoot: Bool = false,
        size: Int? = nil, type: String? = nil
    ) {
        self.id = id
        self.source = source
        self.sourceID = sourceID
        self.volume = volume
        self.attachment = attachment
        self.device = device
        self.tag = tag
        self.isDeletedWithServer = isDeletedWithServer
        self.isRoot = isRoot
        self.size = size
        self.type = type
    }

    init(_ json: JSON) throws(Failure) {
        id = try json.text("id")
        source = Source(rawValue: try json.text("source")) ?? .volume
        sourceID = json["source_id"]?.string
        volume = json["volume"]?.string
        attachment = json["attachment"]?.string
        device = json["device"]?.string
        tag = json["tag"]?.string
        isDeletedWithServer = try json.flag("deleted_with_server")
        isRoot = try json.flag("root")
        size = json["size"]?.integer.map { Int($0) }
        type = json["type"]?.string
    }

    var json: JSON {
        [
            "id": .string(id), "source": .string(source.rawValue), "source_id": JSON(sourceID), "volume": JSON(volume),
            "attachment": JSON(attachment), "device": JSON(device), "tag": JSON(tag),
            "deleted_with_server": .bool(isDeletedWithServer), "root": .bool(isRoot), "size": JSON(size),
            "type": JSON(type),
        ]
    }

    /// For the node, once there is something to connect to.
    var told: VolumeConnection? {
        guard let volume, let attachment else { return nil }
        return VolumeConnection(volume: volume, attachment: attachment, isRoot: isRoot, tag: tag, device: device)
    }
}

extension Server {
    var isVolumeBacked: Bool { volumes.contains { $0.isRoot } }

    /// The next name under which a guest finds a disk.
    func freeDevice() -> String {
        var taken = Set(volumes.compactMap(\.device))
        if !isVolumeBacked { taken.insert("/dev/vda") }
        var count = isVolumeBacked ? 0 : 1
        count += flavor.ephemeral > 0 ? 1 : 0
        count += flavor.swap > 0 ? 1 : 0
        while count < 26 * 27 {
            let name = Server.device(count)
            if !taken.contains(name) { return name }
            count += 1
        }
        return Server.device(count)
    }

    /// `/dev/vda`, `/dev/vdb` … `/dev/vdaa`.
    static func device(_ index: Int) -> String {
        let letter = { (index: Int) in String(UnicodeScalar(UInt8(97 + index))) }
        return "/dev/vd" + (index < 26 ? letter(index) : letter(index / 26 - 1) + letter(index % 26))
    }
}
