import Base
import CloudTesting
import Testing

@testable import Image

@Suite struct ImageListTests {
    let talk: Conversation

    init() async throws {
        talk = try await Conversation.aboutImages()
        for (name, size) in [("one", 1), ("two", 2), ("three, four", 3)] {
            let image = try await talk.image(["name": .string(name), "tags": [.string("t\(size)")], "kind": "x"])
            _ = await talk.upload([UInt8](repeating: 1, count: size), to: image + "/file", as: .member)
        }
        _ = try await talk.image(["name": "hidden", "os_hidden": true])
    }

    private func names(_ query: String) async -> [String] {
        let answer = await talk.get("/image/v2/images" + query, as: .member)
        return (answer["images"]?.array ?? []).compactMap { $0["name"]?.string }
    }

    @Test(arguments: [
        ("?name=one", ["one"]), ("?name=in:one,%22three,%20four%22&sort=size:asc", ["one", "three, four"]),
        ("?size_min=2&size_max=2", ["two"]), ("?tag=t1", ["one"]), ("?tag=t1&tag=t2", []),
        ("?kind=x&size_min=3", ["three, four"]),
        ("?kind=y", []), ("?os_hidden=true", ["hidden"]),
        ("?status=active&sort=name:desc", ["two", "three, four", "one"]),
        ("?visibility=public", []), ("?sort_key=size&sort_dir=desc", ["three, four", "two", "one"]),
        ("?created_at=lt:2020-01-01T00:00:00Z", []),
        ("?sort_key=size&sort_dir=asc&created_at=gt:2020-01-01T00:00:00Z&limit=1", ["one"]),
    ])
    func listsAreNarrowedAndSorted(query: String, expected: [String]) async {
        #expect(await names(query) == expected)
    }

    @Test(arguments: [
        "?sort_key=color", "?sort=name:up", "?sort=name&sort_key=size", "?limit=x", "?limit=-1", "?visibility=secret",
        "?member_status=maybe", "?name=in:%22x", "?created_at=gt:yesterday", "?size_min=big", "?os_hidden=maybe",
        "?marker=8c5b4b0a-6f1c-4a0e-9d3e-1b5b0e3f6a11",
    ])
    func aQueryWithoutSenseIsRefused(query: String) async {
        #expect(await talk.get("/image/v2/images" + query, as: .member).status == 400)
    }

    @Test func pagesLeadToOneAnother() async {
        var target: String? = "/v2/images?limit=2&sort=name:asc"
        var found: [String] = []
        while let next = target {
            let page = await talk.get("/image" + next, as: .member)
            found += (page["images"]?.array ?? []).compactMap { $0["name"]?.string }
            #expect(page["first"] == "/v2/images?limit=2&sort=name%3Aasc")
            target = page["next"]?.string
        }
        #expect(found == ["one", "three, four", "two"])
    }

    @Test func whatTheCommunityOffersIsListedOnRequest() async throws {
        _ = try await talk.image(["name": "offered", "visibility": "community"], as: .stranger)
        #expect(await !names("").contains("offered"))
        #expect(await names("?visibility=community") == ["offered"])
        #expect(await names("?visibility=all").contains("offered"))
    }
}
