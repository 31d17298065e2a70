package import Base
package import Contracts

/// What holds volumes on a node: ten verbs, each of which may be said twice.
///
/// A name is chosen by whoever asks, before anything is made; what a driver calls made has its whole size and content
/// and stays after a power failure.
package protocol VolumeDriver: Sendable {
    /// `file`, `simulated`: what it is.
    var kind: String { get }
    /// The name of the backend and of its one pool: the kind, unless a node has several.
    var backend: String { get }

    func capacity() async throws(Failure) -> StoreCapacity
    func list() async throws(Failure) -> [StoredThing]
    func describe(_ name: StoredName) async throws(Failure) -> StoredThing

    /// A volume of so many bytes that begins with `filling`. One that is there already is left as it is, unless it is to
    /// be filled anew.
    func ensureVolume(
        _ name: StoredName, bytes: Int64, _ filling: Filling, anew: Bool
    ) async throws(Failure) -> StoredThing
    /// A snapshot of a volume, or a backup of either; a backup with a parent holds only what differs from it.
    func ensureCopy(_ order: CopyOrder) async throws(Failure) -> StoredThing
    /// Never smaller.
    func extend(_ name: StoredName, to bytes: Int64) async throws(Failure) -> StoredThing
    func remove(_ name: StoredName) async throws(Failure)
    /// Makes what an operator names one of the cloud's.
    func adopt(_ reference: String, as name: StoredName) async throws(Failure) -> StoredThing
    /// A volume's content as an image of a format.
    func export(_ name: StoredName, format: String) async throws(Failure) -> StoredImage

    /// What a hypervisor on a host has to know to use a volume. `nil` is the node's own host.
    func connect(_ name: StoredName, from host: String?, isReadOnly: Bool) async throws(Failure) -> JSON
    func disconnect(_ name: StoredName, from host: String?) async throws(Failure)
}

package struct StoreCapacity: Sendable {
    package let totalGB: Int
    package let freeGB: Int

    package init(totalGB: Int, freeGB: Int) {
        self.totalGB = totalGB
        self.freeGB = freeGB
    }
}

/// What a volume holds in the beginning.
package enum Filling: Sendable {
    case nothing
    case stored(StoredName)
    case image(ImageContent)
}

/// An image's bytes on their way.
package struct ImageContent: Sendable {
    package typealias Take = @Sendable ([UInt8]) async throws(Failure) -> Void

    /// `raw`, `qcow2`: as whoever made it says. It is never guessed from the bytes, which are somebody's own.
    package let format: String
    package let length: Int64?
    package let read: @Sendable (@escaping Take) async throws(Failure) -> Void

    package init(
        format: String, length: Int64?, read: @escaping @Sendable (@escaping Take) async throws(Failure) -> Void
    ) {
        self.format = format
        self.length = length
        self.read = read
    }
}

/// A volume as an image that is there to be read.
package struct StoredImage: Sendable {
    package let length: Int
    package let read: @Sendable (Range<Int>) async throws(Failure) -> [UInt8]

    package init(length: Int, read: @escaping @Sendable (Range<Int>) async throws(Failure) -> [UInt8]) {
        self.length = length
        self.read = read
    }
}

extension Int64 {
    static func gigabytes(_ count: Int) -> Int64 { Int64(count) << 30 }
}

extension StoredThing {
    static func missing(_ name: StoredName) -> StoredThing { StoredThing(name: name.text, isThere: false, bytes: 0) }
}
