import Base
import Crypto
import HTTP
import IO
import Testing

@testable import Image

/// A store to hold against the contract, on ground of its own.
struct StoreKind: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let make: @Sendable () throws -> any Store

    static let all = [
        StoreKind(testDescription: "memory") { MemoryStore() },
        StoreKind(testDescription: "file") { try FileStore.temporary() },
    ]
}

extension FileStore {
    static func temporary(_ folder: String? = nil) throws -> FileStore {
        let folder = folder ?? "/tmp/martlet-images-\(UUID(SystemChance()).hex)"
        return try FileStore(folder: folder, pool: Pool(name: "test files", threads: 2), chance: SystemChance())
    }
}

extension Reception {
    /// In one block, which need not be full.
    func write(_ bytes: [UInt8]) async throws {
        let block = Block(size: max(bytes.count, 1))
        block.append(bytes)
        try await write(block)
    }
}

@Suite struct StoreTests {
    private static func keep(_ text: String, as key: StoreKey, in store: any Store) async throws -> Digests {
        let reception = try await store.receive()
        for byte in text.utf8 { try await reception.write([byte]) }
        let digests = try await reception.finish()
        try await reception.keep(as: key)
        return digests
    }

    private static func text(_ key: StoreKey, in store: any Store) async throws -> String {
        let body = try await store.open(key, 0..<1_000)
        return String(decoding: try await HTTPResponse(200, body: body).collect(limit: 1_000), as: UTF8.self)
    }

    @Test(arguments: StoreKind.all) func whatIsKeptIsGivenBack(kind: StoreKind) async throws {
        let store = try kind.make()
        let digests = try await Self.keep("hello", as: StoreKey("a"), in: store)
        #expect(digests == Digests(size: 5, md5: Digest.md5.hex("hello"), sha512: Digest.sha512.hex("hello")))
        #expect(try await Self.text(StoreKey("a"), in: store) == "hello")
        let part = try await store.open(StoreKey("a"), 1..<3)
        #expect(try await HTTPResponse(200, body: part).collect(limit: 9) == Array("el".utf8))
        #expect(try await store.keys() == [StoreKey("a")])
    }

    /// Whole blocks go another way to the disk than the rest of a file, or those behind a part of one.
    @Test(arguments: StoreKind.all, [[2, 3, 1], [1, 2], [3], [0, 3]])
    func whatComesInBlocksIsKeptToTheByte(kind: StoreKind, order: [Int]) async throws {
        let store = try kind.make()
        let chance = SeededChance(seed: 11)
        let lengths = [0, 1_111, Block.sector, 3 * Block.sector + 17]
        let reception = try await store.receive()
        let block = Block(size: Block.sector)
        var whole: [UInt8] = []
        for length in order.map({ lengths[$0] }) {
            let bytes = chance.bytes(length)
            whole += bytes
            block.append(bytes)
            try await reception.writeFull(block)
            try await reception.write(block)
            block.clear()
        }
        let digests = try await reception.finish()
        #expect(
            digests == Digests(size: whole.count, md5: Digest.md5.hex(whole), sha512: Digest.sha512.hex(whole)))
        let seen = try await reception.look { bytes throws(Failure) in try bytes.read(7..<1 << 20) }
        #expect(seen == Array(whole.dropFirst(7)))
        try await reception.keep(as: StoreKey("a"))
        let body = try await store.open(StoreKey("a"), 0..<whole.count)
        #expect(try await HTTPResponse(200, body: body).collect(limit: 1 << 20) == whole)
        try await store.remove(StoreKey("a"))
    }

    @Test(arguments: StoreKind.all) func theSameContentLivesUntilItsLastKeyGoes(kind: StoreKind) async throws {
        let store = try kind.make()
        for name in ["a", "b"] { _ = try await Self.keep("same", as: StoreKey(name), in: store) }
        try await store.remove(StoreKey("a"))
        #expect(try await Self.text(StoreKey("b"), in: store) == "same")
        try await store.remove(StoreKey("b"))
        try await store.remove(StoreKey("b"))
        await #expect(throws: Failure.self) { try await store.open(StoreKey("b"), 0..<4) }
        #expect(try await store.keys().isEmpty)
    }

    @Test(arguments: StoreKind.all) func whatIsDiscardedWasNeverThere(kind: StoreKind) async throws {
        let store = try kind.make()
        let reception = try await store.receive()
        try await reception.write([1, 2, 3])
        await reception.discard()
        #expect(try await store.keys().isEmpty)
    }

    @Test(arguments: StoreKind.all) func whatComesInCanBeLookedAt(kind: StoreKind) async throws {
        let store = try kind.make()
        let reception = try await store.receive()
        try await reception.write(Array("hello".utf8))
        _ = try await reception.finish()
        let seen = try await reception.look { bytes throws(Failure) in
            (bytes.count, try bytes.read(3..<9), try bytes.read(7..<9))
        }
        #expect(seen.0 == 5)
        #expect(seen.1 == Array("lo".utf8))
        #expect(seen.2.isEmpty)
    }

    @Test func filesHoldEachContentOnce() async throws {
        let store = try FileStore.temporary()
        for name in ["a", "b"] { _ = try await Self.keep("same", as: StoreKey(name), in: store) }
        #expect(try Folders.entries(of: store.folder + "/content").map(\.name) == [Digest.sha512.hex("same")])
        #expect(try Folders.entries(of: store.folder + "/incoming").isEmpty)
        for name in ["a", "b"] { try await store.remove(StoreKey(name)) }
        #expect(try Folders.entries(of: store.folder + "/content").isEmpty)
    }

    @Test func filesThatWereCutOffAreClearedAtTheStart() async throws {
        let store = try FileStore.temporary()
        let cutOff = try await store.receive()
        try await cutOff.write([1, 2, 3])
        _ = try await Self.keep("kept", as: StoreKey("a"), in: store)
        let again = try FileStore.temporary(store.folder)
        #expect(try Folders.entries(of: store.folder + "/incoming").isEmpty)
        #expect(try await Self.text(StoreKey("a"), in: again) == "kept")
    }
}
