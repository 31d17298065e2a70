import Base
import CloudTesting
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
}
