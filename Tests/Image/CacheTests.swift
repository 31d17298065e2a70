import Base
import CloudTesting
import HTTP
import SQL
import Testing

@testable import Image

/// Copies of images' data on the machine that answers.
@Suite struct CacheTests {
    private let far = MemoryStore("far")
    private let copies = MemoryStore("cache")
    private let cache: ImageCache
    private let service: ImageService
    private let talk: Conversation

    init() async throws {
        cache = ImageCache(copies, on: "here", limit: 10)
        service = try await ImageService.fixture(store: far, cache: cache)
        talk = try service.conversation()
    }

    private func running(_ body: () async throws -> Void) async throws {
        let upkeep = Task { await service.fillCache { Issue.record("\($0)") } }
        defer { upkeep.cancel() }
        try await body()
    }

    private func filled(_ text: String) async throws -> String {
        let image = try await talk.image()
        #expect(await talk.upload(Array(text.utf8), to: image + "/file", as: .member).status == 204)
        return image
    }

    private func id(_ image: String) -> String { String(image.split(separator: "/").last ?? "") }

    private func cached() async -> [JSON] {
        await talk.get("/image/v2/cache", as: .admin)["cached_images"]?.array ?? []
    }

    private func enqueue(_ image: String, as persona: Persona = .admin) async -> Int {
        await talk.put("/image/v2/cache/\(id(image))", .null, as: persona).status
    }

    private func queued() async -> Int {
        await talk.get("/image/v2/cache", as: .admin)["queued_images"]?.array?.count ?? -1
    }

    /// Asks for the images one after the other, until each is there or has been given up.
    private func cache(_ images: String...) async throws {
        for image in images {
            #expect(await enqueue(image) == 202)
            for _ in 0..<10_000 where await queued() > 0 { await Task.yield() }
            #expect(await queued() == 0)
        }
    }

    @Test func whatIsCachedIsGivenFromTheCopy() async throws {
        let image = try await filled("hello")
        try await running { try await cache(image) }
        let told = try #require(await cached().first)
        #expect(told["image_id"]?.string == id(image))
        #expect(told["size"] == 5)
        #expect(told["hits"] == 0)
        // The store that has it is out of reach from now on.
        for key in try await far.keys() { try await far.remove(key) }
        #expect(await talk.get(image + "/file", as: .member).text == "hello")
        #expect(await cached().first?["hits"] == 1)
        #expect(await talk.get("/image/v2/cache/nodes/\(id(image))", as: .admin).json == ["here"])

        #expect(await talk.delete("/image/v2/cache/\(id(image))", as: .admin).status == 204)
        #expect(await cached().isEmpty)
        #expect(try await copies.keys().isEmpty)
        #expect(await talk.get(image + "/file", as: .member).status >= 400)
    }

    @Test func onlyAdministratorsCacheWhatIsThere() async throws {
        let image = try await filled("hello")
        #expect(await talk.get("/image/v2/cache", as: .member).status == 403)
        #expect(await enqueue(image, as: .member) == 403)
        #expect(await enqueue(image, as: .stranger) == 404)
        #expect(await enqueue("no-such-image") == 404)
        #expect(await enqueue(try await talk.image()) == 400)
        #expect(await queued() == 0)
    }

    @Test func theLongestUnusedMakesRoom() async throws {
        let images = [try await filled("aaaa"), try await filled("bbbb"), try await filled("cccc")]
        try await running {
            try await cache(images[0], images[1])
            _ = await talk.get(images[0] + "/file", as: .member)
            try await cache(images[2])
        }
        #expect(Set(await cached().map { $0["image_id"]?.string }) == [id(images[0]), id(images[2])])
        #expect(try await copies.keys().count == 2)
        let pruned = await talk.post("/image/v2/cache/prune", .null, as: .admin)
        #expect(pruned.json == ["total_files_pruned": 0, "total_bytes_pruned": 0])
    }

    @Test func theCacheIsClearedInPartsOrAsAWhole() async throws {
        let images = [try await filled("aaaa"), try await filled("bbbb")]
        try await running { try await cache(images[0]) }
        #expect(await enqueue(images[1]) == 202)
        let clear = { (target: String) in
            await talk.delete("/image/v2/cache", as: .admin, headers: ["x-image-cache-clear-target": target]).status
        }
        #expect(await clear("everything") == 400)
        #expect(await clear("queue") == 204)
        #expect(await queued() == 0)
        #expect(await cached().count == 1)
        #expect(await clear("") == 204)
        #expect(await cached().isEmpty)
    }

    @Test func aDeletedImagesCopyGoesWithIt() async throws {
        let image = try await filled("hello")
        try await running { try await cache(image) }
        #expect(await talk.delete(image, as: .member).status == 204)
        #expect(await cached().isEmpty)
        #expect(try await copies.keys().isEmpty)
    }

    @Test func aProcessThatStartsGoesOnAndClearsUp() async throws {
        let images = [try await filled("aaaa"), try await filled("bbbb")]
        try await running { try await cache(images[0]) }
        #expect(await enqueue(images[1]) == 202)
        // One copy has been lost, and one was left behind.
        for key in try await copies.keys() { try await copies.remove(key) }
        let reception = try await copies.receive()
        _ = try await reception.finish()
        try await reception.keep(as: StoreKey("left behind"))

        let next = try await ImageService.fixture(
            store: far, database: service.database, cache: ImageCache(copies, on: "here", limit: 10))
        #expect(try await copies.keys().isEmpty)
        #expect(await cached().isEmpty)
        let upkeep = Task { await next.fillCache { Issue.record("\($0)") } }
        defer { upkeep.cancel() }
        for _ in 0..<10_000 where await queued() > 0 { await Task.yield() }
        #expect(await cached().map { $0["image_id"]?.string } == [id(images[1])])
    }

    @Test func withoutACacheThereIsNone() async throws {
        let talk = try await ImageService.fixture().conversation()
        #expect(await talk.get("/image/v2/cache", as: .admin).status == 404)
    }
}
