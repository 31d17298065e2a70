import Base
import CloudTesting
import HTTP
import Testing

@testable import Placement

@Suite struct ProviderTests {
    let talk: Talk

    init() async throws { talk = try Talk(try await Placement.fixture()) }

    @Test func aProviderIsMadeShownChangedAndDeleted() async {
        let made = await talk.send("POST", "/resource_providers", ["name": "node", "uuid": .string(uuid(1))])
        #expect(made.status == 200)
        #expect(made.headers["location"] == "http://cloud.test/placement/resource_providers/\(uuid(1))")
        #expect(made["generation"] == 0)
        #expect(made["root_provider_uuid"] == .string(uuid(1)))

        let changed = await talk.send("PUT", "/resource_providers/\(uuid(1))", ["name": "other"])
        #expect(changed["name"] == "other")
        #expect(await talk.send("DELETE", "/resource_providers/\(uuid(1))").status == 204)
        #expect(await talk.send("GET", "/resource_providers/\(uuid(1))").status == 404)
    }

    @Test func aNameIsTakenOnlyOnce() async {
        await talk.provider("node", id: uuid(1))
        let again = await talk.send("POST", "/resource_providers", ["name": "node"])
        #expect(again.status == 409)
        #expect(again["errors"]?.array?.first?["code"] == "placement.duplicate_name")
    }

    @Test func aTreeMovesAsAWhole() async {
        await talk.provider("a", id: uuid(1))
        await talk.provider("b", id: uuid(2), parent: uuid(1))
        await talk.provider("c", id: uuid(3), parent: uuid(2))
        await talk.provider("d", id: uuid(4))
        let moved = await talk.send(
            "PUT", "/resource_providers/\(uuid(2))", ["name": "b", "parent_provider_uuid": .string(uuid(4))])
        #expect(moved.status == 200)
        let leaf = await talk.send("GET", "/resource_providers/\(uuid(3))")
        #expect(leaf["root_provider_uuid"] == .string(uuid(4)))
    }

    @Test func aTreeNeverBecomesACircle() async {
        await talk.provider("a", id: uuid(1))
        await talk.provider("b", id: uuid(2), parent: uuid(1))
        let answer = await talk.send(
            "PUT", "/resource_providers/\(uuid(1))", ["name": "a", "parent_provider_uuid": .string(uuid(2))])
        #expect(answer.status == 400)
    }

    @Test func aParentStaysWhileItHasChildren() async {
        await talk.provider("a", id: uuid(1))
        await talk.provider("b", id: uuid(2), parent: uuid(1))
        let refused = await talk.send("DELETE", "/resource_providers/\(uuid(1))")
        #expect(refused.status == 409)
        #expect(
            refused["errors"]?.array?.first?["code"] == "placement.resource_provider.cannot_delete_parent")
    }

    @Test func whoKnewAnOlderGenerationIsRefused() async {
        let generation = await talk.provider("a", id: uuid(1), ["VCPU": 4])
        let body: JSON = ["resource_provider_generation": .integer(generation - 1), "inventories": [:]]
        let refused = await talk.send("PUT", "/resource_providers/\(uuid(1))/inventories", body)
        #expect(refused.status == 409)
        #expect(refused["errors"]?.array?.first?["code"] == "placement.concurrent_update")
    }

    @Test func aWrongBodyIsNamedInTheWordsOfJSONSchema() async {
        await talk.provider("a", id: uuid(1))
        let answer = await talk.send(
            "POST", "/resource_providers/\(uuid(1))/inventories", ["resource_class": "VCPU", "total": 0])
        #expect(answer.status == 400)
        let detail = answer["errors"]?.array?.first?["detail"]?.string ?? ""
        #expect(detail.hasPrefix("JSON does not validate: 0 is less than the minimum of 1"))
        #expect(detail.contains("Failed validating 'minimum' in schema['properties']['total']"))
    }

    @Test func olderVersionsKnowLess() async {
        await talk.provider("a", id: uuid(1))
        let old = await talk.at("1.0").send("GET", "/resource_providers/\(uuid(1))")
        #expect(old["root_provider_uuid"] == nil)
        #expect(old["links"]?.array?.count == 3)
        #expect(old.headers["last-modified"] == nil)
        #expect(await talk.at("1.1").send("GET", "/resource_classes").status == 404)
        #expect(await talk.at("1.4").send("DELETE", "/resource_providers/\(uuid(1))/inventories").status == 405)
        let unknown = await talk.at("1.40").send("GET", "/")
        #expect(unknown.status == 406)
        #expect(unknown["errors"]?.array?.first?["max_version"] == "1.39")
    }
}
