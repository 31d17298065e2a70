import API
import Base
import CloudTesting
import HTTP
import IO
import Testing

@testable import Identity

/// Documents that are written once and shown to everybody.
@Suite struct DiscoveryTests {
    let talk: Conversation

    init() async throws { talk = try await Conversation.withIdentity() }

    private func link(of path: String, host: String) async -> JSON? {
        let request = HTTPRequest("GET", path, headers: ["Host": host])
        let response = await talk.door.respond(to: request)
        let bytes = (try? await response.collect(limit: 1 << 20)) ?? []
        return (try? JSONReader.read(bytes))?["version"]?["links"]?.array?.first?["href"]
    }

    @Test func aDocumentNamesTheHostThatItWasAskedBy() async {
        for host in ["one.test", "two.test:5000", "one.test", "two.test:5000"] {
            #expect(await link(of: "/identity/v3", host: host) == .string("http://\(host)/identity/v3/"))
        }
    }

    @Test func whoeverAsksAgainGetsTheSameAndANameOfItsOwnForTheRequest() async {
        let first = await talk.get("/identity/", as: nil)
        let second = await talk.get("/identity/", as: nil)
        #expect(first.status == 300)
        #expect(second.status == 300)
        #expect(first.bytes == second.bytes)
        #expect(second.headers["Content-Type"] == "application/json")
        #expect(first.headers["X-Openstack-Request-Id"] != second.headers["X-Openstack-Request-Id"])
        #expect(second.headers.all("X-Openstack-Request-Id").count == 1)
    }

    @Test func whatIsNoDocumentIsRefusedAsBefore() async {
        _ = await talk.get("/identity/v3", as: nil)
        #expect(await talk.send("POST", "/identity/v3").status == 405)
        #expect(await talk.send("HEAD", "/identity/v3").status == 200)
        #expect(await talk.get("/identity/v3?x=y", as: nil).status == 200)
    }
}
