import Base
import Glibc
import Synchronization

/// A file that is written from its beginning to its end, with holes where there would be nothing but zeroes.
final class SparseFile: Sendable {
    /// Smaller runs of zeroes aren't worth a hole: file systems have blocks of this size.
    private static let block = 4_096

    private let path: String
    private let descriptor: Int32
    private let length = Mutex<Int64>(0)

    init(_ path: String) throws(Failure) {
        self.path = path
        try LocalFiles.remove(path)
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LocalFiles.failure("write", path) }
    }

    deinit { close(descriptor) }

    func append(_ bytes: [UInt8]) throws(Failure) {
        let start = length.withLock { length in
            defer { length += Int64(bytes.count) }
            return length
        }
        var place = 0
        while place < bytes.count {
            let end = min(place + SparseFile.block, bytes.count)
            if !bytes[place..<end].allSatisfy({ $0 == 0 }) { try write(bytes[place..<end], at: start + Int64(place)) }
            place = end
        }
    }

    private func write(_ bytes: ArraySlice<UInt8>, at place: Int64) throws(Failure) {
        var done = 0
        while done < bytes.count {
            let count = bytes.dropFirst(done).withUnsafeBytes {
                pwrite(descriptor, $0.baseAddress, $0.count, off_t(place) + off_t(done))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw LocalFiles.failure("write", path) }
            done += count
        }
    }

    /// Holes at the end count too.
    func finish() throws(Failure) {
        guard ftruncate(descriptor, off_t(length.withLock { $0 })) == 0 else {
            throw LocalFiles.failure("write", path)
        }
    }
}
