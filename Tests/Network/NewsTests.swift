import API
import Base
import CloudTesting
import Contracts
import HTTP
import SQL
import Synchronization
import Testing

@testable import Network

/// Compute is told whose addresses have changed, once, and again when it couldn't listen.
@Suite struct NewsTests {
    private static let server = "11111111-2222-4333-8444-555555555555"

    /// A network with a way out, and a server's port in it.
    private struct Scene {
        let talk: NetworkTalk
        let compute = FakeCompute()
        let outside: String
        let port: String

        init() async throws {
            talk = try await NetworkTalk()
            outside = await talk.external()
            let inside = await talk.network()
            let subnet = await talk.subnet(on: inside, "10.0.0.0/24")["id"] ?? .null
            let gateway: JSON = ["network_id": .string(outside)]
            let router = await talk.make("router", at: "/routers", ["external_gateway_info": gateway])["id"]?.string
            _ = await talk.put("/routers/\(router ?? "")/add_router_interface", ["subnet_id": subnet])
            let owned: JSON = [
                "network_id": .string(inside), "device_id": .string(NewsTests.server), "device_owner": "compute:nova",
                "project_id": "project-1",
            ]
            port = await talk.make("port", at: "/ports", owned, as: .admin)["id"]?.string ?? ""
        }

        func floating(_ port: JSON) async -> String {
            let wish: JSON = ["floating_network_id": .string(outside), "port_id": port]
            return await talk.make("floatingip", at: "/floatingips", wish)["id"]?.string ?? ""
        }

        /// The servers that compute is told of at one look.
        func told() async throws -> [String] {
            compute.clear()
            try await talk.service.deliver(to: compute.neighbour, compute)
            return compute.servers
        }
    }

    @Test func aFloatingAddressIsNewsWhenItComesAndWhenItGoes() async throws {
        let scene = try await Scene()
        #expect(try await scene.told() == [])
        let floating = await scene.floating(.string(scene.port))
        #expect(try await scene.told() == [NewsTests.server])
        #expect(try await scene.told() == [])
        _ = await scene.talk.put("/floatingips/\(floating)", ["floatingip": ["port_id": .null]])
        #expect(try await scene.told() == [NewsTests.server])
        _ = await scene.talk.put("/floatingips/\(floating)", ["floatingip": ["port_id": .string(scene.port)]])
        _ = await scene.talk.delete("/floatingips/\(floating)")
        // However often it has changed, it is one server.
        #expect(try await scene.told() == [NewsTests.server])
    }

    @Test func aPortsOtherAddressesAndItsEndAreNews() async throws {
        let scene = try await Scene()
        let moved = await scene.talk.put(
            "/ports/\(scene.port)", ["port": ["fixed_ips": [["ip_address": "10.0.0.77"]]]], as: .admin)
        #expect(moved.status == 200)
        #expect(try await scene.told() == [NewsTests.server])
        _ = await scene.talk.put("/ports/\(scene.port)", ["port": ["name": "other"]], as: .admin)
        #expect(try await scene.told() == [])
        #expect(await scene.talk.delete("/ports/\(scene.port)", as: .admin).status == 204)
        #expect(try await scene.told() == [NewsTests.server])
    }

    @Test func whatNoServerHasIsNoNews() async throws {
        let scene = try await Scene()
        _ = await scene.floating(.null)
        let free = await scene.talk.port(on: await scene.talk.network())["port"]?["id"]?.string ?? ""
        _ = await scene.talk.delete("/ports/\(free)")
        #expect(try await scene.told() == [])
    }

    @Test func newsIsKeptUntilItIsHeard() async throws {
        let scene = try await Scene()
        _ = await scene.floating(.string(scene.port))
        scene.compute.isDeaf = true
        await #expect(throws: Failure.self) { try await scene.told() }
        scene.compute.isDeaf = false
        #expect(try await scene.told() == [NewsTests.server])
        #expect(try await scene.told() == [])
    }

    @Test func aServerThatIsBeingMadeIsToldOfLater() async throws {
        let scene = try await Scene()
        _ = await scene.floating(.string(scene.port))
        scene.compute.code = 422
        #expect(try await scene.told() == [NewsTests.server])
        // Later, and not forgotten.
        let later = try await scene.talk.service.database.read {
            try $0.count("SELECT COUNT(*) FROM network_server_news WHERE due > since")
        }
        #expect(later == 1)
    }
}

/// What compute answers, and what it was told.
private final class FakeCompute: TokenIssuer {
    private struct State {
        var servers: [String] = []
        var code: Int64 = 200
        var isDeaf = false
    }

    private let state = Mutex(State())

    var servers: [String] { state.withLock { $0.servers } }
    var code: Int64 {
        get { state.withLock { $0.code } }
        set { state.withLock { $0.code = newValue } }
    }
    var isDeaf: Bool {
        get { state.withLock { $0.isDeaf } }
        set { state.withLock { $0.isDeaf = newValue } }
    }

    func clear() { state.withLock { $0.servers = [] } }

    func token(user: String, project: String) async throws(Failure) -> String { "token" }
    func serviceToken() async throws(Failure) -> String { "token" }

    var neighbour: Neighbour {
        Neighbour("compute", asker: "network") { request throws(Failure) in
            if self.isDeaf { throw .unavailable("Nobody listens.") }
            let body = try JSONReader.read(try await request.body.collect(limit: 100_000))
            let named = (body["events"]?.array ?? []).compactMap { $0["server_uuid"]?.string }
            let code = self.code
            self.state.withLock { $0.servers += named }
            let events: [JSON] = named.map { ["server_uuid": .string($0), "code": .integer(code)] }
            let answer: JSON = ["events": .array(events)]
            return HTTPResponse(code == 200 ? 200 : 207, body: .bytes(Array(answer.text.utf8)))
        }
    }
}
