import API
import Base
import CloudTesting
import SQL
import Testing

@testable import Compute

@Suite struct QuotaTests {
    private static func set(_ talk: ComputeTalk, _ quotas: JSON, query: String = "") async -> Answer {
        await talk.send("PUT", "/os-quota-sets/project-1" + query, ["quota_set": quotas])
    }

    @Test func whatIsSetIsShownAndWhatIsResetIsUsualAgain() async throws {
        let talk = try await ComputeTalk()
        let usual = await talk.get("/os-quota-sets/project-1", as: .reader)
        #expect(usual["quota_set"]?["cores"] == 20)
        #expect(await QuotaTests.set(talk, ["cores": 7, "ram": "-1"])["quota_set"]?["ram"] == -1)
        #expect(await talk.get("/os-quota-sets/project-1", as: .reader)["quota_set"]?["cores"] == 7)
        #expect(await talk.get("/os-quota-sets/project-1/defaults", as: .reader)["quota_set"]?["cores"] == 20)
        #expect(await talk.send("DELETE", "/os-quota-sets/project-1").status == 202)
        #expect(await talk.get("/os-quota-sets/project-1", as: .reader)["quota_set"]?["cores"] == 20)
    }

    @Test func whatIsShownFollowsTheVersion() async throws {
        let talk = try await ComputeTalk()
        let names = { (version: String) async in
            await talk.get("/os-quota-sets/project-1", at: version)["quota_set"]?.object?.names.sorted() ?? []
        }
        #expect(await names("2.1").count == 15)
        #expect(await names("2.36").contains("floating_ips") == false)
        #expect(await names("2.56").contains("injected_files"))
        #expect(
            await names("2.57") == [
                "cores", "id", "instances", "key_pairs", "metadata_items", "ram", "server_group_members",
                "server_groups",
            ])
    }

    @Test func aLimitDoesNotFallBelowWhatIsUsedUnlessForced() async throws {
        let talk = try await ComputeTalk()
        try await talk.server(vcpus: 4)
        let refused = await QuotaTests.set(talk, ["cores": 3])
        #expect(refused.status == 400)
        #expect(refused.text.contains("greater than or equal to already used and reserved 4"))
        #expect(await QuotaTests.set(talk, ["cores": 3, "force": true]).status == 200)
        let detail = await talk.get("/os-quota-sets/project-1/detail", as: .reader)
        #expect(detail["quota_set"]?["cores"] == ["limit": 3, "in_use": 4, "reserved": 0])
    }

    @Test func aUsersLimitIsPartOfTheirProjects() async throws {
        let talk = try await ComputeTalk()
        #expect(await QuotaTests.set(talk, ["cores": 21], query: "?user_id=u").status == 400)
        #expect(await QuotaTests.set(talk, ["cores": 5], query: "?user_id=u").status == 200)
        #expect(await talk.get("/os-quota-sets/project-1?user_id=u")["quota_set"]?["cores"] == 5)
        #expect(await talk.get("/os-quota-sets/project-1")["quota_set"]?["cores"] == 20)
    }

    @Test func theDefaultClassHoldsForEverybody() async throws {
        let talk = try await ComputeTalk()
        let wish: JSON = ["quota_class_set": ["instances": 3]]
        #expect(await talk.send("PUT", "/os-quota-class-sets/default", wish)["quota_class_set"]?["instances"] == 3)
        #expect(await talk.get("/os-quota-sets/project-1", as: .reader)["quota_set"]?["instances"] == 3)
        #expect(await talk.get("/limits", as: .reader)["limits"]?["absolute"]?["maxTotalInstances"] == 3)
    }

    @Test func whatIsNoQuotaOrNoNumberIsRefused() async throws {
        let talk = try await ComputeTalk()
        #expect(await QuotaTests.set(talk, ["apples": 3]).status == 400)
        #expect(await QuotaTests.set(talk, ["cores": -2]).status == 400)
        #expect(await QuotaTests.set(talk, ["cores": "many"]).status == 400)
    }

    @Test func aProjectThatIsNoneIsSaidToBeNone() async throws {
        let talk = try await ComputeTalk { _ in (404, ["error": ["message": "no"]]) }
        let refused = await talk.get("/os-quota-sets/elsewhere")
        #expect(refused.status == 400)
        #expect(refused.text.contains("not a valid project"))
    }

    @Test func aServerCountsInEveryStateButDeleted() {
        let counted = ServerState.allCases.filter { ServerState.isThere.text.contains("'\($0.rawValue)'") }
        #expect(counted == ServerState.allCases.filter { $0 != .deleted })
    }

    @Test func oneSeesOnesOwn() async throws {
        let talk = try await ComputeTalk()
        #expect(await talk.get("/os-quota-sets/project-1", as: .stranger).status == 403)
        #expect(await talk.get("/limits?tenant_id=project-1", as: .stranger).status == 403)
        try await talk.server(vcpus: 2)
        let limits = await talk.get("/limits", as: .member)["limits"]?["absolute"]
        #expect(limits?["totalCoresUsed"] == 2)
        #expect(limits?["totalInstancesUsed"] == 1)
        #expect(limits?["maxImageMeta"] == nil)
    }
}
