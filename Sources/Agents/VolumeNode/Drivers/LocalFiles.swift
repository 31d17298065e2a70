import Base
import CSystem
import Contracts
import Glibc

/// What is done with files and folders on a node.
enum LocalFiles {
    static func makeFolder(_ path: String) throws(Failure) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            guard mkdir(made, 0o700) == 0 || errno == EEXIST else { throw failure("make", made) }
        }
    }

    static func names(in path: String) throws(Failure) -> [String] {
        guard let folder = opendir(path) else { throw failure("read", path) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// A name within the folder, and nothing that leads out of it.
    static func plain(_ name: String) throws(Failure) -> String {
        guard !name.isEmpty, !name.hasPrefix("."), !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0) else {
            throw .invalid("'\(name)' is not the name of a file in the backend's folder.")
        }
        return name
    }

    /// A file that isn't there is removed already.
    static func remove(_ path: String) throws(Failure) {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
    }

    /// Puts a file that is complete under its name, so that both survive a power failure.
    static func settle(_ part: String, as path: String) throws(Failure) {
        let descriptor = open(part, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", part) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0, rename(part, path) == 0 else { throw failure("keep", path) }
        try syncFolder(of: path)
    }

    static func syncFolder(of path: String) throws(Failure) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("write", folder) }
    }

    /// The length of a file; nil if there is none.
    static func length(_ path: String) -> Int64? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(status.st_size)
    }

    /// A fresh file of a length, all zeroes and none of them stored.
    static func create(_ path: String, length: Int64) throws(Failure) {
        try remove(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("write", path) }
        defer { close(descriptor) }
        guard ftruncate(descriptor, off_t(length)) == 0 else { throw failure("write", path) }
    }

    /// Lets a file end later. It is never cut.
    static func grow(_ path: String, to length: Int64) throws(Failure) {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        guard lseek(descriptor, 0, SEEK_END) < off_t(length) else { return }
        guard ftruncate(descriptor, off_t(length)) == 0, fsync(descriptor) == 0 else { throw failure("extend", path) }
    }

    static func failure(_ verb: String, _ path: String) -> Failure {
        .unavailable("Cannot \(verb) \(path): \(String(cString: strerror(errno))).")
    }
}

// MARK: Copies

extension LocalFiles {
    /// Where a file has data and where it has holes, in the numbers that lseek takes.
    private static let nextData: Int32 = 3
    private static let nextHole: Int32 = 4

    /// A copy of a file: shared with it until either is written to, where the file system can do that; else its data is
    /// copied and its holes stay holes.
    static func copy(_ source: String, to path: String) throws(Failure) {
        try remove(path)
        let from = open(source, O_RDONLY | O_CLOEXEC)
        guard from >= 0 else { throw failure("open", source) }
        defer { close(from) }
        let to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard to >= 0 else { throw failure("write", path) }
        defer { close(to) }
        if system_clone_file(to, from) == 0 { return }
        let length = lseek(from, 0, SEEK_END)
        guard length >= 0, ftruncate(to, length) == 0 else { throw failure("write", path) }
        var place: off_t = 0
        while place < length {
            let start = lseek(from, place, nextData)
            // No data behind this place: the rest is a hole.
            if start < 0, errno == ENXIO { return }
            let end = start < 0 ? -1 : lseek(from, start, nextHole)
            guard end > start else { throw failure("read", source) }
            try copyData(from, to, start..<end, path)
            place = end
        }
    }

    private static func copyData(_ from: Int32, _ to: Int32, _ range: Range<off_t>, _ path: String) throws(Failure) {
        var place = range.lowerBound
        while place < range.upperBound {
            let count = system_copy_range(from, to, place, Int(range.upperBound - place))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("write", path) }
            place += off_t(count)
        }
    }
}

extension Failure {
    static func notStored(_ name: StoredName) -> Failure {
        Failure(.notFound, "There is no \(name.text) on this node.")
    }

    static func noFile(_ reference: String) -> Failure {
        .invalid("There is no file '\(reference)' in the backend's folder.")
    }

    static func tooSmall(_ bytes: Int64, for least: Int64) -> Failure {
        .invalid("A volume of \(bytes) bytes is too small for the \(least) bytes that it is to hold.")
    }
}
