import Base
import CloudTesting
import Testing

@testable import Image

@Suite struct MemberTests {
    let talk: Conversation
    let image: String

    init() async throws {
        talk = try await Conversation.aboutImages()
        image = try await talk.image(["name": "lent"])
    }

    private func listed(_ query: String) async -> Int? {
        await talk.get("/image/v2/images" + query, as: .stranger)["images"]?.array?.count
    }

    @Test func whoIsGivenAnImageMayTakeIt() async {
        #expect(await talk.get(image, as: .stranger).status == 404)
        let made = await talk.post(image + "/members", ["member": "project-2"], as: .member)
        #expect(made.status == 200)
        #expect(made["status"] == "pending")
        #expect(await talk.get(image, as: .stranger).status == 200)
        #expect(await listed("") == 0)
        #expect(await listed("?member_status=pending&visibility=shared") == 1)

        let taken = await talk.put(image + "/members/project-2", ["status": "accepted"], as: .stranger)
        #expect(taken["status"] == "accepted")
        #expect(await listed("") == 1)

        #expect(await talk.delete(image + "/members/project-2", as: .member).status == 204)
        #expect(await talk.get(image, as: .stranger).status == 404)
    }

    @Test func theOwnerCannotSpeakForTheMember() async {
        _ = await talk.post(image + "/members", ["member": "project-2"], as: .member)
        #expect(await talk.put(image + "/members/project-2", ["status": "accepted"], as: .member).status == 403)
        #expect(await talk.post(image + "/members", ["member": "project-3"], as: .stranger).status == 403)
    }

    @Test func aMemberIsNamedOnce() async {
        _ = await talk.post(image + "/members", ["member": "project-2"], as: .member)
        #expect(await talk.post(image + "/members", ["member": "project-2"], as: .member).status == 409)
        #expect(await talk.post(image + "/members", ["member": ""], as: .member).status == 400)
        #expect(await talk.get(image + "/members", as: .member)["members"]?.array?.count == 1)
    }

    @Test func onlySharedImagesHaveMembers() async throws {
        let own = try await talk.image(["visibility": "private"])
        #expect(await talk.post(own + "/members", ["member": "project-2"], as: .member).status == 403)
    }
}
