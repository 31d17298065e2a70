import API
import Base
import CloudTesting
import Policy
import Testing

@testable import Placement

/// Walks the service's own list of endpoints as everybody: only administrators and services get past the door.
@Suite struct PersonaTests {
    @Test func onlyAdministratorsAndServicesGetPastTheDoor() async throws {
        let placement = try await Placement.fixture()
        let talk = try Talk(placement)
        for entry in placement.api.endpoints where entry.path != "/" {
            let version = entry.until ?? entry.since ?? "1.39"
            for persona in Persona.all {
                let path = entry.path.replacing("{uuid}", with: uuid(1)).replacing("{consumer_uuid}", with: uuid(1))
                    .replacing("{name}", with: "CUSTOM_X").replacing("{resource_class}", with: "VCPU")
                let answer = await talk.at(version.description).send(
                    entry.method, path, entry.method == "GET" ? nil : [:], as: persona)
                let mayPass = PersonaTests.mayPass(entry, persona)
                #expect(
                    (answer.status != 403) == mayPass,
                    "\(persona.token) got \(answer.status) from \(entry.method) \(entry.path)")
            }
            let stranger = await talk.at(version.description).send(entry.method, entry.path, as: nil)
            #expect(stranger.status == 401)
        }
    }

    private static func mayPass(_ entry: ServiceAPI.Entry, _ persona: Persona) -> Bool {
        if entry.path == "/reshaper" { return persona.caller.has(role: "service") }
        return persona.caller.isAdmin || persona.caller.has(role: "service")
    }
}
