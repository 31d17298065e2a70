import API
import Base
import CloudTesting
import HTTP
import Testing

@testable import BlockStorage

/// What holds for every entry of the list, tried as every persona.
@Suite struct WalkTests {
    private func target(_ path: String, _ volume: String) -> String {
        let parts = path.split(separator: "/").map { part in
            part == "{volume_id}" ? volume : part.hasPrefix("{") ? "thing" : String(part)
        }
        return "/volume/" + parts.joined(separator: "/")
    }

    private let newest: HTTPHeaders = ["OpenStack-API-Version": "volume 3.71"]

    @Test func nothingButDiscoveryIsOpen() async throws {
        try await VolumeTalk.with { talk in
            for endpoint in talk.service.api.endpoints where endpoint.path.hasPrefix("/v3/") {
                let answer = await talk.talk.send(
                    endpoint.method, target(endpoint.path, "thing"), headers: newest)
                #expect(answer.status == 401, "\(endpoint.method) \(endpoint.path)")
            }
        }
    }

    @Test(arguments: Persona.all.map(\.token)) func nobodyMeetsABug(persona: String) async throws {
        try await VolumeTalk.with { talk in
            let volume = try await talk.volume()
            for endpoint in talk.service.api.endpoints {
                for body: JSON? in [nil, [:], [], ["volume": [:], "snapshot": [], "backup": nil]] {
                    let answer = await talk.talk.send(
                        endpoint.method, target(endpoint.path, volume), body, token: persona, headers: newest)
                    #expect(
                        answer.status < 500 || answer.status == 501, "\(endpoint.method) \(endpoint.path) as \(persona)"
                    )
                }
            }
        }
    }

    @Test func strangersNeitherSeeNorChangeAnything() async throws {
        try await VolumeTalk.with { talk in
            let volume = try await talk.volume()
            for endpoint in talk.service.api.endpoints where endpoint.path.contains("{volume_id}") {
                let answer = await talk.talk.send(
                    endpoint.method, target(endpoint.path, volume), [:], token: Persona.stranger.token, headers: newest)
                #expect((400..<500).contains(answer.status), "\(endpoint.method) \(endpoint.path)")
            }
            #expect(await talk.get("/volumes/\(volume)").status == 200)
        }
    }

    @Test(arguments: [
        "os-extend", "os-reserve", "os-unreserve", "os-retype", "os-update_readonly_flag", "os-volume_upload_image",
        "os-reset_status", "os-force_delete", "os-set_bootable",
    ])
    func readersDoNothingWithVolumes(action: String) async throws {
        let bodies: [String: JSON] = [
            "os-extend": ["new_size": 2], "os-retype": ["new_type": "a"], "os-update_readonly_flag": ["readonly": true],
            "os-volume_upload_image": ["image_name": "a"], "os-reset_status": ["status": "error"],
            "os-set_bootable": ["bootable": true],
        ]
        try await VolumeTalk.with { talk in
            let volume = try await talk.volume()
            let body = JSON.object(JSON.Object([.init(name: action, value: bodies[action] ?? [:])]))
            #expect(await talk.send("POST", "/volumes/\(volume)/action", body, as: .reader).status == 403)
        }
    }
}
