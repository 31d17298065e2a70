import Base
import CloudTesting
import HTTP
import SQL
import Testing

@testable import Image

@Suite struct ImportTests {
    let talk: Conversation
    private let direct: JSON = ["method": ["name": "glance-direct"]]

    init() async throws { talk = try await Conversation.aboutImages() }

    @Test func whatIsPutAsideBecomesTheImage() async throws {
        let image = try await talk.image()
        #expect(await talk.post(image + "/import", direct, as: .member).status == 409)
        #expect(await talk.upload(Array("hello".utf8), to: image + "/stage", as: .member).status == 204)
        #expect(await talk.get(image, as: .member)["status"] == "uploading")
        #expect(await talk.get(image + "/file", as: .member).status == 204)

        #expect(await talk.post(image + "/import", direct, as: .member).status == 202)
        #expect(await talk.get(image, as: .member)["status"] == "active")
        #expect(await talk.get(image + "/file", as: .member).text == "hello")
        let task = await talk.get(image + "/tasks", as: .member)["tasks"]?.array?.first
        #expect(task?["status"] == "success")
        #expect(task?["input"]?["import_req"] == direct)
    }

    @Test func whatIsNotWhatItSaysIsSentBack() async throws {
        let image = try await talk.image(["disk_format": "qcow2"])
        _ = await talk.upload(Array("hello".utf8), to: image + "/stage", as: .member)
        #expect(await talk.post(image + "/import", direct, as: .member).status == 202)
        #expect(await talk.get(image, as: .member)["status"] == "queued")
        #expect(await talk.get(image + "/tasks", as: .member)["tasks"]?.array?.first?["status"] == "failure")
    }

    @Test func anUnknownMethodIsRefused() async throws {
        let image = try await talk.image()
        #expect(await talk.post(image + "/import", ["method": ["name": "magic"]], as: .member).status == 400)
        #expect(await talk.post(image + "/import", [:], as: .member).status == 400)
    }

    @Test func tasksAreForAdministrators() async throws {
        #expect(await talk.get("/image/v2/tasks", as: .member).status == 403)
        #expect(await talk.get("/image/v2/tasks", as: .admin)["tasks"] == [])
    }

    @Test func whatLiesInTheWebIsFetched() async throws {
        let service = try await ImageService.fixture()
        let talk = try service.conversation()
        let image = try await talk.image()
        let importer = Task { await service.run(SmallWeb()) { Issue.record("\($0)") } }
        defer { importer.cancel() }
        #expect(await talk.post(image + "/import", SmallWeb.asking("http://web.test/hello"), as: .member).status == 202)
        #expect(try await talk.settled(image)["status"] == "active")
        #expect(await talk.get(image + "/file", as: .member).text == "http://web.test/hello")
    }

    @Test func whatCannotBeFetchedLeavesTheImageQueuedAndSaysWhy() async throws {
        let service = try await ImageService.fixture()
        let talk = try service.conversation()
        let image = try await talk.image()
        let importer = Task { await service.run(SmallWeb()) { Issue.record("\($0)") } }
        defer { importer.cancel() }
        #expect(await talk.post(image + "/import", SmallWeb.asking("http://web.test/gone"), as: .member).status == 202)
        let settled = try await talk.settled(image)
        #expect(settled["status"] == "queued")
        #expect(settled["os_glance_failed_import"] == "memory")
        let task = await talk.get(image + "/tasks", as: .member)["tasks"]?.array?.first
        #expect(task?["status"] == "failure")
        #expect(task?["message"] == "Nothing is there.")
    }

    @Test(arguments: [
        "", "file:///etc/passwd", "http://127.0.0.1/", "http://localhost/", "http://169.254.169.254/latest",
        "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://web.test:22/", "http://2130706433/", "http://127.1/",
        "ftp://web.test/",
    ])
    func whatOnlyThisMachineReachesIsNotFetched(url: String) async throws {
        let image = try await talk.image()
        #expect(await talk.post(image + "/import", SmallWeb.asking(url), as: .member).status == 400)
        #expect(await talk.get(image, as: .member)["status"] == "queued")
    }

    @Test func anImportThatAnEarlierProcessLeftIsSetBack() async throws {
        let database = try Database(.memory)
        let talk = try await ImageService.fixture(database: database).conversation()
        let image = try await talk.image()
        _ = await talk.post(image + "/import", SmallWeb.asking("http://web.test/hello"), as: .member)
        #expect(await talk.get(image, as: .member)["status"] == "importing")
        let again = try await ImageService.fixture(database: database).conversation()
        #expect(await again.get(image, as: .member)["status"] == "queued")
        #expect(await again.get(image + "/tasks", as: .member)["tasks"]?.array?.first?["status"] == "failure")
    }
}

/// A web in which every page but one says its own address.
private struct SmallWeb: Web {
    func fetch(_ url: String, within rules: WebRules) async throws(Failure) -> HTTPBody {
        guard !url.hasSuffix("gone") else { throw .unavailable("Nothing is there.") }
        return HTTPBody(url)
    }

    static func asking(_ url: String) -> JSON { ["method": ["name": "web-download", "uri": .string(url)]] }
}

extension Conversation {
    /// The image when its import has ended.
    fileprivate func settled(_ image: String) async throws -> Answer {
        for _ in 0..<10_000 {
            let answer = await get(image, as: .member)
            guard answer["status"] == "importing" else { return answer }
            await Task.yield()
        }
        throw Failure.unavailable("The import does not end.")
    }
}
