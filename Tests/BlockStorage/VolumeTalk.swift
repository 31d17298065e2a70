import API
import Base
import Bus
import CloudTesting
import Contracts
import Foundation
import HTTP
import Policy
import SQL
import Testing
import Trace
import VolumeNode
import Workflow

@testable import BlockStorage

/// The Block Storage API on an empty database in memory, with a simulated node and neighbours that a test answers for.
struct VolumeTalk {
    let service: BlockStorage
    let control: VolumeControl
    let talk: Conversation
    let database: Database
    let driver: SimulatedDriver
    /// The node's other backend, where a test wants one: `node@other`.
    let other: SimulatedDriver?

    /// What a neighbour answers: by default that nothing is there.
    typealias Answerer = @Sendable (HTTPRequest) -> (status: Int, json: JSON)

    static func with(
        settings: BlockStorageSettings = BlockStorageSettings(), fault: @escaping WorkflowRunner.Fault = { _, _ in },
        neighbours answer: @escaping Answerer = { _ in (404, [:]) }, otherBackend: Bool = false,
        _ body: (VolumeTalk) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/martlet-\(Foundation.UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(try await VolumeTalk(folder, settings, fault, answer, otherBackend))
    }

    private init(
        _ folder: String, _ settings: BlockStorageSettings, _ fault: @escaping WorkflowRunner.Fault,
        _ answer: @escaping Answerer, _ hasOther: Bool
    ) async throws {
        let world = World(chance: SeededChance(seed: 1))
        // The node reports once, at the beginning, and counts as there for as long as a test may take on a busy machine.
        var settings = settings
        settings.nodePatience = max(settings.nodePatience, .seconds(3_600))
        database = try Database(.memory)
        try await database.migrate("workflow", [Run.created, StoryPages.created], at: world.now)
        try await database.migrate("volume", BlockStorage.migrations, at: world.now)
        let neighbour = { (name: String) in
            Neighbour(name, asker: "volume-control") { request throws(Failure) in
                let (status, json) = answer(request)
                return HTTPResponse(status, body: .bytes(Array(json.text.utf8)))
            }
        }
        let bus = LocalBus(clock: world.clock)
        control = VolumeControl(
            host: "control", database: database, world: world, log: .silent, bus: bus,
            neighbours: BlockStorage.Neighbours(image: neighbour("image"), compute: neighbour("compute")),
            tokens: NoTokens(), settings: settings, fault: fault)
        try await control.start()
        driver = try SimulatedDriver(folder: folder, totalGB: 10_000)
        other = hasOther ? try SimulatedDriver("other", folder: folder + "/other", totalGB: 1_000) : nil
        for backend in [driver, other].compactMap({ $0 }) {
            let node = VolumeNode(
                host: "node", driver: backend, bus: bus, image: neighbour("image"), tokens: NoTokens(), world: world,
                log: .silent)
            node.serve()
            try await node.report()
        }
        service = BlockStorage(control)
        talk = try Conversation([service.api], world: world)
    }

    private struct NoTokens: TokenIssuer {
        func token(user: String, project: String) async throws(Failure) -> String { "token" }
        func serviceToken() async throws(Failure) -> String { "service-token" }
    }

    // MARK: Asking

    @discardableResult
    func send(
        _ method: String, _ path: String, _ body: JSON? = nil, as persona: Persona = .member,
        at version: String = "3.71"
    ) async -> Answer {
        await talk.send(
            method, "/volume/v3" + path, body, token: persona.token,
            headers: ["OpenStack-API-Version": "volume \(version)"])
    }

    func get(_ path: String, as persona: Persona = .member, at version: String = "3.71") async -> Answer {
        await send("GET", path, as: persona, at: version)
    }

    /// Works on everything that is due, also on what waits for something else for a moment.
    func settle() async throws {
        for _ in 0..<2 {
            try await control.runner.settle()
            if try await database.read({ try $0.runs(.forward).isEmpty && $0.runs(.undoing).isEmpty }) { return }
            try await Task.sleep(for: .milliseconds(600))
        }
        try await control.runner.settle()
    }

    // MARK: What there is

    func volume(_ fields: JSON = [:], as persona: Persona = .member) async throws -> String {
        var wish = JSON.Object([.init(name: "size", value: 1)])
        for member in fields.object?.members ?? [] { wish[member.name] = member.value }
        let made = await send("POST", "/volumes", ["volume": .object(wish)], as: persona)
        #expect(made.status == 202, "\(made.text)")
        let id = try #require(made["volume"]?["id"]?.string)
        try await settle()
        return id
    }

    func snapshot(of volume: String, as persona: Persona = .member) async throws -> String {
        let made = await send("POST", "/snapshots", ["snapshot": ["volume_id": .string(volume)]], as: persona)
        #expect(made.status == 202, "\(made.text)")
        let id = try #require(made["snapshot"]?["id"]?.string)
        try await settle()
        return id
    }

    func status(_ path: String, _ name: String = "volume") async -> String? {
        await get(path, as: .admin)[name]?["status"]?.string
    }

    func used(_ name: String) async -> JSON? {
        await get("/os-quota-sets/project-1?usage=true", as: .admin)["quota_set"]?[name]?["in_use"]
    }

    /// What the node has.
    func stored() async throws -> [String] { try await driver.list().map(\.name) }

    /// What is in its other backend.
    func storedElsewhere() async throws -> [String] { try await other?.list().map(\.name) ?? [] }
}
