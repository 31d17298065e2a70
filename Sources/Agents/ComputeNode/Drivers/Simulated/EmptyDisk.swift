import Base
import Glibc

/// An image of a disk on which nothing was ever written: valid, and next to nothing on disk.
enum EmptyDisk {
    static func write(to path: String, format: DiskFormat, bytes: Int64) throws(Failure) {
        switch format {
        case .raw: try write(to: path, length: bytes, pieces: [])
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
        try write(to: path, length: 4 * cluster, pieces: [(0, header), (cluster, counts), (2 * cluster, block)])
    }

    private static func write(to path: String, length: Int64, pieces: [(Int64, [UInt8])]) throws(Failure) {
        unlink(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw unwritable(path) }
        defer { close(descriptor) }
        guard ftruncate(descriptor, off_t(length)) == 0 else { throw unwritable(path) }
        for (place, bytes) in pieces {
            guard pwrite(descriptor, bytes, bytes.count, off_t(place)) == bytes.count else { throw unwritable(path) }
        }
    }

    private static func unwritable(_ path: String) -> Failure {
        .unavailable("Cannot write \(path): \(String(cString: strerror(errno))).")
    }
}
