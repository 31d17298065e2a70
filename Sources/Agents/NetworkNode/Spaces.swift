import Base
import CSystem
import Glibc
import IO

/// Work inside of a network namespace: on a thread that goes there and comes back.
struct Spaces {
    private static let pool = Pool(name: "namespaces", threads: 2)

    static func inside<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        try await pool.run { () throws(Failure) -> Value in
            let home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
            let there = open(Names.place(name), O_RDONLY | O_CLOEXEC)
            defer {
                close(home)
                close(there)
            }
            guard home >= 0, there >= 0, system_enter_network(there) == 0 else {
                throw .unavailable("Cannot enter the namespace \(name): \(String(cString: strerror(errno))).")
            }
            // A thread that cannot come back would do other work in the wrong place.
            defer { precondition(system_enter_network(home) == 0, "Cannot leave the namespace \(name).") }
            return try body()
        }
    }

    /// Sets what the kernel does in it: `net/ipv4/ip_forward`.
    static func set(_ settings: [String: String], in name: String) async throws(Failure) {
        try await inside(name) { () throws(Failure) in
            for (setting, value) in settings.sorted(by: { $0.key < $1.key }) { try Kernel.set(setting, value) }
        }
    }
}

/// Settings of the kernel, where the calling thread is.
enum Kernel {
    static func set(_ name: String, _ value: String) throws(Failure) {
        let path = "/proc/sys/" + name
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unavailable("Cannot set \(path): \(String(cString: strerror(errno))).") }
        defer { close(descriptor) }
        let bytes = Array(value.utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count else {
            throw .unavailable("Cannot set \(path) to \(value): \(String(cString: strerror(errno))).")
        }
    }
}
