import Base
import Glibc

/// Folders, as a store of files needs them. Every call may wait for a disk.
enum Folders {
    static func make(_ path: String) throws(Failure) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("make the folder", path) }
    }

    struct Entry {
        let name: String
        let inode: UInt
    }

    static func entries(of path: String) throws(Failure) -> [Entry] {
        guard let folder = opendir(path) else { throw failure("read the folder", path) }
        defer { closedir(folder) }
        var entries: [Entry] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { entries.append(Entry(name: name, inode: entry.pointee.d_ino)) }
        }
        return entries
    }

    /// A name in a folder is durable when the folder is.
    static func sync(_ path: String) throws(Failure) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open the folder", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("write the folder", path) }
    }

    static func failure(_ verb: String, _ path: String) -> Failure {
        let code = errno
        let message = "Cannot \(verb) \(path): \(String(cString: strerror(code)))."
        return code == ENOSPC || code == EDQUOT
            ? Failure(.tooLarge, "Image storage media is full.", cause: Failure.unavailable(message))
            : .unavailable("The image store does not take part just now.", cause: Failure.unavailable(message))
    }
}
