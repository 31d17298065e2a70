import Base
import CloudTesting
import Policy
import Testing

@testable import Identity

@Suite struct EndpointFilterTests {
    private let base = "/identity/v3"

    @Test func aProjectIsShownThePartOfTheCatalogThatWasChosen() async throws {
        let identity = try await Identity.fixture()
        let talk = try Conversation([identity.api])
        let project = try #require(
            await talk.post("\(base)/projects", ["project": ["name": "p"]], as: .admin)["project"]?["id"]?.string)
        let endpoints = try await ["compute", "image"].asyncMap { type in
            try await makeEndpoint(type, talk)
        }
        let insider = Persona(
            "insider", roles: ["member"],
            reach: .project(Caller.Named(id: project, name: "p", domainID: "default", domainName: "Default")))
        let eyes = try Conversation([identity.api], authenticator: PersonaAuthenticator([insider]))
        #expect(await catalog(eyes, insider).count == 2, "nothing is said about it, so all is shown")

        let shown = "\(base)/OS-EP-FILTER/projects/\(project)/endpoints/\(endpoints[0])"
        #expect(await talk.put(shown, as: .admin).status == 204)
        #expect(await catalog(eyes, insider) == ["compute"])

        let group = await talk.post(
            "\(base)/OS-EP-FILTER/endpoint_groups",
            ["endpoint_group": ["name": "all", "filters": ["interface": "public"]]], as: .admin)
        let id = group["endpoint_group"]?["id"]?.string ?? ""
        let shownGroup = "\(base)/OS-EP-FILTER/endpoint_groups/\(id)/projects/\(project)"
        #expect(await talk.put(shownGroup, as: .admin).status == 204)
        #expect(await catalog(eyes, insider).count == 2)

        #expect(await talk.delete(shownGroup, as: .admin).status == 204)
        #expect(await catalog(eyes, insider) == ["compute"])
    }

    private func catalog(_ talk: Conversation, _ persona: Persona) async -> [String] {
        await talk.get("\(base)/auth/catalog", as: persona)["catalog"]?.array?.compactMap { $0["type"]?.string } ?? []
    }

    private func makeEndpoint(_ type: String, _ talk: Conversation) async throws -> String {
        let service = try #require(
            await talk.post("\(base)/services", ["service": ["type": .string(type)]], as: .admin)["service"]?["id"])
        let endpoint: JSON = [
            "endpoint": ["service_id": service, "interface": "public", "url": "http://cloud.test/"]
        ]
        return try #require(
            await talk.post("\(base)/endpoints", endpoint, as: .admin)["endpoint"]?["id"]?.string)
    }
}

extension Array {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
