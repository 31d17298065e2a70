import Base

/// Images of a disk on which nothing was ever written, as short as their format allows.
enum EmptyImage {
    static func bytes(format: String, size: Int64) throws(Failure) -> [UInt8] {
        switch format {
        case "qcow2": return try EmptyQCOW2(size: size).bytes
        case "raw": return [UInt8](repeating: 0, count: 1 << 20)
        default: throw .invalid("A simulated volume can be uploaded as raw or qcow2, not as \(format).")
        }
    }
}
