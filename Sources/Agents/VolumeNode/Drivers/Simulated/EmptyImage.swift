import Base

/// Images of a disk on which nothing was ever written, as short as their format allows.
enum EmptyImage {
    static func bytes(format: String, size: Int64) throws(Failure) -> [UInt8] {
        switch format {
        case "qcow2": return try qcow2(size)
        case "raw": return [UInt8](repeating: 0, count: 1 << 20)
        default: throw .invalid("A simulated volume can be uploaded as raw or qcow2, not as \(format).")
        }
    }

    /// Four clusters: header, table of reference counts, one block of those, and a first level that leads nowhere.
    private static func qcow2(_ size: Int64) throws(Failure) -> [UInt8] {
        let cluster = 64 * 1_024
        let bytesPerEntry = Int64(cluster / 8 * cluster)
        let entries = (size + bytesPerEntry - 1) / bytesPerEntry
        guard entries * 8 <= Int64(cluster) else { throw .invalid("A simulated image has at most 4 TB.") }
        var header: [UInt8] = Array("QFI".utf8) + [0xFB]
        func put(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value.bigEndian) { header += $0 } }
        put(UInt32(2))  // version
        put(UInt64(0))  // no backing file
        put(UInt32(0))
        put(UInt32(16))  // bits of a cluster
        put(UInt64(size))
        put(UInt32(0))  // not encrypted
        put(UInt32(entries))
        put(UInt64(3 * cluster))
        put(UInt64(cluster))
        put(UInt32(1))
        put(UInt32(0))  // no snapshots
        put(UInt64(0))
        var image = [UInt8](repeating: 0, count: 4 * cluster)
        image.replaceSubrange(0..<header.count, with: header)
        image.replaceSubrange(cluster..<cluster + 8, with: [0, 0, 0, 0, 0, 2, 0, 0])
        image.replaceSubrange(2 * cluster..<2 * cluster + 8, with: [0, 1, 0, 1, 0, 1, 0, 1])
        return image
    }
}
