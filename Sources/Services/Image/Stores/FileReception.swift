import Base
import CSystem
import Crypto
import Glibc
import IO

/// A file on its way in, hashed as it is written.
///
/// Whole blocks go to the disk past the page cache: nobody reads so much again soon, and pages for a gigabyte cost more
/// than everything else about writing it.
///
/// `@unchecked Sendable`: everything below `descriptor` is touched only on the pool's threads, by the one task that has to
/// do with this reception, one call after the other. Of one block, the hashes are one thread's and the rest another's.
final class FileReception: Reception, @unchecked Sendable {
    private let path: String
    private let store: FileStore
    private let descriptor: Int32
    private var size = 0
    private var isPastCache = false
    private var md5: RunningDigest?
    private var sha512: RunningDigest?
    private var digests: Digests?

    /// Begins a new file. May wait for the disk.
    init(path: String, store: FileStore) throws(Failure) {
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Folders.failure("make", path) }
        self.path = path
        self.store = store
        md5 = RunningDigest(.md5)
        sha512 = RunningDigest(.sha512)
    }

    deinit { close(descriptor) }

    func write(_ block: Block) async throws(Failure) {
        async let hashed: Void = store.pool.run { self.hash(block) }
        try await store.pool.run { () throws(Failure) in try self.append(block) }
        await hashed
    }

    func finish() async throws(Failure) -> Digests {
        try await store.pool.run { () throws(Failure) in try self.total() }
    }

    func look<Value: Sendable>(
        _ body: @escaping @Sendable (any Bytes) throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        try await store.pool.run { () throws(Failure) in
            try body(FileBytes(descriptor: self.descriptor, count: self.size))
        }
    }

    func keep(as key: StoreKey) async throws(Failure) {
        try await store.pool.run { () throws(Failure) in
            let hash = try self.total().sha512
            guard fsync(self.descriptor) == 0 else { throw Folders.failure("write", self.path) }
            try self.store.keepNow(self.path, hash: hash, as: key)
        }
    }

    func discard() async {
        await store.pool.run { _ = unlink(self.path) }
    }

    // MARK: On the pool's threads

    private func hash(_ block: Block) {
        let bytes = block.bytes.bytes
        md5?.update(bytes)
        sha512?.update(bytes)
    }

    private func append(_ block: Block) throws(Failure) {
        if block.isFull && size % Block.sector == 0 { writePastCache(true) } else { writePastCache(false) }
        var rest = block.bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } else if isPastCache && errno == EINVAL {
                // The disk counts in larger sectors, or took a part of one.
                writePastCache(false)
            } else if errno != EINTR {
                throw Folders.failure("write", path)
            }
        }
        size += block.count
    }

    /// Where the file system cannot do that, it goes through the cache as ever.
    private func writePastCache(_ wish: Bool) {
        guard wish != isPastCache else { return }
        isPastCache = system_write_past_cache(descriptor, wish ? 1 : 0) == 0 && wish
    }

    private func total() throws(Failure) -> Digests {
        if let digests { return digests }
        writePastCache(false)
        guard let first = md5.take(), let second = sha512.take() else { throw .bug("A reception is finished twice.") }
        let total = Digests(size: size, md5: Hex.text(first.finish()), sha512: Hex.text(second.finish()))
        digests = total
        return total
    }
}

/// An open file's bytes. Every call may wait for the disk.
private struct FileBytes: Bytes {
    let descriptor: Int32
    let count: Int

    func read(_ range: Range<Int>) throws(Failure) -> [UInt8] {
        let range = range.clamped(to: 0..<count)
        var bytes = [UInt8](repeating: 0, count: range.count)
        var filled = 0
        while filled < range.count {
            let part = bytes.withUnsafeMutableBytes { buffer in
                pread(
                    descriptor, buffer.baseAddress.map { $0 + filled }, range.count - filled,
                    off_t(range.lowerBound + filled))
            }
            guard part > 0 else { throw Folders.failure("read", "an image on its way in") }
            filled += part
        }
        return bytes
    }
}
