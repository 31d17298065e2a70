import API
import Base
import Bus
import CloudTesting
import Contracts
import HTTP
import Policy
import SQL
import Trace
import Workflow

@testable import Compute

/// The Compute API on an empty database in memory, with neighbours that a test answers for.
struct ComputeTalk {
    let service: Compute
    let talk: Conversation
    let database: Database
    let world: World

    /// What a neighbour answers: by default that everything that is asked for is there, and empty.
    typealias Answerer = @Sendable (HTTPRequest) -> (status: Int, json: JSON)

    init(
        settings: ComputeSettings = ComputeSettings(), world: World = World(chance: SeededChance(seed: 1)),
        neighbours answer: @escaping Answerer = { _ in (200, [:]) }
    ) async throws {
        self.world = world
        // Hosts report once, at the beginning, and count as there for as long as a test may take on a busy machine.
        var settings = settings
        settings.nodePatience = max(settings.nodePatience, .seconds(3_600))
        let database = try Database(.memory)
        try await database.migrate("workflow", [Run.created, StoryPages.created], at: world.now)
        try await database.migrate("compute", Compute.migrations, at: world.now)
        let neighbour = { (name: String) in
            Neighbour(name, asker: "compute-api") { request throws(Failure) in
                let (status, json) = answer(request)
                return HTTPResponse(status, body: .bytes(Array(json.text.utf8)))
            }
        }
        let runner = WorkflowRunner([], name: "test", database: database, world: world, log: .silent)
        service = Compute(
            database: database, world: world, bus: LocalBus(clock: world.clock), runner: runner,
            neighbours: Compute.Neighbours(
                identity: neighbour("identity"), image: neighbour("image"), network: neighbour("network"),
                volume: neighbour("volume"), placement: neighbour("placement")),
            tokens: NoTokens(), settings: settings)
        self.database = database
        talk = try Conversation([service.api], world: world)
    }

    private struct NoTokens: TokenIssuer {
        func token(user: String, project: String) async throws(Failure) -> String { "token" }
        func serviceToken() async throws(Failure) -> String { "service-token" }
    }

    // MARK: Asking

    @discardableResult
    func send(
        _ method: String, _ path: String, _ body: JSON? = nil, as persona: Persona = .admin,
        at version: String = "2.104"
    ) async -> Answer {
        await talk.send(
            method, "/compute/v2.1" + path, body, token: persona.token,
            headers: ["OpenStack-API-Version": "compute \(version)"])
    }

    func get(_ path: String, as persona: Persona = .admin, at version: String = "2.104") async -> Answer {
        await send("GET", path, as: persona, at: version)
    }

    // MARK: What there is

    /// A host that has just been heard of.
    func host(_ name: String, vcpus: Int = 8, memory: Int = 16_384, disk: Int = 100) async throws {
        let report = NodeReport(
            host: name, hypervisor: "simulated", version: 1, vcpus: vcpus, memory: memory, disk: disk,
            cpuInfo: ["arch": "x86_64"], guests: [:], uptime: " 12:00:00 up 1 day")
        let (world, zone) = (world, service.settings.defaultZone)
        _ = try await database.write { try $0.note(report, zone: zone, world: world) }
    }

    /// A server that is there, without anybody having built it.
    @discardableResult
    func server(
        _ name: String = "server", of persona: Persona = .member, on host: String? = nil, state: ServerState = .active,
        group: String? = nil, vcpus: Int = 1
    ) async throws -> String {
        let (world, id) = (world, ID<Server>.uuid(world.chance))
        let flavor = Flavor(
            id: ID("1"), name: "small", vcpus: vcpus, memory: 512, disk: 2, ephemeral: 1, swap: 0, rxtxFactor: 1,
            isPublic: true, description: nil, extraSpecs: JSON.Object())
        let server = Server(
            id: id, project: persona.caller.projectID ?? "", user: persona.caller.user.id, name: name, hostname: name,
            state: state, task: nil, power: .running, host: host, zone: "nova", flavor: flavor, image: nil,
            keyName: nil,
            publicKey: nil, userData: nil, metadata: JSON.Object(), hasConfigDrive: false, description: nil,
            isLocked: false, lockedReason: nil, accessV4: "", accessV6: "", networks: [], interfaces: [],
            securityGroups: ["default"], tags: [], fault: nil, reservation: "r-1", launchIndex: 0,
            wishes: Wishes(group: group.map { ID($0) }, hints: JSON.Object(), image: JSON.Object()),
            created: world.now, updated: world.now, launched: world.now - .seconds(3_600), terminated: nil)
        try await database.write { tx in
            try tx.insert(server)
            try tx.update(server, at: world.now)
        }
        return id.text
    }
}
