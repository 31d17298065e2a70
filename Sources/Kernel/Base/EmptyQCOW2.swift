/// An image of a disk on which nothing was ever written, as simulated hosts have them: valid, and next to nothing on disk.
///
/// Four clusters: header, table of reference counts, one block of those, and a first level that leads nowhere. What isn't
/// among the pieces is zero.
package struct EmptyQCOW2: Sendable {
    package let length: Int64 = 4 * cluster
    package let pieces: [(place: Int64, bytes: [UInt8])]

    private static let cluster: Int64 = 64 * 1_024

    /// - Parameter size: the disk's, in bytes.
    package init(size: Int64) throws(Failure) {
        let cluster = EmptyQCOW2.cluster
        let bytesPerEntry: Int64 = cluster / 8 * cluster
        let entries = (size + bytesPerEntry - 1) / bytesPerEntry
        guard entries * 8 <= cluster else { throw .invalid("A simulated disk has at most 4 TB.") }
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
        let counts: [UInt8] = [0, 0, 0, 0, 0, 2, 0, 0]
        let block: [UInt8] = [0, 1, 0, 1, 0, 1, 0, 1]
        pieces = [(0, header), (cluster, counts), (2 * cluster, block)]
    }

    /// The whole of it.
    package var bytes: [UInt8] {
        var image = [UInt8](repeating: 0, count: Int(length))
        for (place, bytes) in pieces { image.replaceSubrange(Int(place)..<Int(place) + bytes.count, with: bytes) }
        return image
    }
}
