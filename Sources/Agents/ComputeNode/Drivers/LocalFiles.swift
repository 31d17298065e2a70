import Base
import Glibc

/// What is done with files and folders on a node besides reading and writing small ones.
enum LocalFiles {
    /// Nothing in a folder that isn't there.
    static func names(in path: String) throws(Failure) -> [String] {
        try Files.names(in: path) ?? []
    }

    static func make(_ path: String) throws(Failure) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("make", path) }
    }

    /// A file that isn't there is removed already.
    static func remove(_ path: String) throws(Failure) {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
    }

    /// With everything in it, if it is a folder. Links are not followed.
    static func removeAll(_ path: String) throws(Failure) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return try remove(path) }
        for name in try names(in: path) { try removeAll(path + "/" + name) }
        guard rmdir(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
    }

    static func move(_ path: String, to place: String) throws(Failure) {
        guard rename(path, place) == 0 else { throw failure("move", path) }
    }

    /// A port on which nobody listens just now.
    static func freePort() throws(Failure) -> Int {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { throw .unavailable("There is no socket to be had.") }
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let found = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        guard found else { throw .unavailable("There is no port to be had.") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    static func failure(_ verb: String, _ path: String) -> Failure {
        .unavailable("Cannot \(verb) \(path): \(String(cString: strerror(errno))).")
    }

    /// A file that isn't there yet: so long, and nothing but zeroes except for the pieces.
    static func create(
        _ path: String, length: Int64 = 0, pieces: [(place: Int64, bytes: [UInt8])] = []
    ) throws(Failure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("write", path) }
        defer { close(descriptor) }
        guard ftruncate(descriptor, off_t(length)) == 0 else { throw failure("write", path) }
        for (place, bytes) in pieces {
            guard pwrite(descriptor, bytes, bytes.count, off_t(place)) == bytes.count else {
                throw failure("write", path)
            }
        }
    }
}
