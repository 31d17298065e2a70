package import Glibc

/// Small files, read and written whole. Larger ones are streamed by whoever has to do with them.
package enum Files {
    package static func read(_ path: String) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("read", path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            guard count >= 0 else { throw failure("read", path) }
            if count == 0 { return bytes }
            bytes += piece[..<count]
        }
    }

    /// Puts a file in place as a whole: whoever reads it sees the old one or the new one, also after a power failure.
    package static func write(_ text: String, to path: String, mode: mode_t = 0o600) throws(Failure) {
        let fresh = path + ".new"
        unlink(fresh)
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure("write", fresh) }
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw failure("write", fresh) }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0, rename(fresh, path) == 0 else { throw failure("write", path) }
        try syncFolder(of: path)
    }

    /// A folder and everything in it.
    package static func removeFolder(_ path: String) throws(Failure) {
        guard let folder = opendir(path) else {
            if errno == ENOENT { return }
            throw failure("remove", path)
        }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = name(of: entry)
            if name == "." || name == ".." { continue }
            if entry.pointee.d_type == UInt8(DT_DIR) {
                try removeFolder(path + "/" + name)
            } else {
                guard unlink(path + "/" + name) == 0 else { throw failure("remove", path + "/" + name) }
            }
        }
        guard rmdir(path) == 0 else { throw failure("remove", path) }
    }

    /// What is in a folder, in no order; nil when there is none.
    package static func names(in path: String) throws(Failure) -> [String]? {
        guard let folder = opendir(path) else {
            if errno == ENOENT { return nil }
            throw failure("read", path)
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = name(of: entry)
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func name(of entry: UnsafeMutablePointer<dirent>) -> String {
        withUnsafePointer(to: &entry.pointee.d_name) { name in
            name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// A name in a folder is durable when the folder is.
    private static func syncFolder(of path: String) throws(Failure) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("write", folder) }
    }

    private static func failure(_ verb: String, _ path: String) -> Failure {
        let reason = String(cString: strerror(errno))
        return Failure(errno == ENOENT ? .notFound : .unavailable, "Cannot \(verb) \(path): \(reason).")
    }
}
