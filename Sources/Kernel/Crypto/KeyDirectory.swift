import Base
import Glibc

/// A directory of small secret files: its owner's alone, written whole or not at all, held by one process at a time.
struct KeyDirectory: ~Copyable {
    /// A key has 44 bytes; what is larger than this is something else.
    private static let greatestLength = 1_024

    private let path: String
    private let descriptor: Int32

    /// Makes it unless it is there. Its parent must be.
    static func make(_ path: String) throws(Failure) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("make", path) }
    }

    /// Waits until nobody else holds it, and holds it until it goes out of scope.
    init(_ path: String) throws(Failure) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("open", path) }
        guard flock(descriptor, LOCK_EX) == 0 else { throw Self.failure("lock", path) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The names that are numbers, of files that hold something.
    func numbers() throws(Failure) -> [Int] {
        guard let listing = opendir(path) else { throw Self.failure("list", path) }
        defer { closedir(listing) }
        var numbers: [Int] = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let number = Int(name), number >= 0, String(number) == name else { continue }
            var status = stat()
            guard fstatat(descriptor, name, &status, 0) == 0 else { throw Self.failure("look at", "\(path)/\(name)") }
            if status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 { numbers.append(number) }
        }
        return numbers
    }

    /// What is in a file, without the line's end that an editor leaves.
    func read(_ name: String) throws(Failure) -> String {
        let file = openat(descriptor, name, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Self.failure("open", "\(path)/\(name)") }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Self.greatestLength)
        let count = Glibc.read(file, &bytes, bytes.count)
        guard count >= 0 else { throw Self.failure("read", "\(path)/\(name)") }
        while bytes.count > count { bytes.removeLast() }
        while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Under another name first, and safe on the disk before it gets its own.
    func write(_ text: String, as name: String) throws(Failure) {
        let draft = name + ".tmp"
        _ = unlinkat(descriptor, draft, 0)
        let file = openat(descriptor, draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Self.failure("make", "\(path)/\(draft)") }
        defer { close(file) }
        let bytes = Array(text.utf8)
        guard Glibc.write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
            throw Self.failure("write", "\(path)/\(draft)")
        }
        try rename(draft, to: name)
    }

    func rename(_ name: String, to other: String) throws(Failure) {
        guard renameat(descriptor, name, descriptor, other) == 0 else {
            throw Self.failure("rename", "\(path)/\(name)")
        }
        try settle()
    }

    func remove(_ name: String) throws(Failure) {
        guard unlinkat(descriptor, name, 0) == 0 else { throw Self.failure("remove", "\(path)/\(name)") }
        try settle()
    }

    private func settle() throws(Failure) {
        guard fsync(descriptor) == 0 else { throw Self.failure("write", path) }
    }

    private static func failure(_ verb: String, _ path: String) -> Failure {
        .unavailable("Cannot \(verb) \(path): \(String(cString: strerror(errno))).")
    }
}
