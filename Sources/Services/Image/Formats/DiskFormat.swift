import Base

/// What data turns out to be when one looks inside.
struct DiskFormat: Sendable {
    /// The name that images have for it.
    let name: String
    /// How large the disk is that it describes; nil where it does not say.
    var virtualSize: Int?
    /// Why nobody should open it: it would make its reader touch other files, or is not what it seems.
    var danger: String?

    /// The formats that can be told apart by their contents.
    static let recognizable: Set<String> = [
        "raw", "qcow2", "qed", "vhd", "vhdx", "vmdk", "vdi", "iso", "gpt", "luks",
    ]

    /// All formats whose signs the data bears.
    static func found(in bytes: any Bytes) throws(Failure) -> [DiskFormat] {
        let found = [
            try qcow2(bytes), try qed(bytes), try vhd(bytes), try vhdx(bytes), try vmdk(bytes), try vdi(bytes),
            try iso(bytes), try luks(bytes), try partitioned(bytes),
        ]
        return found.compactMap { $0 }
    }
}

extension DiskFormat {
    /// Looks at an upload that says it is a `format`, and says how large a disk it makes. Refuses what is something else
    /// or is dangerous.
    static func admit(
        _ bytes: any Bytes, as format: String, mustMatch: Bool
    ) throws(Failure) -> Int? {
        let actual = try settle(found(in: bytes), size: bytes.count)
        let isOpaque = actual.name == "raw" && !recognizable.contains(format)
        guard actual.name == format || isOpaque || format == "raw" || !mustMatch else {
            throw refusal("Image disk_format \(format) does not match stream data \(actual.name)")
        }
        if let danger = actual.danger, !(actual.name == "gpt" && (format == "aki" || format == "ari")) {
            throw refusal("Image failed safety checks: \(danger)")
        }
        if actual.name == format { return actual.virtualSize }
        return format == "raw" ? bytes.count : nil
    }

    /// One format out of those whose signs are there. A bootable disc may also have a partition table; other mixtures
    /// are made to be read as one thing here and as another there.
    private static func settle(_ found: [DiskFormat], size: Int) throws(Failure) -> DiskFormat {
        guard let first = found.first else { return DiskFormat(name: "raw", virtualSize: size) }
        guard found.count > 1 else { return first }
        if found.count == 2, found[0].name == "iso", found[1].name == "gpt" { return found[0] }
        throw refusal("Multiple formats detected: \(found.map(\.name).joined(separator: ", "))")
    }

    private static func refusal(_ message: String) -> Failure { Failure(.unsupportedMediaType, message) }
}

/// Numbers as disk formats write them. What lies beyond the end reads as zero.
extension [UInt8] {
    func big(_ place: Int, _ width: Int) -> UInt64 {
        (place..<(place + width)).reduce(0) { $0 << 8 | UInt64($1 < count ? self[$1] : 0) }
    }

    func little(_ place: Int, _ width: Int) -> UInt64 {
        (place..<(place + width)).reversed().reduce(0) { $0 << 8 | UInt64($1 < count ? self[$1] : 0) }
    }

    func has(_ sign: String, at place: Int = 0) -> Bool {
        count >= place + sign.utf8.count && self[place..<(place + sign.utf8.count)].elementsEqual(sign.utf8)
    }
}

extension Bytes {
    /// The first sector, where most formats have their signs.
    func head() throws(Failure) -> [UInt8] { try read(0..<512) }
}
