import API
import Base
import CloudTesting
import Testing

@testable import Compute

/// Long lists are answered from what was written before: nobody may notice.
@Suite struct ServerListTests {
    private static func names(_ answer: Answer) -> [String] {
        (answer["servers"]?.array ?? []).compactMap { $0["name"]?.string }
    }

    @Test func aListShowsWhatHasChangedSinceItWasLastAskedFor() async throws {
        let talk = try await ComputeTalk()
        let first = try await talk.server("first")
        try await talk.server("second")
        #expect(ServerListTests.names(await talk.get("/servers/detail", as: .member)) == ["second", "first"])
        let change: JSON = ["server": ["name": "renamed"]]
        #expect(await talk.send("PUT", "/servers/\(first)", change, as: .member).status == 200)
        #expect(ServerListTests.names(await talk.get("/servers/detail", as: .member)) == ["second", "renamed"])
        try await talk.server("third")
        #expect(
            ServerListTests.names(await talk.get("/servers/detail", as: .member)) == ["third", "second", "renamed"])
    }

    @Test func everybodyGetsTheirOwnView() async throws {
        let talk = try await ComputeTalk()
        try await talk.server(on: "one")
        let all = "/servers/detail?all_tenants=1"
        #expect(await talk.get(all)["servers"]?.array?.first?["OS-EXT-SRV-ATTR:host"] == "one")
        let member = await talk.get("/servers/detail", as: .member)["servers"]?.array?.first
        #expect(member?["OS-EXT-SRV-ATTR:host"] == nil)
        #expect(member?["tags"] != nil)
        let old = await talk.get("/servers/detail", as: .member, at: "2.1")["servers"]?.array?.first
        #expect(old?["tags"] == nil)
        #expect(await talk.get("/servers/detail", as: .stranger)["servers"] == [])
    }

    @Test func aHostsStateIsThatOfTheMoment() async throws {
        let talk = try await ComputeTalk()
        try await talk.host("one")
        try await talk.server(on: "one")
        let status = { () async in
            await talk.get("/servers/detail?all_tenants=1")["servers"]?.array?.first?["host_status"]
        }
        #expect(await status() == "UP")
        let id = await talk.get("/os-services")["services"]?.array?.first?["id"]?.string ?? ""
        await talk.send("PUT", "/os-services/\(id)", ["forced_down": true])
        #expect(await status() == "DOWN")
        await talk.send("PUT", "/os-services/\(id)", ["forced_down": false, "status": "disabled"])
        #expect(await status() == "MAINTENANCE")
    }

    @Test func pagesFollowOneAnother() async throws {
        let talk = try await ComputeTalk()
        for number in 1...5 { try await talk.server("s\(number)") }
        let first = await talk.get("/servers/detail?limit=2", as: .member)
        #expect(ServerListTests.names(first) == ["s5", "s4"])
        #expect(first["servers_links"]?.array?.count == 1)
        let marker = first["servers"]?.array?.last?["id"]?.string ?? ""
        let last = await talk.get("/servers/detail?limit=3&marker=\(marker)", as: .member)
        #expect(ServerListTests.names(last) == ["s3", "s2", "s1"])
        #expect(last["servers_links"] == nil)
        #expect(await talk.get("/servers/detail?marker=none", as: .member).status == 400)
    }

    @Test func whatAGroupsEndChangesIsSeen() async throws {
        let talk = try await ComputeTalk()
        let wish: JSON = ["server_group": ["name": "g", "policy": "affinity"]]
        let group = await talk.send("POST", "/os-server-groups", wish, as: .member)["server_group"]?["id"]?.string ?? ""
        try await talk.server(group: group)
        // A list doesn't tell of groups.
        let listed = await talk.get("/servers/detail", as: .member)["servers"]?.array?.first
        #expect(listed?["server_groups"] == nil)
        let id = listed?["id"]?.string ?? ""
        let groups = { () async in await talk.get("/servers/\(id)", as: .member)["server"]?["server_groups"] }
        #expect(await groups() == [.string(group)])
        await talk.send("DELETE", "/os-server-groups/\(group)", as: .member)
        #expect(await groups() == [])
    }
}
