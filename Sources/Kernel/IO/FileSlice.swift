package import Base
import Glibc

/// A part of an open file, which it keeps open: a file may be unlinked or replaced while it is still being sent.
package final class FileSlice: Sendable {
    package let descriptor: Int32
    package let offset: Int
    package let length: Int

    /// Takes the descriptor over and closes it in the end.
    package init(owning descriptor: Int32, offset: Int, length: Int) {
        self.descriptor = descriptor
        self.offset = offset
        self.length = length
    }

    /// The file, or a part of it; what lies beyond its end is cut off.
    package convenience init(path: String, range: Range<Int>? = nil) throws(Failure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw errno == ENOENT ? .notFound("file", path) : FileSlice.unreadable(path)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(descriptor)
            throw FileSlice.unreadable(path)
        }
        let whole = 0..<Int(status.st_size)
        let part = (range ?? whole).clamped(to: whole)
        self.init(owning: descriptor, offset: part.lowerBound, length: part.count)
    }

    deinit { Glibc.close(descriptor) }

    /// All of it, or a piece counted from its beginning. May wait for the disk.
    package func read(_ piece: Range<Int>? = nil) throws(Failure) -> [UInt8] {
        let piece = piece ?? 0..<length
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: piece.count) { buffer, filled in
            while filled < piece.count {
                let place = off_t(offset + piece.lowerBound + filled)
                let count = pread(descriptor, buffer.baseAddress.map { $0 + filled }, piece.count - filled, place)
                if count > 0 {
                    filled += count
                } else if count == 0 || errno != EINTR {
                    code = count == 0 ? ENODATA : errno
                    return
                }
            }
        }
        guard code == 0 else { throw .unavailable("Cannot read the file: \(String(cString: strerror(code))).") }
        return bytes
    }

    private static func unreadable(_ path: String) -> Failure { .unavailable("Cannot read the file \(path).") }
}
