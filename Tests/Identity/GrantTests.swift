import Base
import CloudTesting
import Testing

@testable import Identity

@Suite struct GrantTests {
    let talk: Conversation
    private let base = "/identity/v3"

    init() async throws { talk = try await Conversation.withIdentity() }

    @Test func aRoleIsGrantedAndTakenBack() async throws {
        let (project, user, role) = (
            try await make("project", ["name": "p"]), try await make("user", ["name": "u"]),
            try await make("role", ["name": "r"])
        )
        let grant = "\(base)/projects/\(project)/users/\(user)/roles/\(role)"
        #expect(await talk.get(grant, as: .admin).status == 404)
        #expect(await talk.put(grant, as: .admin).status == 204)
        #expect(await talk.put(grant, as: .admin).status == 204, "granting twice is granting once")
        #expect(await talk.get(grant, as: .admin).status == 204)
        #expect(await assignments("user.id=\(user)").count == 1)
        #expect(await talk.delete(grant, as: .admin).status == 204)
        #expect(await talk.delete(grant, as: .admin).status == 404)
        #expect(await assignments("user.id=\(user)").isEmpty)
    }

    @Test func whatIsInheritedReachesTheProjectsBelowAndNotTheProjectItself() async throws {
        let parent = try await make("project", ["name": "parent"])
        let child = try await make("project", ["name": "child", "parent_id": .string(parent)])
        let grandchild = try await make("project", ["name": "grandchild", "parent_id": .string(child)])
        let (user, role) = (try await make("user", ["name": "u"]), try await make("role", ["name": "r"]))
        let grant = "\(base)/OS-INHERIT/projects/\(parent)/users/\(user)/roles/\(role)/inherited_to_projects"
        #expect(await talk.put(grant, as: .admin).status == 204)
        let effective = await assignments("effective&user.id=\(user)")
        #expect(Set(effective.compactMap { $0["scope"]?["project"]?["id"]?.string }) == [child, grandchild])
        let inTree = await assignments("effective&include_subtree&scope.project.id=\(child)&role.id=\(role)")
        #expect(inTree.count == 2)
    }

    @Test func anEffectiveListFollowsGroupsAndImpliedRoles() async throws {
        let (prior, implied) = (try await make("role", ["name": "prior"]), try await make("role", ["name": "implied"]))
        let (group, user) = (try await make("group", ["name": "g"]), try await make("user", ["name": "u"]))
        let project = try await make("project", ["name": "p"])
        #expect(await talk.put("\(base)/roles/\(prior)/implies/\(implied)", as: .admin).status == 201)
        #expect(await talk.put("\(base)/groups/\(group)/users/\(user)", as: .admin).status == 204)
        #expect(await talk.put("\(base)/projects/\(project)/groups/\(group)/roles/\(prior)", as: .admin).status == 204)
        let effective = await assignments("effective&include_names&user.id=\(user)")
        #expect(Set(effective.compactMap { $0["role"]?["name"]?.string }) == ["prior", "implied"])
        #expect(effective.allSatisfy { $0["user"]?["name"] == "u" && $0["links"]?["membership"] != nil })
        #expect(await assignments("user.id=\(user)").isEmpty, "what was granted was granted to the group")
    }

    @Test func aRoleOfADomainIsGrantedInThatDomainOnly() async throws {
        let domain = try await make("domain", ["name": "d"])
        let role = try await make("role", ["name": "r", "domain_id": .string(domain)])
        let (inside, outside) = (
            try await make("project", ["name": "in", "domain_id": .string(domain)]),
            try await make("project", ["name": "out"])
        )
        let user = try await make("user", ["name": "u"])
        #expect(await talk.put("\(base)/projects/\(inside)/users/\(user)/roles/\(role)", as: .admin).status == 204)
        #expect(await talk.put("\(base)/projects/\(outside)/users/\(user)/roles/\(role)", as: .admin).status == 403)
        #expect(await talk.put("\(base)/system/users/\(user)/roles/\(role)", as: .admin).status == 400)
        #expect(await assignments("effective&user.id=\(user)").isEmpty, "a domain's role is never in force itself")
    }

    @Test func filtersThatContradictOneAnotherAreRefused() async {
        for query in ["user.id=a&group.id=b", "scope.project.id=a&scope.domain.id=b", "effective&group.id=a"] {
            #expect(await talk.get("\(base)/role_assignments?\(query)", as: .admin).status == 400, "\(query)")
        }
    }

    private func assignments(_ query: String) async -> [JSON] {
        await talk.get("\(base)/role_assignments?\(query)", as: .admin)["role_assignments"]?.array ?? []
    }

    private func make(_ noun: String, _ body: JSON) async throws -> String {
        let made = await talk.post("\(base)/\(noun)s", .object(.init([.init(name: noun, value: body)])), as: .admin)
        return try #require(made[noun]?["id"]?.string, "\(made.text)")
    }
}
