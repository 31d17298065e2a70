import Base
import HTTP
import IO
import NetworkNode
import Testing

@testable import Cloud

/// What a guest asks of its cloud, and what it tells: from the address that it asks at to what its user reads.
@Suite struct MetadataTests {
    @Test func aGuestTellsItsPasswordOnceAndItsUserReadsIt() async throws {
        try await RunningCloud.with { cloud in
            let ground = try await Ordered(cloud)
            let id = try await ground.boot()
            let guest = try await Asker(id, on: ground)
            let user = "/compute/v2.1/servers/\(id)/os-server-password"
            let place = "/openstack/2013-10-17/password"

            #expect(await guest.ask("GET", place) == "200 ")
            #expect(try await cloud.send("GET", user).json == ["password": ""])
            #expect(await guest.ask("POST", place, "sealed") == "200 ")
            #expect(await guest.ask("GET", "/openstack/latest/password") == "200 sealed")
            #expect(try await cloud.send("GET", user).json == ["password": "sealed"])

            #expect(await guest.ask("POST", place, "another").hasPrefix("409 "))
            #expect(try await cloud.send("GET", user).json == ["password": "sealed"])

            #expect(try await cloud.send("DELETE", user).status == 204)
            #expect(try await cloud.send("GET", user).json == ["password": ""])
            let long = String(repeating: "é", count: 510)
            #expect(await guest.ask("POST", place, long) == "200 ")
            #expect(try await cloud.send("GET", user).json == ["password": .string(long)])

            try await ground.expectNothingLeft(after: id)
            #expect(await guest.ask("POST", place, "late").hasPrefix("404"))
        }
    }

    @Test func twoThatComeAtOnceAreNotBothKept() async throws {
        try await RunningCloud.with { cloud in
            let ground = try await Ordered(cloud)
            let id = try await ground.boot()
            let guest = try await Asker(id, on: ground)
            let answers = await withTaskGroup(of: String.self) { group in
                for number in 1...4 {
                    group.addTask { await guest.ask("POST", "/openstack/latest/password", "\(number)") }
                }
                return await group.reduce(into: [String]()) { $0.append(String($1.prefix(3))) }
            }
            #expect(answers.sorted() == ["200", "409", "409", "409"])
        }
    }

    @Test func aReleaseHasWhatItHadThen() async throws {
        try await RunningCloud.with { cloud in
            let ground = try await Ordered(cloud)
            let guest = try await Asker(try await ground.boot(), on: ground)
            #expect(await guest.ask("GET", "/openstack/2012-08-10/") == "200 meta_data.json")
            #expect(await guest.ask("GET", "/openstack/2013-10-17") == "200 meta_data.json\npassword\nvendor_data.json")
            let latest = "meta_data.json\npassword\nvendor_data.json\nnetwork_data.json\nvendor_data2.json"
            #expect(await guest.ask("GET", "/openstack/latest") == "200 \(latest)")
            #expect(await guest.ask("GET", "/openstack/2025-04-04") == "200 \(latest)")
            #expect(await guest.ask("GET", "/openstack/2012-08-10/password").hasPrefix("404"))
            #expect(await guest.ask("POST", "/openstack/2012-08-10/password", "p").hasPrefix("404"))
        }
    }
}

/// A guest, by the address of its port.
private struct Asker {
    let door: MetadataDoor
    let network: String
    let peer: SocketAddress

    init(_ server: String, on ground: Ordered) async throws {
        door = ground.cloud.cloud.nodes.metadata
        network = ground.network
        let ports = try await ground.cloud.send("GET", "/network/v2.0/ports?device_id=\(server)").json["ports"]
        let address = try #require(
            ports?.array?.first?["fixed_ips"]?.array?.first?["ip_address"]?.string)
        let bytes = address.split(separator: ".").compactMap { UInt32($0) }
        peer = .v4(address: bytes.reversed().reduce(0) { $0 << 8 | $1 }, port: 0)
    }

    func ask(_ method: String, _ path: String, _ body: String = "") async -> String {
        let request = HTTPRequest(method, path, body: HTTPBody(body), peer: peer)
        let response = await door.answer(request, network: network, router: nil)
        let text = try? await response.collect(limit: 10_000)
        return "\(response.status) " + String(decoding: text ?? [], as: UTF8.self)
    }
}
