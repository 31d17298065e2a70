import Base
import CloudTesting
import HTTP
import SQL
import Synchronization
import Testing

@testable import Image

@Suite struct UploadTests {
    let store = MemoryStore()
    let database: Database
    let service: ImageService
    let talk: Conversation

    init() async throws {
        database = try Database(.memory)
        service = try await ImageService.fixture(store: store, database: database)
        talk = try service.conversation()
    }

    /// A body that does something when it is asked for its second piece.
    private func body(_ first: String, then next: @escaping @Sendable () async throws(Failure) -> Void) -> HTTPBody {
        let count = Mutex(0)
        return HTTPBody(length: nil) { () async throws(Failure) in
            let number = count.withLock { count in
                count += 1
                return count
            }
            if number == 1 { return Array(first.utf8) }
            if number == 2 { try await next() }
            return nil
        }
    }

    @Test func anUploadThatIsCutOffLeavesTheImageQueued() async throws {
        let image = try await talk.image()
        let cut = body("hel") { () async throws(Failure) in throw .invalid("The request's body ended early.") }
        #expect(await talk.send(cut, to: image + "/file", as: .member).status == 400)
        #expect(await talk.get(image, as: .member)["status"] == "queued")
        #expect(try await store.keys().isEmpty)
        #expect(await talk.upload(Array("hello".utf8), to: image + "/file", as: .member).status == 204)
    }

    @Test func aSecondUploadWaitsForNobody() async throws {
        let image = try await talk.image()
        let talk = talk
        let slow = body("hel") { () async throws(Failure) in
            let other = await talk.upload([1], to: image + "/file", as: .member)
            #expect(other.status == 409)
            #expect(await talk.get(image, as: .member)["status"] == "saving")
        }
        #expect(await talk.send(slow, to: image + "/file", as: .member).status == 204)
        #expect(await talk.get(image, as: .member)["size"] == 3)
        #expect(await talk.upload([1], to: image + "/file", as: .member).status == 409)
    }

    @Test func anImageDeletedMeanwhileLeavesNothing() async throws {
        let image = try await talk.image()
        let talk = talk
        let slow = body("hel") { () async throws(Failure) in _ = await talk.delete(image, as: .member) }
        #expect(await talk.send(slow, to: image + "/file", as: .member).status == 410)
        #expect(try await store.keys().isEmpty)
    }

    @Test func aRestartBringsEverythingToRest() async throws {
        let image = try await talk.image()
        let staged = try await talk.image()
        _ = await talk.upload([1], to: staged + "/stage", as: .member)
        let orphan = try await store.receive()
        try await orphan.write([9])
        try await orphan.keep(as: StoreKey("nobody's"))
        try await database.write { tx in
            try tx.run("UPDATE image SET status = 'saving', work = 'gone' WHERE status = 'queued'")
        }
        let again = try await ImageService.fixture(store: store, database: database).conversation()
        #expect(await again.get(image, as: .member)["status"] == "queued")
        #expect(await again.get(staged, as: .member)["status"] == "uploading")
        #expect(try await store.keys().count == 1)
    }

    @Test func whatIsSilentBeyondItsDeadlineIsGivenUp() async throws {
        let (late, early) = (try await talk.image(), try await talk.image(["name": "early"]))
        let soon = service.world.now + .seconds(100)
        try await database.write { tx in
            try tx.run("UPDATE image SET status = 'saving', work = 'a', deadline = 1 WHERE name IS NULL")
            try tx.run("UPDATE image SET status = 'saving', work = 'b', deadline = \(soon) WHERE name = 'early'")
        }
        try await service.settleOverdue()
        #expect(await talk.get(late, as: .member)["status"] == "queued")
        #expect(await talk.get(early, as: .member)["status"] == "saving")
    }

    @Test func dataNeedsItsTypeAndAFormat() async throws {
        let image = try await talk.image()
        #expect(await talk.upload([1], to: image + "/file", as: .member, type: "text/plain").status == 415)
        let bare = await talk.post("/image/v2/images", [:], as: .member)
        let target = "/image/v2/images/\(bare["id"]?.string ?? "")/file"
        #expect(await talk.upload([1], to: target, as: .member).status == 400)
    }

    @Test func aProjectHasItsLimit() async throws {
        var settings = ImageSettings()
        settings.projectBytes = 4
        let talk = try await ImageService.fixture(settings: settings).conversation()
        let image = try await talk.image()
        #expect(await talk.upload([1, 2, 3, 4, 5], to: image + "/file", as: .member).status == 413)
        #expect(await talk.get(image, as: .member)["status"] == "queued")
        #expect(await talk.upload([1, 2, 3, 4], to: image + "/file", as: .member).status == 204)
        let next = try await talk.image()
        #expect(await talk.upload([1], to: next + "/file", as: .member).status == 413)
    }

    @Test func dataThatTwoImagesShareOutlivesOneOfThem() async throws {
        let talk = try await ImageService.fixture(store: FileStore.temporary()).conversation()
        let images = [try await talk.image(), try await talk.image()]
        for image in images { _ = await talk.upload(Array("same".utf8), to: image + "/file", as: .member) }
        _ = await talk.delete(images[0], as: .member)
        #expect(await talk.get(images[1] + "/file", as: .member).text == "same")
    }
}
