package import Base
import Crypto
package import HTTP
import IO
import Synchronization

/// The store of clouds that live in memory: the file store's twin.
package final class MemoryStore: Store {
    package let id: String
    package let kind = "memory"
    private let contents = Mutex<[StoreKey: [UInt8]]>([:])

    package init(_ id: String = "memory") { self.id = id }

    package func receive() async throws(Failure) -> any Reception { MemoryReception(self) }

    package func open(_ key: StoreKey, _ range: Range<Int>) async throws(Failure) -> HTTPResponse.Body {
        guard let bytes = contents.withLock({ $0[key] }) else { throw .notFound("image data", key.text) }
        return .bytes(Array(bytes[range.clamped(to: 0..<bytes.count)]))
    }

    package func remove(_ key: StoreKey) async throws(Failure) {
        contents.withLock { $0[key] = nil }
    }

    package func keys() async throws(Failure) -> [StoreKey] { contents.withLock { Array($0.keys) } }

    package func url(of key: StoreKey) -> String { "memory://\(key.text)" }

    fileprivate func keep(_ bytes: [UInt8], as key: StoreKey) { contents.withLock { $0[key] = bytes } }
}

private final class MemoryReception: Reception {
    private let store: MemoryStore
    private let received = Mutex<[UInt8]>([])

    init(_ store: MemoryStore) { self.store = store }

    private var bytes: [UInt8] { received.withLock { $0 } }

    func write(_ block: Block) async throws(Failure) {
        received.withLock { $0 += block.bytes }
    }

    func finish() async throws(Failure) -> Digests {
        let bytes = bytes
        return Digests(size: bytes.count, md5: Digest.md5.hex(bytes), sha512: Digest.sha512.hex(bytes))
    }

    func look<Value: Sendable>(
        _ body: @escaping @Sendable (any Bytes) throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        try body(HeldBytes(bytes: bytes))
    }

    func keep(as key: StoreKey) async throws(Failure) { store.keep(bytes, as: key) }

    func discard() async { received.withLock { $0 = [] } }
}

/// Bytes in memory.
struct HeldBytes: Bytes {
    let bytes: [UInt8]

    var count: Int { bytes.count }

    func read(_ range: Range<Int>) throws(Failure) -> [UInt8] { Array(bytes[range.clamped(to: 0..<bytes.count)]) }
}
