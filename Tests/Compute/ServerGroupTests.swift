import API
import Base
import CloudTesting
import Testing

@testable import Compute

@Suite struct ServerGroupTests {
    private static func group(_ talk: ComputeTalk, _ policy: String = "affinity") async -> String {
        let wish: JSON = ["server_group": ["name": "together", "policy": .string(policy)]]
        let made = await talk.send("POST", "/os-server-groups", wish, as: .member)
        return made["server_group"]?["id"]?.string ?? ""
    }

    @Test func itsShapeFollowsTheVersion() async throws {
        let talk = try await ComputeTalk()
        let old: JSON = ["server_group": ["name": "apart", "policies": ["anti-affinity"]]]
        let first = await talk.send("POST", "/os-server-groups", old, as: .member, at: "2.1")
        #expect(first.status == 200)
        #expect(first["server_group"]?["policies"] == ["anti-affinity"])
        #expect(first["server_group"]?["project_id"] == nil)
        let new: JSON = [
            "server_group": ["name": "few", "policy": "anti-affinity", "rules": ["max_server_per_host": 3]]
        ]
        let second = await talk.send("POST", "/os-server-groups", new, as: .member)
        #expect(second["server_group"]?["policy"] == "anti-affinity")
        #expect(second["server_group"]?["rules"] == ["max_server_per_host": 3])
        #expect(second["server_group"]?["project_id"] == "project-1")
        #expect(await talk.send("POST", "/os-server-groups", old, as: .member).status == 400)
    }

    @Test func rulesAreForThoseThatStandApart() async throws {
        let talk = try await ComputeTalk()
        let wish: JSON = ["server_group": ["name": "x", "policy": "affinity", "rules": ["max_server_per_host": 3]]]
        #expect(await talk.send("POST", "/os-server-groups", wish, as: .member).status == 400)
    }

    @Test func membersAreTheServersThatAreThere() async throws {
        let talk = try await ComputeTalk()
        let id = await ServerGroupTests.group(talk)
        let member = try await talk.server(group: id)
        try await talk.server("gone", state: .deleted, group: id)
        let shown = await talk.get("/os-server-groups/\(id)", as: .reader)
        #expect(shown["server_group"]?["members"] == [.string(member)])
        let server = await talk.get("/servers/\(member)", as: .member)
        #expect(server["server"]?["server_groups"] == [.string(id)])
        #expect(await talk.send("DELETE", "/os-server-groups/\(id)", as: .member).status == 204)
        #expect(await talk.get("/servers/\(member)", as: .member)["server"]?["server_groups"] == [])
    }

    @Test func itIsItsProjectsOnly() async throws {
        let talk = try await ComputeTalk()
        let id = await ServerGroupTests.group(talk)
        #expect(await talk.get("/os-server-groups/\(id)", as: .stranger).status == 404)
        #expect(await talk.send("DELETE", "/os-server-groups/\(id)", as: .reader).status == 403)
        #expect(await talk.get("/os-server-groups", as: .stranger)["server_groups"] == [])
        #expect(await talk.get("/os-server-groups", as: .admin)["server_groups"] == [])
        #expect(await talk.get("/os-server-groups?all_projects=1")["server_groups"]?.array?.count == 1)
        #expect(await talk.get("/os-server-groups?all_projects=1", as: .stranger)["server_groups"] == [])
    }

    @Test func thereAreNoMoreThanTheQuotaAllows() async throws {
        var settings = ComputeSettings()
        settings.serverGroups = 1
        let talk = try await ComputeTalk(settings: settings)
        _ = await ServerGroupTests.group(talk)
        let wish: JSON = ["server_group": ["name": "one more", "policy": "affinity"]]
        let refused = await talk.send("POST", "/os-server-groups", wish, as: .member)
        #expect(refused.status == 403)
        #expect(refused["forbidden"]?["message"] == "Quota exceeded, too many server groups.")
    }
}
