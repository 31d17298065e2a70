import API
import Base
import CloudTesting
import Testing

@testable import Network

/// Every endpoint, tried as everybody: what the list of endpoints promises holds for each of its entries.
@Suite struct PersonaTests {
    @Test(arguments: Persona.all.map(\.token)) func nothingIsABugWhoeverAsks(token: String) async throws {
        let talk = try await NetworkTalk()
        for endpoint in talk.service.api.endpoints {
            let path = endpoint.path.split(separator: "/").map { $0.first == "{" ? "x" : String($0) }
            let body: JSON? = endpoint.method == "GET" || endpoint.method == "DELETE" ? nil : [:]
            let answer = await talk.talk.send(
                endpoint.method, "/network/" + path.joined(separator: "/"), body, token: token)
            #expect(answer.status < 500, "\(endpoint.method) \(endpoint.path) as \(token): \(answer.text)")
        }
    }

    @Test func nothingButTheDirectoryIsForThoseWithoutAToken() async throws {
        let talk = try await NetworkTalk()
        for endpoint in talk.service.api.endpoints {
            if case .open = endpoint.access { continue }
            let path = endpoint.path.split(separator: "/").map { $0.first == "{" ? "x" : String($0) }
            let answer = await talk.talk.send(endpoint.method, "/network/" + path.joined(separator: "/"), token: nil)
            #expect(answer.status == 401, "\(endpoint.method) \(endpoint.path)")
        }
    }

    @Test func whoHasNoRoleSeesNothing() async throws {
        let talk = try await NetworkTalk()
        _ = await talk.network()
        for resource in Network.resources {
            let answer = await talk.get(resource.path, as: .nobody)
            #expect(answer[resource.many]?.array?.count == 0, "\(resource.path)")
        }
    }
}
