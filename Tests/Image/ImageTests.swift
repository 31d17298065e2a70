import Base
import CloudTesting
import HTTP
import Testing

@testable import Image

@Suite struct ImageTests {
    let talk: Conversation

    init() async throws { talk = try await Conversation.aboutImages() }

    @Test func anImageIsNamedFilledFetchedAndDeleted() async throws {
        let made = await talk.post(
            "/image/v2/images",
            [
                "name": "cirros", "disk_format": "raw", "container_format": "bare", "tags": ["b", "a"],
                "os_distro": "x",
            ],
            as: .member)
        #expect(made.status == 201)
        #expect(made["status"] == "queued")
        #expect(made["visibility"] == "shared")
        #expect(made["owner"] == "project-1")
        #expect(made["os_distro"] == "x")
        #expect(made["size"] == .null)
        #expect(made.headers["location"] == made["self"]?.string)
        let image = "/image" + (made["self"]?.string ?? "")

        #expect(await talk.get(image + "/file", as: .member).status == 204)
        #expect(await talk.upload(Array("hello".utf8), to: image + "/file", as: .member).status == 204)
        let shown = await talk.get(image, as: .reader)
        #expect(shown["status"] == "active")
        #expect(shown["size"] == 5)
        #expect(shown["checksum"] == "5d41402abc4b2a76b9719d911017c592")
        #expect(shown["os_hash_algo"] == "sha512")
        #expect(shown["stores"] == "memory")
        #expect(shown["tags"] == ["a", "b"])

        let data = await talk.get(image + "/file", as: .member)
        #expect(data.text == "hello")
        #expect(data.headers["content-md5"] == "5d41402abc4b2a76b9719d911017c592")

        #expect(await talk.delete(image, as: .member).status == 204)
        #expect(await talk.get(image, as: .member).status == 404)
    }

    @Test(arguments: [
        ("bytes=0-1", 206, "he", "bytes 0-1/5"), ("bytes=3-", 206, "lo", "bytes 3-4/5"),
        ("bytes=-2", 206, "lo", "bytes 3-4/5"), ("bytes=1-99", 206, "ello", "bytes 1-4/5"),
        ("bytes=5-", 416, "", ""), ("bytes=2-1", 416, "", ""), ("pages=1-2", 416, "", ""),
    ])
    func aPartCanBeFetched(range: String, status: Int, text: String, part: String) async throws {
        let image = try await talk.image()
        _ = await talk.upload(Array("hello".utf8), to: image + "/file", as: .member)
        let answer = await talk.get(image + "/file", as: .member, headers: ["Range": range])
        #expect(answer.status == status)
        guard status == 206 else { return }
        #expect(answer.text == text)
        #expect(answer.headers["content-range"] == part)
    }

    @Test func aPatchChangesAddsAndRemoves() async throws {
        let image = try await talk.image(["name": "old", "a": "1"])
        let changed = await talk.change(
            image,
            [
                ["op": "replace", "path": "/name", "value": "new"], ["op": "add", "path": "/b~1c", "value": "2"],
                ["op": "remove", "path": "/a"], ["op": "replace", "path": "/tags", "value": ["x", "x"]],
            ], as: .member)
        #expect(changed.status == 200, "\(changed.text)")
        #expect(changed["name"] == "new")
        #expect(changed["b/c"] == "2")
        #expect(changed["a"] == nil)
        #expect(changed["tags"] == ["x"])
    }

    @Test func theOlderPatchIsUnderstood() async throws {
        let image = try await talk.image(["a": "1"])
        let type: HTTPHeaders = ["Content-Type": "application/openstack-images-v2.0-json-patch"]
        let changed = await talk.patch(image, [["replace": "/a", "value": "2"]], as: .member, headers: type)
        #expect(changed["a"] == "2")
        let again = await talk.patch(image, [["add": "/a", "value": "3"]], as: .member, headers: type)
        #expect(again.status == 409)
    }

    @Test(
        arguments: [
            (["op": "replace", "path": "/status", "value": "active"], 403),
            (["op": "add", "path": "/os_glance_x", "value": "y"], 403),
            (["op": "remove", "path": "/name"], 403), (["op": "remove", "path": "/nothing"], 409),
            (["op": "replace", "path": "/nothing", "value": "x"], 409),
            (["op": "replace", "path": "/min_ram", "value": "x"], 400),
            (["op": "replace", "path": "/visibility", "value": "secret"], 400),
            (["op": "replace", "path": "/visibility", "value": "public"], 403),
            (["op": "replace", "path": "/owner", "value": "other"], 403),
            (["op": "add", "path": "/locations/-", "value": ["url": "file:///etc/passwd", "metadata": [:]]], 403),
            (["op": "move", "path": "/name", "value": "x"], 400), (["op": "add", "path": "name", "value": "x"], 400),
            (["op": "add", "path": "/a/b", "value": "x"], 400), (["op": "add", "path": "/a~2", "value": "x"], 400),
            (["op": "add", "path": "/a"], 400), (["op": "add", "path": "/a", "value": 7], 400),
        ] as [(JSON, Int)])
    func aWrongPatchIsRefused(operation: JSON, status: Int) async throws {
        let image = try await talk.image(["name": "kept"])
        #expect(await talk.change(image, [operation], as: .member).status == status)
        #expect(await talk.get(image, as: .member)["name"] == "kept")
    }

    @Test func aPatchNeedsItsContentType() async throws {
        let image = try await talk.image()
        #expect(await talk.patch(image, [], as: .member).status == 415)
    }

    @Test func whatIsProtectedStays() async throws {
        let image = try await talk.image(["protected": true])
        #expect(await talk.delete(image, as: .member).status == 403)
        _ = await talk.change(image, [["op": "replace", "path": "/protected", "value": false]], as: .member)
        #expect(await talk.delete(image, as: .member).status == 204)
    }

    @Test func theImagesOfOthersDoNotExist() async throws {
        let image = try await talk.image(["visibility": "private"])
        #expect(await talk.get(image, as: .stranger).status == 404)
        #expect(await talk.delete(image, as: .stranger).status == 404)
        #expect(await talk.get(image, as: .admin).status == 200)
        #expect(await talk.get("/image/v2/images", as: .stranger)["images"] == [])
    }

    @Test func whatIsForEverybodyIsSeenButNotChanged() async throws {
        let image = try await talk.image(["visibility": "public"], as: .admin)
        #expect(await talk.get(image, as: .stranger).status == 200)
        #expect(await talk.delete(image, as: .stranger).status == 403)
        let publicized = await talk.post(
            "/image/v2/images", ["visibility": "public", "disk_format": "raw"], as: .member)
        #expect(publicized.status == 403)
    }

    @Test func anIDIsTakenOnlyOnce() async throws {
        let id: JSON = ["id": "8c5b4b0a-6f1c-4a0e-9d3e-1b5b0e3f6a11"]
        #expect(await talk.post("/image/v2/images", id, as: .member).status == 201)
        #expect(await talk.post("/image/v2/images", id, as: .member).status == 409)
        #expect(await talk.post("/image/v2/images", ["id": "x"], as: .member).status == 400)
    }

    @Test func aDeactivatedImageIsFetchedByAdministratorsOnly() async throws {
        let image = try await talk.image()
        #expect(await talk.post(image + "/actions/deactivate", nil, as: .member).status == 403)
        _ = await talk.upload(Array("hello".utf8), to: image + "/file", as: .member)
        #expect(await talk.post(image + "/actions/deactivate", nil, as: .member).status == 204)
        #expect(await talk.get(image + "/file", as: .member).status == 403)
        #expect(await talk.get(image + "/file", as: .admin).status == 200)
        #expect(await talk.post(image + "/actions/reactivate", nil, as: .member).status == 204)
        #expect(await talk.get(image + "/file", as: .member).status == 200)
    }

    @Test func tagsComeAndGo() async throws {
        let image = try await talk.image()
        #expect(await talk.put(image + "/tags/new", as: .member).status == 204)
        #expect(await talk.get(image, as: .member)["tags"] == ["new"])
        #expect(await talk.delete(image + "/tags/new", as: .member).status == 204)
        #expect(await talk.delete(image + "/tags/new", as: .member).status == 404)
    }

    @Test func limitsAreKept() async throws {
        var settings = ImageSettings()
        settings.properties = 1
        settings.projectImages = 1
        let talk = try await ImageService.fixture(settings: settings).conversation()
        #expect(await talk.post("/image/v2/images", ["a": "1", "b": "2"], as: .member).status == 413)
        #expect(await talk.post("/image/v2/images", ["a": "1"], as: .member).status == 201)
        #expect(await talk.post("/image/v2/images", ["a": "1"], as: .member).status == 413)
        #expect(await talk.get("/image/v2/info/usage", as: .member)["usage"]?["image_count_total"]?["usage"] == 1)
    }
}
