import API
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

@Suite struct StoresTests {
    private let other = MemoryStore("other")
    private let first = MemoryStore()
    private let service: ImageService
    private let talk: Conversation

    init() async throws {
        let web = WebStore(SmallWeb(), within: WebRules())
        service = try await ImageService.fixture(store: first, others: [other, web], identity: SmallWeb.catalog)
        talk = try service.conversation()
    }

    private func running<Value>(_ body: () async throws -> Value) async throws -> Value {
        let importer = Task { await service.run(SmallWeb()) { Issue.record("\($0)") } }
        defer { importer.cancel() }
        return try await body()
    }

    private func filled() async throws -> String {
        let image = try await talk.image()
        #expect(await talk.upload(Array("hello".utf8), to: image + "/file", as: .member).status == 204)
        return image
    }

    @Test func eachStoreIsNamed() async throws {
        let stores = await talk.get("/image/v2/info/stores", as: .member)["stores"]
        #expect(stores == [["id": "memory", "default": "true"], ["id": "other"], ["id": "web", "read-only": "true"]])
        let details = await talk.get("/image/v2/info/stores/detail", as: .admin)["stores"]?.array
        #expect(details?.map { $0["type"] } == ["memory", "memory", "http"])
    }

    @Test func anUploadGoesIntoTheStoreThatItNames() async throws {
        let image = try await talk.image()
        let headers: HTTPHeaders = [
            "Host": "cloud.test", "X-Auth-Token": Persona.member.token, "Content-Type": "application/octet-stream",
            "X-Image-Meta-Store": "other",
        ]
        let put = HTTPRequest("PUT", image + "/file", headers: headers, body: HTTPBody("hello"))
        #expect(await talk.door.respond(to: put).status == 204)
        #expect(await talk.get(image, as: .member)["stores"] == "other")
        #expect(await talk.get(image + "/file", as: .member).text == "hello")
        #expect(try await first.keys().isEmpty)
        #expect(await talk.delete(image, as: .member).status == 204)
        #expect(try await other.keys().isEmpty)
    }

    @Test(arguments: [["stores": ["other"]], ["all_stores": true], ["stores": ["memory", "other"]]] as [JSON])
    func whatIsPutAsideGoesIntoTheStoresThatAreNamed(wish: JSON) async throws {
        let image = try await talk.image()
        _ = await talk.upload(Array("hello".utf8), to: image + "/stage", as: .member)
        var body = wish.object ?? JSON.Object()
        body["method"] = ["name": "glance-direct"]
        let (order, names) = (JSON.object(body), wish["stores"]?.array ?? ["memory", "other"])
        let settled = try await running {
            #expect(await talk.post(image + "/import", order, as: .member).status == 202)
            return try await talk.settled(image)
        }
        #expect(settled["status"] == "active")
        #expect(settled["stores"]?.string == names.compactMap(\.string).joined(separator: ","))
        #expect(settled["os_glance_importing_to_stores"] == "")
        #expect(settled["os_glance_failed_import"] == "")
        #expect(await talk.get(image + "/file", as: .member).text == "hello")
        #expect(try await first.keys().count == (names.contains("memory") ? 1 : 0))
    }

    @Test func anImageIsCopiedAndDeletedFromOneOfItsStores() async throws {
        let image = try await filled()
        let order: JSON = ["method": ["name": "copy-image"], "all_stores": true]
        #expect(await talk.post(image + "/import", order, as: .member).status == 403)
        let copied = try await running {
            #expect(await talk.post(image + "/import", order, as: .admin).status == 202)
            return try await talk.settled(image) { $0["os_glance_importing_to_stores"] == "" }
        }
        #expect(copied["stores"] == "memory,other")
        #expect(copied["status"] == "active")
        let again: JSON = ["method": ["name": "copy-image"], "stores": ["other"]]
        #expect(await talk.post(image + "/import", again, as: .admin).status == 400)

        let place = "/image/v2/stores/memory" + image.dropFirst("/image/v2/images".count)
        #expect(await talk.delete(place, as: .admin).status == 204)
        #expect(await talk.get(image, as: .member)["stores"] == "other")
        #expect(await talk.get(image + "/file", as: .member).text == "hello")
        #expect(await talk.delete(place, as: .admin).status == 404)
        let last = "/image/v2/stores/other" + image.dropFirst("/image/v2/images".count)
        #expect(await talk.delete(last, as: .admin).status == 403)
    }

    @Test func anImageComesFromAnotherRegion() async throws {
        let image = try await talk.image(["disk_format": "iso", "os_distro": "windows"])
        let method: JSON = [
            "name": "glance-download", "glance_region": "RegionTwo",
            "glance_image_id": "36d4b546-64a2-4bb9-bdd0-ba676aa48f2c",
        ]
        let settled = try await running {
            #expect(await talk.post(image + "/import", ["method": method], as: .member).status == 202)
            return try await talk.settled(image)
        }
        #expect(settled["status"] == "active")
        #expect(settled["disk_format"] == "raw")
        #expect(settled["os_distro"] == "debian")
        #expect(settled["speed"] == nil)
        #expect(await talk.get(image + "/file", as: .member).text == "far away")
    }

    @Test func anotherRegionThatIsNotThereLeavesTheImageQueued() async throws {
        let image = try await talk.image(["os_distro": "windows"])
        let bad: JSON = ["name": "glance-download", "glance_region": "RegionTwo", "glance_image_id": "foo"]
        #expect(await talk.post(image + "/import", ["method": bad], as: .member).status == 400)
        let nowhere: JSON = [
            "name": "glance-download", "glance_region": "nowhere",
            "glance_image_id": "36d4b546-64a2-4bb9-bdd0-ba676aa48f2c",
        ]
        let settled = try await running {
            #expect(await talk.post(image + "/import", ["method": nowhere], as: .member).status == 202)
            return try await talk.settled(image)
        }
        #expect(settled["status"] == "queued")
        #expect(settled["os_distro"] == "windows")
        #expect(await talk.get(image + "/tasks", as: .member)["tasks"]?.array?.first?["status"] == "failure")
    }

    @Test func whatLiesInTheWebIsAnImageByItsAddress() async throws {
        let image = try await talk.image()
        let url = "http://web.test/hello"
        let hash = "9c1d4f0b"
        for wrong in [
            ["os_hash_value": .string(hash)], ["os_hash_algo": "sha123", "os_hash_value": .string(hash)],
            ["os_hash_algo": "sha512", "os_hash_value": .string(hash)],
        ] as [JSON] {
            let body: JSON = ["url": .string(url), "validation_data": wrong]
            #expect(await talk.post(image + "/locations", body, as: .member).status == 400)
        }
        #expect(await talk.post(image + "/locations", ["url": "gopher://web.test/"], as: .member).status == 400)
        let settled = try await running {
            #expect(await talk.post(image + "/locations", ["url": .string(url)], as: .member).status == 202)
            return try await talk.settled(image)
        }
        #expect(settled["status"] == "active")
        #expect(settled["stores"] == "web")
        #expect(await talk.get(image + "/file", as: .member).text == url)
        #expect(await talk.delete(image, as: .member).status == 204)
    }

    @Test func whatLiesInTheWebHasToBeWhatWasPromised() async throws {
        let image = try await talk.image()
        let promise: JSON = [
            "os_hash_algo": "sha512", "os_hash_value": .string(String(repeating: "beefdead", count: 16)),
        ]
        let body: JSON = ["url": "http://web.test/hello", "validation_data": promise]
        let again: JSON = ["url": "http://web.test/other", "validation_data": [:]]
        let settled = try await running {
            #expect(await talk.post(image + "/locations", body, as: .member).status == 202)
            let refused = try await talk.settled(image)
            #expect(refused["status"] == "queued")
            #expect(refused["os_hash_value"] == .null)
            // Its address stays with the image, which has no data by it.
            #expect(refused["stores"] == "web")
            #expect(await talk.get(image + "/file", as: .member).status == 204)
            #expect(await talk.post(image + "/locations", again, as: .member).status == 202)
            return try await talk.settled(image)
        }
        #expect(settled["status"] == "active")
        #expect(settled["os_hash_algo"] == "sha512")
        #expect(await talk.get(image + "/file", as: .member).text == "http://web.test/other")
    }

    @Test func anImageWhoseNamedDataWasRefusedTakesAnUpload() async throws {
        let image = try await talk.image()
        let body: JSON = ["url": "http://web.test/gone"]
        let refused = try await running {
            #expect(await talk.post(image + "/locations", body, as: .member).status == 202)
            return try await talk.settled(image)
        }
        #expect(refused["status"] == "queued")
        #expect(await talk.upload(Array("own".utf8), to: image + "/file", as: .member).status == 204)
        let settled = await talk.get(image, as: .member)
        #expect(settled["status"] == "active")
        #expect(settled["stores"] != "web")
        #expect(await talk.get(image + "/file", as: .member).text == "own")
    }
}

/// A web in which every page but one says its own address.
private struct SmallWeb: Web {
    func fetch(_ url: String, within rules: WebRules) async throws(Failure) -> HTTPBody {
        guard !url.hasSuffix("gone") else { throw .unavailable("Nothing is there.") }
        return HTTPBody(url)
    }

    /// Another region with one image.
    func fetch(_ url: String, token: String) async throws(Failure) -> HTTPBody {
        guard url.hasPrefix("http://far.test/v2/images/"), token == Persona.member.token else {
            throw .unavailable("Nothing is there.")
        }
        return url.hasSuffix("/file")
            ? HTTPBody("far away")
            : HTTPBody(
                """
                {"disk_format": "raw", "container_format": "bare", "os_distro": "debian", "speed": "88mph"}
                """)
    }

    static let catalog = Neighbour("identity", asker: "image-api") { _ in
        let endpoints = "[{\"region\": \"RegionTwo\", \"interface\": \"public\", \"url\": \"http://far.test/v2/\"}]"
        let catalog = "{\"catalog\": [{\"type\": \"image\", \"endpoints\": \(endpoints)}]}"
        return HTTPResponse(200, body: .bytes(Array(catalog.utf8)))
    }

    static func asking(_ url: String) -> JSON { ["method": ["name": "web-download", "uri": .string(url)]] }
}

extension Conversation {
    /// The image when its import has ended.
    fileprivate func settled(
        _ image: String, _ isSettled: (Answer) -> Bool = { $0["status"] != "importing" }
    ) async throws -> Answer {
        for _ in 0..<10_000 {
            let answer = await get(image, as: .member)
            guard !isSettled(answer) else { return answer }
            await Task.yield()
        }
        throw Failure.unavailable("The import does not end.")
    }
}
