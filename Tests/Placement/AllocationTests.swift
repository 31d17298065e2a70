import Base
import CloudTesting
import Testing

@testable import Placement

@Suite struct AllocationTests {
    let talk: Talk

    init() async throws {
        talk = try Talk(try await Placement.fixture())
        await talk.provider("node", id: uuid(1), ["VCPU": 8, "MEMORY_MB": 1024])
    }

    @Test func whatAConsumerHoldsIsShownFromBothSides() async {
        #expect(await talk.claim(uuid(9), [uuid(1): ["VCPU": 2, "MEMORY_MB": 512]]).status == 204)
        let held = await talk.send("GET", "/allocations/\(uuid(9))")
        #expect(held["allocations"]?[uuid(1)]?["resources"] == ["VCPU": 2, "MEMORY_MB": 512])
        #expect(held["consumer_generation"] == 1)
        #expect(held["consumer_type"] == "INSTANCE")
        let given = await talk.send("GET", "/resource_providers/\(uuid(1))/allocations")
        #expect(given["allocations"]?[uuid(9)]?["resources"] == ["VCPU": 2, "MEMORY_MB": 512])
        let usages = await talk.send("GET", "/resource_providers/\(uuid(1))/usages")
        #expect(usages["usages"] == ["VCPU": 2, "MEMORY_MB": 512])
    }

    @Test func moreThanThereIsIsRefusedAsAWhole() async {
        let refused = await talk.claim(uuid(9), [uuid(1): ["VCPU": 2, "MEMORY_MB": 1025]])
        #expect(refused.status == 409)
        #expect(await talk.send("GET", "/allocations/\(uuid(9))")["allocations"] == [:])
        #expect(await talk.send("GET", "/resource_providers/\(uuid(1))/usages")["usages"]?["VCPU"] == 0)
    }

    @Test func twoWhoChangeAConsumerAtOnceNotice() async {
        _ = await talk.claim(uuid(9), [uuid(1): ["VCPU": 2]])
        let late = await talk.claim(uuid(9), [uuid(1): ["VCPU": 1]])
        #expect(late.status == 409)
        #expect(late["errors"]?.array?.first?["code"] == "placement.concurrent_update")
        #expect(await talk.claim(uuid(9), [uuid(1): ["VCPU": 1]], generation: 1).status == 204)
    }

    @Test func aConsumerIsForgottenWithItsLastAllocation() async {
        _ = await talk.claim(uuid(9), [uuid(1): ["VCPU": 2]])
        #expect(await talk.claim(uuid(9), [:], generation: 1).status == 204)
        #expect(await talk.claim(uuid(9), [uuid(1): ["VCPU": 2]]).status == 204)
        #expect(await talk.send("DELETE", "/allocations/\(uuid(9))").status == 204)
        #expect(await talk.send("DELETE", "/allocations/\(uuid(9))").status == 404)
        #expect(await talk.send("GET", "/usages?project_id=project-1")["usages"] == [:])
    }

    @Test func thingsMoveFromOneConsumerToAnotherAtOnce() async {
        _ = await talk.claim(uuid(8), [uuid(1): ["VCPU": 8]])
        let moved = await talk.send(
            "POST", "/allocations",
            [
                uuid(8): JSON.claim([:], generation: 1),
                uuid(9): JSON.claim([uuid(1): ["VCPU": 8]]),
            ])
        #expect(moved.status == 204)
        #expect(await talk.send("GET", "/allocations/\(uuid(8))")["allocations"] == [:])
        #expect(await talk.send("GET", "/allocations/\(uuid(9))")["consumer_generation"] == 1)
    }

    @Test func aProjectSeesItsOwnUsageByTypeOfConsumer() async {
        _ = await talk.claim(uuid(8), [uuid(1): ["VCPU": 2]])
        _ = await talk.claim(uuid(9), [uuid(1): ["VCPU": 3]])
        let own = await talk.send("GET", "/usages?project_id=project-1", as: .reader)
        #expect(own["usages"]?["INSTANCE"] == ["VCPU": 5, "consumer_count": 2])
        #expect(await talk.send("GET", "/usages?project_id=project-1", as: .stranger).status == 403)
    }

    @Test func inventoryInUseShrinksButDoesNotGo() async {
        _ = await talk.claim(uuid(9), [uuid(1): ["VCPU": 6]])
        let refused = await talk.at("1.5").send("DELETE", "/resource_providers/\(uuid(1))/inventories")
        #expect(refused.status == 409)
        #expect(refused["errors"]?.array?.first?["code"] == "placement.inventory.inuse")
        let generation = await talk.send("GET", "/resource_providers/\(uuid(1))")["generation"] ?? 0
        let shrunk = await talk.send(
            "PUT", "/resource_providers/\(uuid(1))/inventories/VCPU",
            ["resource_provider_generation": generation, "total": 4])
        #expect(shrunk.status == 200)
        // Over capacity: nothing more may be taken, but less than before.
        #expect(await talk.claim(uuid(8), [uuid(1): ["VCPU": 1]]).status == 409)
        #expect(await talk.claim(uuid(9), [uuid(1): ["VCPU": 4]], generation: 1).status == 204)
    }

    @Test func capacityIsRespectedWhoeverAsksAtOnce() async {
        let talk = talk
        let statuses = await withTaskGroup(of: Int.self) { group in
            for number in 100..<140 {
                group.addTask { await talk.claim(uuid(number), [uuid(1): ["VCPU": 1]]).status }
            }
            return await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(statuses.filter { $0 == 204 }.count == 8)
        #expect(statuses.filter { $0 == 409 }.count == 32)
        #expect(await talk.send("GET", "/resource_providers/\(uuid(1))/usages")["usages"]?["VCPU"] == 8)
    }

    @Test func reshapingMovesWhatIsHeldWithTheInventory() async {
        let child = await talk.provider("child", id: uuid(2), parent: uuid(1))
        _ = await talk.claim(uuid(9), [uuid(1): ["VCPU": 2, "MEMORY_MB": 512]])
        let generation = await talk.send("GET", "/resource_providers/\(uuid(1))")["generation"] ?? 0
        let body: JSON = [
            "inventories": [
                uuid(1): [
                    "resource_provider_generation": generation, "inventories": ["MEMORY_MB": ["total": 1024]],
                ],
                uuid(2): [
                    "resource_provider_generation": .integer(child), "inventories": ["VCPU": ["total": 8]],
                ],
            ],
            "allocations": [
                uuid(9): JSON.claim([uuid(1): ["MEMORY_MB": 512], uuid(2): ["VCPU": 2]], generation: 1)
            ],
        ]
        #expect(await talk.send("POST", "/reshaper", body, as: .admin).status == 403)
        #expect(await talk.send("POST", "/reshaper", body, as: .service).status == 204)
        #expect(await talk.send("GET", "/resource_providers/\(uuid(1))/usages")["usages"] == ["MEMORY_MB": 512])
        #expect(await talk.send("GET", "/resource_providers/\(uuid(2))/usages")["usages"] == ["VCPU": 2])
    }
}
