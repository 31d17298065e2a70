package import Base
package import HTTP
package import IO

/// The name under which a store has one image's data: chosen and noted before there is any.
package struct StoreKey: Hashable, Sendable {
    package let text: String
    package init(_ text: String) { self.text = text }
    package init(_ chance: any Chance) { text = UUID(chance).dashed }
}

/// Where the data of images lies. Whatever is kept under a key stays until the key is removed, and is never changed.
package protocol Store: Sendable {
    /// As users name it.
    var id: String { get }
    /// `file`, `http`: what sort of store it is, as administrators see it.
    var kind: String { get }
    /// Whether data that lies there can be named, but none be put there.
    var isReadOnly: Bool { get }
    /// A place for data that is on its way in. Nobody sees it until it is kept.
    func receive() async throws(Failure) -> any Reception
    /// A part of what is kept, ready to be sent. Not found, if there is nothing under the key.
    func open(_ key: StoreKey, _ range: Range<Int>) async throws(Failure) -> HTTPResponse.Body
    /// Nothing is under the key afterwards, whether or not something was.
    func remove(_ key: StoreKey) async throws(Failure)
    /// All that is kept, for whoever looks for what nobody refers to any more.
    func keys() async throws(Failure) -> [StoreKey]
    /// Where it lies, for services that can reach it there by themselves.
    func url(of key: StoreKey) -> String
}

extension Store {
    package var isReadOnly: Bool { false }
}

/// Data on its way in. One task at a time has to do with it, and it ends with `keep` or `discard`.
package protocol Reception: Sendable {
    /// Adds what is in the block to the end. Full blocks cost least.
    func write(_ block: Block) async throws(Failure)
    /// What has come in, as a whole: no more is written afterwards.
    func finish() async throws(Failure) -> Digests
    /// Looks at what has come in, on a thread that may wait for a disk.
    func look<Value: Sendable>(
        _ body: @escaping @Sendable (any Bytes) throws(Failure) -> Value
    ) async throws(Failure) -> Value
    /// Durable under the key when it returns: neither a crash nor a power failure undoes it.
    func keep(as key: StoreKey) async throws(Failure)
    func discard() async
}

extension Reception {
    /// Writes the block whenever it is full; what is left in it at the end is the caller's to write.
    func writeFull(_ block: Block) async throws(Failure) {
        while block.isFull {
            try await write(block)
            block.clear()
        }
    }
}

/// How much it is, and what it hashes to: all found in one pass.
package struct Digests: Hashable, Sendable {
    package let size: Int
    package let md5: String
    package let sha512: String

    static let algorithm = "sha512"
}

/// Bytes that can be read anywhere.
package protocol Bytes {
    var count: Int { get }
    /// What is there of the range: less of it, where it goes beyond the end.
    func read(_ range: Range<Int>) throws(Failure) -> [UInt8]
}
