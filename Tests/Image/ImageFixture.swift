import API
import Base
import CloudTesting
import HTTP
import SQL
import Testing

@testable import Image

extension ImageService {
    /// Images on an empty database and a store, both in memory.
    static func fixture(
        store: any Store = MemoryStore(), others: [any Store] = [], settings: ImageSettings = ImageSettings(),
        database: Database? = nil, identity: Neighbour? = nil, cache: ImageCache? = nil
    ) async throws -> ImageService {
        let database = try database ?? Database(.memory)
        let world = World(chance: SeededChance(seed: 1))
        try await database.migrate("image", migrations, at: world.now)
        let service = ImageService(
            database: database, world: world, stores: [store] + others, identity: identity, cache: cache,
            settings: settings)
        try await service.start()
        return service
    }

    func conversation() throws -> Conversation { try Conversation([api]) }
}

extension Conversation {
    static func aboutImages() async throws -> Conversation { try await ImageService.fixture().conversation() }

    /// Sends bytes as they are.
    func upload(
        _ bytes: [UInt8], to target: String, as persona: Persona, type: String = "application/octet-stream"
    ) async -> Answer {
        await send(HTTPBody(bytes), to: target, as: persona, type: type)
    }

    func send(
        _ body: HTTPBody, to target: String, as persona: Persona, type: String = "application/octet-stream"
    ) async -> Answer {
        let headers: HTTPHeaders = ["Host": "cloud.test", "X-Auth-Token": persona.token, "Content-Type": type]
        let response = await door.respond(to: HTTPRequest("PUT", target, headers: headers, body: body))
        let bytes = (try? await response.collect(limit: 1 << 20)) ?? []
        return Answer(status: response.status, headers: response.headers, bytes: bytes)
    }

    func change(_ target: String, _ patch: JSON, as persona: Persona) async -> Answer {
        await self.patch(
            target, patch, as: persona,
            headers: ["Content-Type": "application/openstack-images-v2.1-json-patch"])
    }

    /// A raw image, named and not yet filled.
    func image(_ fields: JSON = [:], as persona: Persona = .member) async throws -> String {
        var body: JSON.Object = JSON.Object()
        body["disk_format"] = "raw"
        body["container_format"] = "bare"
        for member in fields.object?.members ?? [] { body[member.name] = member.value }
        let made = await post("/image/v2/images", .object(body), as: persona)
        try #require(made.status == 201, "\(made.text)")
        return "/image/v2/images/" + (made["id"]?.string ?? "")
    }
}
