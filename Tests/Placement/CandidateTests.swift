import API
import Base
import CloudTesting
import Contracts
import Policy
import SQL
import Testing

@testable import Placement

@Suite struct CandidateTests {
    let placement: Placement
    let talk: Talk

    init() async throws {
        placement = try await Placement.fixture()
        talk = try Talk(placement)
    }

    private func choices(_ query: String, version: String = "1.39") async -> [JSON] {
        await talk.at(version).send("GET", "/allocation_candidates?" + query)["allocation_requests"]?.array ?? []
    }

    @Test func onlyProvidersWithRoomAreOffered() async {
        await talk.provider("small", id: uuid(1), ["VCPU": 2])
        await talk.provider("large", id: uuid(2), ["VCPU": 8])
        let found = await choices("resources=VCPU:4")
        #expect(found.map { $0["allocations"] } == [[uuid(2): ["resources": ["VCPU": 4]]]])
        _ = await talk.claim(uuid(9), [uuid(2): ["VCPU": 5]])
        #expect(await choices("resources=VCPU:4").isEmpty)
    }

    @Test func whatIsOfferedCanBeClaimedAsItStands() async {
        await talk.provider("node", id: uuid(1), ["VCPU": 2, "MEMORY_MB": 512])
        let found = await choices("resources=VCPU:1,MEMORY_MB:256")
        guard case .object(var body)? = found.first else {
            Issue.record("nothing was offered")
            return
        }
        body["project_id"] = "p"
        body["user_id"] = "u"
        body["consumer_generation"] = .null
        body["consumer_type"] = "INSTANCE"
        #expect(await talk.send("PUT", "/allocations/\(uuid(9))", .object(body)).status == 204)
    }

    @Test func traitsAreRequiredForbiddenAndChosenFrom() async {
        await talk.send("PUT", "/traits/CUSTOM_GOLD")
        await talk.provider("plain", id: uuid(1), ["VCPU": 2])
        await talk.provider("gold", id: uuid(2), ["VCPU": 2], traits: ["CUSTOM_GOLD"])
        await talk.provider("fast", id: uuid(3), ["VCPU": 2], traits: ["HW_CPU_X86_AVX2"])
        #expect(await choices("resources=VCPU:1&required=CUSTOM_GOLD").count == 1)
        #expect(await choices("resources=VCPU:1&required=!CUSTOM_GOLD").count == 2)
        #expect(await choices("resources=VCPU:1&required=in:CUSTOM_GOLD,HW_CPU_X86_AVX2").count == 2)
        let unknown = await talk.send("GET", "/allocation_candidates?resources=VCPU:1&required=CUSTOM_TIN")
        #expect(unknown.status == 400)
    }

    @Test func aSharedStoreGivesToAllWhoAreInItsAggregate() async {
        await talk.provider("store", id: uuid(1), ["DISK_GB": 100], traits: [Trait.sharing], aggregates: [uuid(50)])
        await talk.provider("in", id: uuid(2), ["VCPU": 2], aggregates: [uuid(50)])
        await talk.provider("out", id: uuid(3), ["VCPU": 2])
        let found = await choices("resources=VCPU:1,DISK_GB:10")
        #expect(
            found.map { $0["allocations"] } == [
                [uuid(1): ["resources": ["DISK_GB": 10]], uuid(2): ["resources": ["VCPU": 1]]]
            ])
    }

    @Test func isolatedGroupsHaveProvidersOfTheirOwn() async {
        await talk.provider("node", id: uuid(1), ["VCPU": 2])
        await talk.provider("card1", id: uuid(2), parent: uuid(1), ["SRIOV_NET_VF": 4])
        await talk.provider("card2", id: uuid(3), parent: uuid(1), ["SRIOV_NET_VF": 4])
        let query = "resources=VCPU:1&resources1=SRIOV_NET_VF:2&resources2=SRIOV_NET_VF:2&group_policy="
        let isolated = await choices(query + "isolate")
        #expect(isolated.count == 2)
        #expect(isolated.allSatisfy { $0["mappings"]?["1"] != $0["mappings"]?["2"] })
        #expect(await choices(query + "none").count == 4)
        #expect(await talk.send("GET", "/allocation_candidates?" + query.dropLast(14)).status == 400)
    }

    @Test func groupsOfOneSubtreeStandBelowOneOfThem() async {
        await talk.provider("node", id: uuid(1))
        for numa in [10, 20] {
            await talk.provider("numa\(numa)", id: uuid(numa), parent: uuid(1), ["VCPU": 4])
            await talk.provider("card\(numa)", id: uuid(numa + 1), parent: uuid(numa), ["FPGA": 1])
        }
        let query = "resources_CPU=VCPU:1&resources_CARD=FPGA:1&group_policy=none"
        #expect(await choices(query).count == 4)
        #expect(await choices(query + "&same_subtree=_CPU,_CARD").count == 2)
        #expect(await choices("resources=VCPU:1,FPGA:1", version: "1.28").isEmpty)
    }

    @Test func aLimitLimitsAndSummariesFollow() async {
        for number in 1...5 { await talk.provider("node\(number)", id: uuid(number), ["VCPU": 2]) }
        let answer = await talk.send("GET", "/allocation_candidates?resources=VCPU:1&limit=2")
        #expect(answer["allocation_requests"]?.array?.count == 2)
        #expect(answer["provider_summaries"]?.object?.members.count == 2)
    }

    @Test func aSearchOfAnySizeReadsTheStoreOnce() async throws {
        let access = PlacementAccess(
            placement, policy: try Policy(placement.api.rules, definitions: Placement.definitions))
        for number in 1...300 {
            try await access.ensure(
                ProviderDescription(
                    id: ID(uuid(number)), name: "node\(number)",
                    inventories: ["VCPU": InventoryDescription(total: 8)], traits: ["CUSTOM_NODE"]),
                as: Persona.service.caller)
        }
        let before = placement.database.counts.reads
        let found = try await access.candidates(
            CandidateRequest(groups: ["": .init(resources: ["VCPU": 1], required: [["CUSTOM_NODE"]])]),
            as: Persona.service.caller)
        #expect(found.choices.count == 300)
        #expect(placement.database.counts.reads == before + 1)
    }
}

@Suite struct PlacementAccessTests {
    @Test func neighboursGetWhatTheDoorGives() async throws {
        let placement = try await Placement.fixture()
        let policy = try Policy(placement.api.rules, definitions: Placement.definitions)
        let access: any PlacementContract = PlacementAccess(placement, policy: policy)
        let node = ProviderDescription(
            id: ID(uuid(1)), name: "node",
            inventories: ["VCPU": InventoryDescription(total: 4), "CUSTOM_SLOT": InventoryDescription(total: 1)],
            traits: ["CUSTOM_GOLD"], aggregates: [uuid(50)])
        let service = Persona.service.caller
        let generation = try await access.ensure(node, as: service)
        #expect(try await access.ensure(node, as: service) == generation)

        let request = CandidateRequest(groups: ["": .init(resources: ["VCPU": 2])])
        let choice = try #require(try await access.candidates(request, as: service).choices.first)
        let claim = Claim(
            consumer: ID(uuid(9)), project: "p", user: "u", type: "INSTANCE", expectation: .new,
            allocations: choice.allocations)
        try await access.claim([claim], as: service)
        #expect(try await access.claim(of: ID(uuid(9)), as: service)?.allocations == choice.allocations)
        await #expect(throws: Failure.self) { try await access.claim([claim], as: service) }

        try await access.release(ID(uuid(9)), as: service)
        try await access.release(ID(uuid(9)), as: service)
        try await access.remove(node.id, as: service)
        try await access.remove(node.id, as: service)
        await #expect(throws: Failure.self) { try await access.candidates(request, as: Persona.member.caller) }
    }
}
