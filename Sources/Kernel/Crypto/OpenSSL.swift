import COpenSSL
import Synchronization

/// An algorithm that OpenSSL has looked up. Looking one up costs more than using it, so each is looked up once.
///
/// `@unchecked Sendable`: OpenSSL's algorithm objects are never changed once fetched, and ours are never freed.
struct Algorithm: @unchecked Sendable {
    let pointer: OpaquePointer

    static func digest(_ name: String) -> Algorithm { Algorithm(EVP_MD_fetch(nil, name, nil), name) }
    static func cipher(_ name: String) -> Algorithm { Algorithm(EVP_CIPHER_fetch(nil, name, nil), name) }
    static func mac(_ name: String) -> Algorithm { Algorithm(EVP_MAC_fetch(nil, name, nil), name) }

    private init(_ pointer: OpaquePointer?, _ name: String) {
        guard let pointer else { fatalError("OpenSSL has no \(name)") }
        self.pointer = pointer
    }
}

/// Stops the program when OpenSSL fails at something that only fails for want of memory.
func must(_ status: Int32, _ what: StaticString = #function) {
    guard status == 1 else { fatalError("OpenSSL failed at \(what)") }
}

/// Stops the program when OpenSSL could not allocate.
func must<Pointer>(_ pointer: Pointer?, _ what: StaticString = #function) -> Pointer {
    guard let pointer else { fatalError("OpenSSL failed at \(what)") }
    return pointer
}

/// Contexts of OpenSSL that have a key in them. Keying one costs more than using it, so they are kept; each is used by
/// one thread at a time, and there are never more than there were threads at once.
final class Contexts: Sendable {
    /// `@unchecked Sendable`: it is either idle, behind the lock, or in the hands of the one who took it.
    private struct Context: @unchecked Sendable { let pointer: OpaquePointer }

    private let idle = Mutex<[Context]>([])
    private let make: @Sendable () -> OpaquePointer
    private let free: @Sendable (OpaquePointer) -> Void

    init(make: @escaping @Sendable () -> OpaquePointer, free: @escaping @Sendable (OpaquePointer) -> Void) {
        self.make = make
        self.free = free
    }

    deinit {
        idle.withLock { contexts in for context in contexts { free(context.pointer) } }
    }

    func use<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        let context = idle.withLock { $0.popLast() } ?? Context(pointer: make())
        defer { idle.withLock { $0.append(context) } }
        return body(context.pointer)
    }
}

extension [UInt8] {
    /// An array of this many bytes that `fill` writes, every one of them.
    init(count: Int, fill: (UnsafeMutablePointer<UInt8>) -> Void) {
        self.init(unsafeUninitializedCapacity: count) { buffer, filled in
            if let start = buffer.baseAddress, count > 0 { fill(start) }
            filled = count
        }
    }
}

/// Whether two secrets are the same, in a time that says nothing of where they differ.
package func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.withUnsafeBytes { left in right.withUnsafeBytes { constantTimeEqual(left, $0) } }
}

package func constantTimeEqual(_ left: String, _ right: String) -> Bool {
    constantTimeEqual(Array(left.utf8), Array(right.utf8))
}

func constantTimeEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard left.count == right.count else { return false }
    guard let start = left.baseAddress, let other = right.baseAddress else { return true }
    return CRYPTO_memcmp(start, other, left.count) == 0
}
