import API
import Base
import CloudTesting
import HTTP
import Testing

@testable import Image

/// What holds for every entry of the list, tried as every persona.
@Suite struct WalkTests {
    let talk: Conversation
    let image: String

    init() async throws {
        talk = try await Conversation.aboutImages()
        image = try await talk.image(["visibility": "private"])
    }

    private func target(_ path: String) -> String {
        let id = image.split(separator: "/").last.map(String.init) ?? ""
        let parts = path.split(separator: "/").map { part in
            part == "{image_id}" ? id : part.hasPrefix("{") ? "thing" : String(part)
        }
        return "/image/" + parts.joined(separator: "/")
    }

    @Test func nothingButDiscoveryIsOpen() async throws {
        for endpoint in try await ImageService.fixture().api.endpoints where endpoint.path.hasPrefix("/v2") {
            let answer = await talk.send(endpoint.method, target(endpoint.path))
            #expect(answer.status == 401, "\(endpoint.method) \(endpoint.path)")
        }
    }

    @Test(arguments: Persona.all.map(\.token)) func nobodyMeetsABug(persona: String) async throws {
        for endpoint in try await ImageService.fixture().api.endpoints {
            for body: JSON? in [nil, [:], []] {
                let answer = await talk.send(endpoint.method, target(endpoint.path), body, token: persona)
                #expect(answer.status < 500, "\(endpoint.method) \(endpoint.path) as \(persona)")
            }
        }
    }

    @Test func strangersChangeNothing() async throws {
        for endpoint in try await ImageService.fixture().api.endpoints
        where endpoint.path.contains("{image_id}") && endpoint.method != "GET" {
            let answer = await talk.send(endpoint.method, target(endpoint.path), [:], token: Persona.stranger.token)
            #expect((400..<500).contains(answer.status), "\(endpoint.method) \(endpoint.path)")
        }
        #expect(await talk.get(image, as: .member).status == 200)
    }
}
