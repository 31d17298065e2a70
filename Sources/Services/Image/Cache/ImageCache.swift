import Base
import Crypto
import HTTP
import IO
import SQL
import Synchronization

/// Copies of images' data on this machine, from which downloads are answered: data that lies in the web or on a slow disk
/// is fetched once.
///
/// What is to be copied and what has been stands in the database, a row for each image and machine; the copies are kept
/// in a store of their own, each under a name made of the key that its data has where it lies: an image may come back
/// under the same id with other data. Rows and copies are brought together when a process starts, and every
/// minute.
package final class ImageCache: Sendable {
    let store: any Store
    /// Whose copies they are: each machine has its own.
    let node: String
    /// How many bytes they may have together.
    let limit: Int
    /// Those that a download needs no query to know of.
    private let known = Mutex<Set<ID<Image>>>([])
    let waiting: AsyncStream<ID<Image>>
    private let queue: AsyncStream<ID<Image>>.Continuation

    package init(_ store: any Store, on node: String, limit: Int) {
        self.store = store
        self.node = node
        self.limit = limit
        (waiting, queue) = AsyncStream.makeStream()
    }

    static func copy(of key: StoreKey) -> StoreKey { StoreKey(Digest.sha256.hex(key.text)) }

    func enqueue(_ image: ID<Image>) { queue.yield(image) }
    func has(_ image: ID<Image>) -> Bool { known.withLock { $0.contains(image) } }
    fileprivate func know(_ images: Set<ID<Image>>) { known.withLock { $0 = images } }

    fileprivate func learn(_ image: ID<Image>) {
        known.withLock { _ = $0.insert(image) }
    }

    func drop(_ image: ID<Image>, _ copy: StoreKey?) async throws(Failure) {
        known.withLock { _ = $0.remove(image) }
        if let copy { try await store.remove(copy) }
    }
}

extension ImageService {
    /// Copies what waits to be copied, until the task is cancelled.
    func fillCache(complain: @escaping @Sendable (Failure) -> Void) async {
        guard let cache else { return }
        for await image in cache.waiting {
            do throws(Failure) { try await fill(cache, with: image) } catch { complain(error) }
        }
    }

    private func fill(_ cache: ImageCache, with id: ID<Image>) async throws(Failure) {
        let node = cache.node
        let found = try await database.read { try $0.imageToCopy(id, on: node) }
        guard let image = found, image.status == .active, let key = image.data, let size = image.size else {
            return try await forgetCopy(of: id, in: cache)
        }
        do throws(Failure) {
            guard size <= cache.limit else { throw Failure(.tooLarge, "Image \(id) is larger than the whole cache.") }
            _ = try await prune(cache, to: cache.limit - size)
            let copy = ImageCache.copy(of: key)
            try await database.write { try $0.nameCopy(of: id, copy, on: node) }
            let reception = try await cache.store.receive()
            do throws(Failure) {
                let digests = try await reception.take(try await open(image, key, 0..<size))
                // What lies in the web may have become something else.
                guard digests.size == size, digests.md5 == image.checksum ?? digests.md5 else {
                    throw .conflict("The data of image \(id) is not what it was.")
                }
                try await reception.keep(as: copy)
            } catch {
                await reception.discard()
                throw error
            }
            let now = world.now
            let isWanted = try await database.write { try $0.noteCopy(of: id, size, on: node, at: now) }
            if isWanted { cache.learn(id) } else { try await cache.drop(id, copy) }
        } catch {
            try await forgetCopy(of: id, in: cache)
            throw error
        }
    }

    func forgetCopy(of id: ID<Image>, in cache: ImageCache) async throws(Failure) {
        let node = cache.node
        let copy = try await database.write { try $0.forgetCopy(of: id, on: node) }
        try await cache.drop(id, copy)
    }

    /// Gives up those copies that nobody has asked for longest, until the rest have no more bytes than that.
    func prune(_ cache: ImageCache, to limit: Int) async throws(Failure) -> (files: Int, bytes: Int) {
        let node = cache.node
        let copies = try await database.read { try $0.copies(on: node) }.filter(\.isThere)
        var left = copies.reduce(0) { $0 + $1.size }
        var gone = (files: 0, bytes: 0)
        for copy in copies.sorted(by: { $0.accessed < $1.accessed }) where left > limit {
            try await forgetCopy(of: copy.image, in: cache)
            left -= copy.size
            gone = (gone.files + 1, gone.bytes + copy.size)
        }
        return gone
    }

    /// Brings rows and copies together: a copy that nobody knows of goes, and so does a row whose copy is lost.
    func settleCache() async throws(Failure) {
        guard let cache else { return }
        let node = cache.node
        let keys = Set(try await cache.store.keys())
        let copies = try await database.write { tx in
            try tx.forgetCopiesOfMissing(on: node)
            let copies = try tx.copies(on: node)
            for copy in copies where copy.isThere && !copy.isIn(keys) { try tx.forgetCopy(of: copy.image, on: node) }
            return copies
        }
        let wanted = Set(copies.compactMap(\.copy))
        for key in keys where !wanted.contains(key) { try await cache.store.remove(key) }
        cache.know(Set(copies.filter { $0.isThere && $0.isIn(keys) }.map(\.image)))
    }

    /// Goes on with what an earlier process had still to copy.
    func startCache() async throws(Failure) {
        guard let cache else { return }
        try await settleCache()
        let node = cache.node
        for copy in try await database.read({ try $0.copies(on: node) }) where !copy.isThere {
            cache.enqueue(copy.image)
        }
    }

    /// An image's data from the copy on this machine, if there is one.
    func openCopy(of image: ID<Image>, _ key: StoreKey, _ range: Range<Int>) async -> HTTPResponse.Body? {
        guard let cache, cache.has(image) else { return nil }
        guard let body = try? await cache.store.open(ImageCache.copy(of: key), range) else { return nil }
        let (node, now) = (cache.node, world.now)
        // A download waits until it is counted; that it couldn't be counted is no reason to refuse it.
        try? await database.write { try $0.countUse(ofCopyOf: image, on: node, at: now) }
        return body
    }
}

extension Reception {
    /// All of a body, as it comes.
    func take(_ body: HTTPResponse.Body) async throws(Failure) -> Digests {
        let block = Block()
        try await HTTPResponse(200, body: body).read { piece async throws(Failure) in
            block.append(piece)
            try await writeFull(block)
        }
        try await write(block)
        return try await finish()
    }
}
