import API
import Base
import CloudTesting
import SQL

@testable import Network

extension Network {
    /// The service on an empty database in memory, the same in every run.
    static func fixture(_ settings: NetworkSettings = NetworkSettings(), seed: UInt64 = 1) async throws -> Network {
        let database = try Database(.memory)
        let world = World(chance: SeededChance(seed: seed))
        try await database.migrate("network", migrations, at: world.now)
        return Network(database: database, world: world, settings: settings)
    }
}

/// Asks the Networking API, and answers what its tests look for most.
struct NetworkTalk {
    let service: Network
    let talk: Conversation

    init(_ settings: NetworkSettings = NetworkSettings(), seed: UInt64 = 1) async throws {
        service = try await Network.fixture(settings, seed: seed)
        talk = try Conversation([service.api])
    }

    func get(_ path: String, as persona: Persona = .member) async -> Answer {
        await talk.get("/network/v2.0" + path, as: persona)
    }
    func post(_ path: String, _ body: JSON, as persona: Persona = .member) async -> Answer {
        await talk.post("/network/v2.0" + path, body, as: persona)
    }
    func put(_ path: String, _ body: JSON, as persona: Persona = .member) async -> Answer {
        await talk.put("/network/v2.0" + path, body, as: persona)
    }
    func delete(_ path: String, as persona: Persona = .member) async -> Answer {
        await talk.delete("/network/v2.0" + path, as: persona)
    }

    /// Makes a thing and answers its document.
    func make(_ one: String, at path: String, _ body: JSON, as persona: Persona = .member) async -> JSON {
        await post(path, .object(JSON.Object([.init(name: one, value: body)])), as: persona)[one] ?? .null
    }

    func network(_ name: String = "net", as persona: Persona = .member) async -> String {
        await make("network", at: "/networks", ["name": .string(name)], as: persona)["id"]?.string ?? ""
    }

    func subnet(on network: String, _ cidr: String, as persona: Persona = .member) async -> JSON {
        let version: JSON = cidr.contains(":") ? 6 : 4
        return await make(
            "subnet", at: "/subnets", ["network_id": .string(network), "cidr": .string(cidr), "ip_version": version],
            as: persona)
    }

    func port(on network: String, as persona: Persona = .member) async -> Answer {
        await post("/ports", ["port": ["network_id": .string(network)]], as: persona)
    }

    /// A network that leads out, with a subnet.
    func external() async -> String {
        let made = await make(
            "network", at: "/networks", ["name": "public", "router:external": true], as: .admin)
        let id = made["id"]?.string ?? ""
        _ = await subnet(on: id, "203.0.113.0/24", as: .admin)
        return id
    }
}

extension Answer {
    var errorType: String? { self["NeutronError"]?["type"]?.string }
}
