import Base
import CloudTesting
import HTTP
import Testing

@testable import Image

@Suite struct MetadefTests {
    let talk: Conversation
    private let base = "/image/v2/metadefs/namespaces"

    init() async throws { talk = try await Conversation.aboutImages() }

    @Test func aNamespaceIsMadeShownChangedAndDeleted() async {
        let made = await talk.post(
            base,
            [
                "namespace": "my", "visibility": "public", "tags": [["name": "t"]],
                "properties": ["cpu": ["title": "CPU", "type": "string"]],
                "resource_type_associations": [["name": "OS::Glance::Image", "prefix": "hw_"]],
                "objects": [["name": "o", "properties": ["x": ["title": "X", "type": "string"]]]],
            ], as: .admin)
        #expect(made.status == 201, "\(made.text)")
        let shown = await talk.get(base + "/my?resource_type=OS::Glance::Image", as: .reader)
        #expect(shown["properties"]?["hw_cpu"]?["title"] == "CPU")
        #expect(shown["objects"]?.array?.first?["properties"]?["hw_x"] != nil)
        #expect(shown["tags"] == [["name": "t"]])

        let changed = await talk.put(base + "/my", ["namespace": "mine", "protected": true], as: .admin)
        #expect(changed["visibility"] == "private")
        #expect(await talk.get(base + "/mine", as: .member).status == 404)
        #expect(await talk.get(base + "/mine/tags/t", as: .admin).status == 200)
        #expect(await talk.delete(base + "/mine", as: .admin).status == 403)
        _ = await talk.put(base + "/mine", ["namespace": "mine"], as: .admin)
        #expect(await talk.delete(base + "/mine", as: .admin).status == 204)
    }

    @Test func onlyAdministratorsDefine() async {
        #expect(await talk.post(base, ["namespace": "my"], as: .member).status == 403)
        _ = await talk.post(base, ["namespace": "my", "visibility": "public"], as: .admin)
        #expect(await talk.post(base + "/my/objects", ["name": "o"], as: .member).status == 403)
        #expect(await talk.post(base + "/my/objects", ["name": "o"], as: .admin).status == 201)
        #expect(await talk.post(base + "/my/objects", ["name": "o"], as: .admin).status == 409)
        #expect(await talk.get(base + "/my/objects/o", as: .reader)["name"] == "o")
    }

    @Test func tagsReplaceOrJoinThoseThatAreThere() async {
        _ = await talk.post(base, ["namespace": "my"], as: .admin)
        _ = await talk.post(base + "/my/tags", ["tags": [["name": "a"]]], as: .admin)
        _ = await talk.post(base + "/my/tags", ["tags": [["name": "b"]]], as: .admin)
        #expect(await talk.get(base + "/my/tags", as: .admin)["tags"] == [["name": "b"]])
        _ = await talk.post(
            base + "/my/tags", ["tags": [["name": "c"]]], as: .admin, headers: ["X-Openstack-Append": "true"])
        #expect(await talk.get(base + "/my/tags", as: .admin)["tags"]?.array?.count == 2)
        #expect(await talk.delete(base + "/my/tags", as: .admin).status == 204)
        #expect(await talk.get(base + "/my/tags", as: .admin)["tags"] == [])
    }
}
