import Base
import CloudTesting
import Testing

@testable import Identity

@Suite struct RegionTests {
    let talk: Conversation

    init() async throws { talk = try await Conversation.withIdentity() }

    @Test func aRegionIsMadeShownChangedAndDeleted() async {
        let made = await talk.post("/identity/v3/regions", ["region": ["id": "north", "extra": "kept"]], as: .admin)
        #expect(made.status == 201)
        #expect(made["region"]?["links"]?["self"] == "http://cloud.test/identity/v3/regions/north")

        let shown = await talk.get("/identity/v3/regions/north", as: .nobody)
        #expect(shown["region"]?["description"] == "")
        #expect(shown["region"]?["extra"] == "kept")

        let changed = await talk.patch("/identity/v3/regions/north", ["region": ["description": "cold"]], as: .admin)
        #expect(changed["region"]?["description"] == "cold")

        #expect(await talk.delete("/identity/v3/regions/north", as: .admin).status == 204)
        #expect(await talk.get("/identity/v3/regions/north", as: .admin).status == 404)
    }

    @Test func anIDIsTakenOnlyOnce() async {
        _ = await talk.post("/identity/v3/regions", ["region": ["id": "north"]], as: .admin)
        let again = await talk.post("/identity/v3/regions", ["region": ["id": "north"]], as: .admin)
        #expect(again.status == 409)
        #expect(again["error"]?["title"] == "Conflict")
    }

    @Test func onlyAdministratorsChangeRegions() async {
        #expect(await talk.post("/identity/v3/regions", ["region": ["id": "x"]], as: nil).status == 401)
        let refused = await talk.post("/identity/v3/regions", ["region": ["id": "x"]], as: .member)
        #expect(refused.status == 403)
        #expect(
            refused["error"]?["message"]
                == "You are not authorized to perform the requested action: identity:create_region.")
    }

    @Test func aWrongFieldIsNamed() async {
        let answer = await talk.post("/identity/v3/regions", ["region": ["id": 7]], as: .admin)
        #expect(answer.status == 400)
        #expect(answer["error"]?["message"] == "region.id: must be a string, not an integer")
    }
}
