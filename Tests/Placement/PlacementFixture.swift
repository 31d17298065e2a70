import API
import Base
import CloudTesting
import HTTP
import SQL

@testable import Placement

extension Placement {
    /// Placement on an empty database in memory.
    static func fixture(seed: UInt64 = 1) async throws -> Placement {
        let database = try Database(.memory)
        let world = World(chance: SeededChance(seed: seed))
        try await database.migrate("placement", migrations, at: world.now)
        return Placement(database: database, world: world)
    }
}

/// Speaks to placement at one version.
struct Talk {
    let talk: Conversation
    var version = "1.39"

    init(_ placement: Placement, version: String = "1.39") throws {
        talk = try Conversation([placement.api])
        self.version = version
    }

    func at(_ version: String) -> Talk {
        var other = self
        other.version = version
        return other
    }

    @discardableResult
    func send(_ method: String, _ path: String, _ body: JSON? = nil, as persona: Persona? = .admin) async -> Answer {
        await talk.send(
            method, "/placement" + path, body, token: persona?.token,
            headers: ["OpenStack-API-Version": "placement \(version)"])
    }

    /// A provider with inventories, and the generation that it then has.
    @discardableResult
    func provider(
        _ name: String, id: String, parent: String? = nil, _ totals: [String: Int] = [:], traits: [String] = [],
        aggregates: [String] = []
    ) async -> Int64 {
        var body: JSON = ["name": .string(name), "uuid": .string(id)]
        if let parent, case .object(var object) = body {
            object["parent_provider_uuid"] = .string(parent)
            body = .object(object)
        }
        await send("POST", "/resource_providers", body)
        var generation: Int64 = 0
        if !totals.isEmpty {
            let inventories = JSON.object(
                JSON.Object(totals.map { JSON.Member(name: $0.key, value: ["total": .integer(Int64($0.value))]) }))
            let answer = await send(
                "PUT", "/resource_providers/\(id)/inventories",
                ["resource_provider_generation": .integer(generation), "inventories": inventories])
            generation = answer["resource_provider_generation"]?.integer ?? generation
        }
        for (path, names) in [("traits", traits), ("aggregates", aggregates)] where !names.isEmpty {
            let answer = await send(
                "PUT", "/resource_providers/\(id)/\(path)",
                ["resource_provider_generation": .integer(generation), path: .list(names)])
            generation = answer["resource_provider_generation"]?.integer ?? generation
        }
        return generation
    }

    func claim(_ consumer: String, _ held: [String: [String: Int]], generation: Int? = nil) async -> Answer {
        await send("PUT", "/allocations/\(consumer)", .claim(held, generation: generation))
    }
}

extension JSON {
    static func list(_ names: [String]) -> JSON { .array(names.map { .string($0) }) }

    static func amounts(_ amounts: [String: Int]) -> JSON {
        .object(JSON.Object(amounts.map { JSON.Member(name: $0.key, value: .integer(Int64($0.value))) }))
    }

    static func claim(_ held: [String: [String: Int]], generation: Int? = nil) -> JSON {
        let allocations = JSON.object(
            JSON.Object(held.map { JSON.Member(name: $0.key, value: ["resources": .amounts($0.value)]) }))
        return [
            "allocations": allocations, "project_id": "project-1", "user_id": "user-1", "consumer_type": "INSTANCE",
            "consumer_generation": generation.map { .integer(Int64($0)) } ?? .null,
        ]
    }
}

/// A UUID that is easy to read in a test.
func uuid(_ number: Int) -> String {
    let digits = String(number)
    return "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
}
