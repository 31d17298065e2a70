import Base

/// An image of a disk on which nothing was ever written: valid, and next to nothing on disk.
enum EmptyDisk {
    static func write(to path: String, format: DiskFormat, bytes: Int64) throws(Failure) {
        try LocalFiles.remove(path)
        switch format {
        case .raw: try LocalFiles.create(path, length: bytes)
        case .qcow2: try writeQCOW2(to: path, bytes: bytes)
        case .vmdk, .vdi, .vhdx, .vhd: throw .invalid("A simulated node writes no \(format.rawValue) images.")
        }
    }

    /// Four clusters: header, table of reference counts, one block of those, and a first level that leads nowhere.
    private static func writeQCOW2(to path: String, bytes: Int64) throws(Failure) {
        let cluster: Int64 = 64 * 1_024
        let bytesPerEntry: Int64 = cluster / 8 * cluster
        let entries = (bytes + bytesPerEntry - 1) / bytesPerEntry
        guard entries * 8 <= cluster else { throw .invalid("A simulated disk has at most 4 TB.") }
        var header: [UInt8] = Array("QFI".utf8) + [0xFB]
        func put(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value.bigEndian) { header += $0 } }
        put(UInt32(2))  // version
        put(UInt64(0))  // no backing file
        put(UInt32(0))
        put(UInt32(16))  // bits of a cluster
        put(UInt64(bytes))
        put(UInt32(0))  // not encrypted
        put(UInt32(entries))
        put(UInt64(3 * cluster))
        put(UInt64(cluster))
        put(UInt32(1))
        put(UInt32(0))  // no snapshots
        put(UInt64(0))
        let counts: [UInt8] = [0, 0, 0, 0, 0, 2, 0, 0]
        let block: [UInt8] = [0, 1, 0, 1, 0, 1, 0, 1]
        try LocalFiles.create(
            path, length: 4 * cluster, pieces: [(0, header), (cluster, counts), (2 * cluster, block)])
    }
}
