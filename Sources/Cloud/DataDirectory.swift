package import Base
import Glibc

/// The folder in which a cloud on one machine keeps everything, and the lock that lets one process at a time have it.
package struct DataDirectory: Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    /// For root a system folder, for others one in their home.
    package static var usual: DataDirectory {
        if geteuid() == 0 { return DataDirectory("/var/lib/martlet") }
        let home = getenv("HOME").map { String(cString: $0) } ?? "."
        return DataDirectory(home + "/.local/share/martlet")
    }

    package var database: String { path + "/martlet.db" }
    private var keys: String { path + "/keys" }
    package var tokenKeys: String { keys + "/tokens" }
    package var credentialKeys: String { keys + "/credentials" }
    package var images: String { path + "/images" }
    package var volumes: String { path + "/volumes" }
    package var imageCache: String { path + "/cache" }
    package var imageCopies: String { path + "/image-copies" }
    package var networks: String { path + "/networks" }
    package var servers: String { path + "/servers" }
    package var libvirt: String { path + "/libvirt" }
    package var policies: String { path + "/policy" }
    private var lock: String { path + "/lock" }

    /// Who has the folder just now; nil when nobody does.
    package var holder: String? {
        let descriptor = open(lock, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) != 0 else { return nil }
        return (try? Files.read(lock)).map { String(decoding: $0, as: UTF8.self) } ?? "another process"
    }

    /// The folders in it that nobody else makes.
    package func make() throws(Failure) {
        for folder in [keys, imageCache, servers] { try DataDirectory.make(folder) }
    }

    /// Holds the folder until the process ends, however it ends.
    package func take() throws(Failure) {
        try make()
        let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .unavailable("Cannot write in \(path): \(String(cString: strerror(errno))).")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let holder = (try? Files.read(lock)).map { String(decoding: $0, as: UTF8.self) } ?? "another process"
            throw .conflict("\(path) is in use by \(holder). Stop it first, or choose another folder with --data.")
        }
        let line = Array("process \(getpid())".utf8)
        guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, line, line.count, 0) == line.count else {
            throw .unavailable("Cannot write in \(path): \(String(cString: strerror(errno))).")
        }
        // The descriptor stays open on purpose: the kernel lets go of the lock when the process is gone.
    }

    /// Makes a folder with all that is above it, for its owner only.
    package static func make(_ path: String) throws(Failure) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            guard mkdir(made, 0o700) == 0 || errno == EEXIST else {
                throw .unavailable("Cannot make the folder \(made): \(String(cString: strerror(errno))).")
            }
        }
    }
}
