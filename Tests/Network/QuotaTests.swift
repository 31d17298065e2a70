import Base
import CloudTesting
import Testing

@testable import Network

@Suite struct QuotaTests {
    let talk: NetworkTalk

    init() async throws { talk = try await NetworkTalk() }

    @Test func aQuotaEndsWhatAProjectMayMakeAndCountsDown() async {
        let changed = await talk.put("/quotas/project-1", ["quota": ["network": 2]], as: .admin)
        #expect(changed["quota"]?["network"] == 2)
        let first = await talk.network("a")
        _ = await talk.network("b")
        let refused = await talk.post("/networks", ["network": ["name": "c"]])
        #expect(refused.status == 409)
        #expect(refused.errorType == "OverQuota")
        let details = await talk.get("/quotas/project-1/details", as: .admin)["quota"]
        #expect(details?["network"] == ["limit": 2, "used": 2, "reserved": 0])
        #expect(await talk.delete("/networks/\(first)").status == 204)
        #expect(await talk.post("/networks", ["network": ["name": "c"]]).status == 201)
        #expect(await talk.delete("/quotas/project-1", as: .admin).status == 204)
        #expect(await talk.get("/quotas/project-1", as: .admin)["quota"]?["network"] == 100)
    }

    @Test func severalAtOnceAreCountedTogether() async {
        _ = await talk.put("/quotas/project-1", ["quota": ["network": 2]], as: .admin)
        let body: JSON = ["networks": [["name": "a"], ["name": "b"], ["name": "c"]]]
        #expect(await talk.post("/networks", body).errorType == "OverQuota")
        #expect(await talk.get("/networks")["networks"]?.array?.count == 0)
    }

    /// Whatever is made and deleted, the use that is told is the number of things that are there.
    @Test(arguments: 1...4 as ClosedRange<UInt64>) func useIsWhatIsThere(seed: UInt64) async throws {
        let talk = try await NetworkTalk(seed: seed)
        let chance = SeededChance(seed: seed)
        var networks: [String] = []
        for step in 0..<40 {
            if chance.below(2) == 0 || networks.isEmpty {
                networks.append(await talk.network("n\(step)"))
            } else {
                let victim = networks.remove(at: chance.below(networks.count))
                #expect(await talk.delete("/networks/\(victim)").status == 204)
            }
        }
        let used = await talk.get("/quotas/project-1/details", as: .admin)["quota"]?["network"]?["used"]
        #expect(used?.integer == Int64(networks.count))
    }

    @Test func onlyAdministratorsChangeQuotas() async {
        #expect(await talk.put("/quotas/project-1", ["quota": ["network": 2]], as: .manager).status == 403)
        for own in ["", "/default", "/details"] {
            #expect(await talk.get("/quotas/project-1\(own)", as: .member).status == 200)
            #expect(await talk.get("/quotas/project-2\(own)", as: .member).status == 403)
        }
        #expect(await talk.get("/quotas/project-1", as: .stranger).status == 403)
        #expect(await talk.put("/quotas/project-1", ["quota": ["network": -2]], as: .admin).status == 400)
    }
}
