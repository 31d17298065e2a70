import Base

/// An image of a disk on which nothing was ever written: valid, and next to nothing on disk.
enum EmptyDisk {
    static func write(to path: String, format: DiskFormat, bytes: Int64) throws(Failure) {
        try LocalFiles.remove(path)
        switch format {
        case .raw: try LocalFiles.create(path, length: bytes)
        case .qcow2:
            let empty = try EmptyQCOW2(size: bytes)
            try LocalFiles.create(path, length: empty.length, pieces: empty.pieces)
        case .vmdk, .vdi, .vhdx, .vhd: throw .invalid("A simulated node writes no \(format.rawValue) images.")
        }
    }
}
