import API
package import Base
import BlockStorage
import Bus
import Compute
import ComputeNode
import Contracts
import Crypto
package import HTTP
import IO
import Identity
import Image
import Network
import NetworkNode
import Placement
import SQL
package import Trace
import VolumeNode
import Workflow

/// A whole cloud in one process: every service, what stands behind each contract, and the door to them.
///
/// This is the one place that names everything. A service is a few lines in `init`, a line in `services` and one in
/// `listed`.
package struct Cloud: Sendable {
    package let settings: CloudSettings
    private let database: Database
    private let identity: Identity
    private let image: ImageService
    private let network: Network
    /// Compute, as the network service asks it.
    private let serversOfNetworks: Neighbour
    private let conductor: Conductor
    private let volumes: VolumeControl
    private let volumeNode: VolumeNode
    private let nodes: [ComputeNode]
    private let networkNodes: [NetworkNode]
    private let metadata: MetadataDoor
    /// Whenever what hosts' networks are to be may have changed.
    private let networkChanges: AsyncStream<Void>
    /// What makes networks real here: `linuxbridge` or `simulated`.
    package let mechanism: NetworkMechanism
    private let bus: LocalBus
    private let hosts: [Ground.Host]
    private let loops = Loops()
    private let door: Door
    let services: [ServiceAPI]
    private let world: World
    private let log: Log

    package init(
        _ settings: CloudSettings, on ground: Ground = .machine, world: World = World(), log: Log
    ) async throws(Failure) {
        self.settings = settings
        self.world = world
        self.log = log
        database = try ground.database(settings.databaseAddress)
        bus = LocalBus(clock: world.clock)
        let messages = ground.bus(bus, world)
        try await Cloud.migrate(database, at: world.now)
        let switchboard = Switchboard(ground.road)

        identity = Identity(
            database: database, world: world, keys: try Cloud.keys(settings.data.tokenKeys, world),
            credentialKeys: try Cloud.keys(settings.data.credentialKeys, world), settings: settings.identity)
        image = ImageService(
            database: database, world: world,
            store: try FileStore(
                folder: settings.data.images, pool: Pool(name: "image files", threads: 4), chance: world.chance))
        mechanism = ground.hosts == nil ? await settings.mechanism.resolved(for: settings.hypervisor) : .simulated
        let (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        networkChanges = changes
        network = Network(database: database, world: world, settings: mechanism.settings(host: settings.nodeName)) {
            change.yield()
        }
        serversOfNetworks = switchboard.neighbour("compute", asker: "network")
        let placement = Placement(database: database, world: world)

        let neighbours = Compute.Neighbours(
            identity: switchboard.neighbour("identity", asker: "compute-api"),
            image: switchboard.neighbour("image", asker: "compute-api"),
            network: switchboard.neighbour("network", asker: "compute-api"),
            volume: switchboard.neighbour("volume", asker: "compute-api"),
            placement: switchboard.neighbour("placement", asker: "scheduler"))
        conductor = Conductor(
            database: database, world: world, log: log, bus: messages, neighbours: neighbours, tokens: identity,
            settings: settings.compute, name: "conductor", fault: ground.fault)
        let compute = Compute(
            database: database, world: world, bus: messages, runner: conductor.runner, neighbours: neighbours,
            tokens: identity, settings: settings.compute)
        hosts = try await Cloud.hosts(settings, ground, loops, world)
        nodes = hosts.map { [identity] host in
            ComputeNode(
                host: host.name, hypervisor: host.hypervisor, bus: messages,
                image: switchboard.neighbour("image", asker: "compute-node"),
                network: switchboard.neighbour("network", asker: "compute-node"),
                volume: switchboard.neighbour("volume", asker: "compute-node"), tokens: identity,
                cache: settings.data.imageCache, world: world, log: log)
        }

        metadata = MetadataDoor(bus: messages, loops: loops, world: world)
        let wires = mechanism.wires(settings, metadata, world: world, log: log)
        networkNodes = hosts.map { host in
            NetworkNode(host: host.name, bus: messages, wires: wires, world: world, log: log)
        }

        volumes = VolumeControl(
            host: settings.nodeName, database: database, world: world, log: log, bus: messages,
            neighbours: BlockStorage.Neighbours(
                image: switchboard.neighbour("image", asker: "volume-control"),
                compute: switchboard.neighbour("compute", asker: "volume-control")), tokens: identity,
            fault: ground.fault)
        let volumeDriver: any VolumeDriver
        if let given = ground.volumes { volumeDriver = given } else { volumeDriver = try VolumeDrivers.make(settings) }
        volumeNode = VolumeNode(
            host: settings.nodeName, driver: volumeDriver, bus: messages,
            image: switchboard.neighbour("image", asker: "volume-node"), tokens: identity, world: world, log: log)
        let blockStorage = BlockStorage(volumes)

        let consoles = ConsoleProxy(database: database, world: world, bus: messages, loops: loops)
        services = [identity.api, image.api, network.api, placement.api, compute.api, blockStorage.api, consoles.api]
        let policies = try PolicyFiles(folder: settings.policyFolder).read(for: services)
        let (gauges, trail) = (Gauges(database: database), try AuditLog(settings.data.auditLog))
        door = try Door(
            services, gateway: settings.gateway, overrides: policies, authenticator: identity, world: world, log: log,
            origins: CrossOrigin(settings.origins), gauges: { await gauges.read() },
            audit: { trail.note($0) })
        switchboard.connect(door)
    }

    /// This machine as a host, unless the ground has others.
    private static func hosts(
        _ settings: CloudSettings, _ ground: Ground, _ loops: Loops, _ world: World
    ) async throws(Failure) -> [Ground.Host] {
        if let hosts = ground.hosts { return hosts }
        let hypervisors = try await Hypervisors.make(settings, loops, world)
        return zip(settings.nodeNames, hypervisors).map { Ground.Host(name: $0, hypervisor: $1) }
    }

    /// Each service's tables, in a history of its own.
    static let histories: [(service: String, migrations: [Migration])] = [
        (service: "workflow", migrations: [Run.created]),
        (service: "identity", migrations: Identity.migrations),
        (service: "image", migrations: ImageService.migrations),
        (service: "network", migrations: Network.migrations),
        (service: "placement", migrations: Placement.migrations),
        (service: "compute", migrations: Compute.migrations),
        (service: "volume", migrations: BlockStorage.migrations),
    ]

    static func migrate(_ database: Database, at now: Moment) async throws(Failure) {
        for history in histories { try await database.migrate(history.service, history.migrations, at: now) }
    }

    /// The keys in a folder, which are made when there are none yet.
    private static func keys(_ path: String, _ world: World) throws(Failure) -> KeyRing {
        let keys = KeyRepository(path: path)
        if !Files.exists(path) { try keys.create(chance: world.chance) }
        return try KeyRing(keys)
    }

    /// What the catalog names.
    static let listed: [(type: String, name: String, service: String, path: String)] = [
        (type: "identity", name: "keystone", service: "identity", path: "/v3"),
        (type: "image", name: "glance", service: "image", path: ""),
        (type: "network", name: "neutron", service: "network", path: ""),
        (type: "placement", name: "placement", service: "placement", path: ""),
        (type: "compute", name: "nova", service: "compute", path: "/v2.1"),
        (type: "block-storage", name: "cinder", service: "volume", path: "/v3"),
        // What clients of older releases look for.
        (type: "volumev3", name: "cinderv3", service: "volume", path: "/v3"),
    ]

    package var names: [String] { services.map(\.name) }

    // MARK: Life

    /// Lets go of everything without ever having run.
    func abandon() async {
        await loops.stop()
        await database.close()
    }

    /// Fills a new cloud with what it starts with, and brings an older one up to date.
    package func prepare() async throws(Failure) {
        try await identity.start()
        try await image.start()
        let isNew = try await !identity.isBootstrapped()
        let passwords = isNew ? firstPasswords() : nil
        try await identity.bootstrap(
            Bootstrap(
                region: settings.region, adminPassword: passwords?.admin ?? "", demoPassword: passwords?.demo ?? "",
                services: Cloud.listed.map {
                    Bootstrap.Listed(type: $0.type, name: $0.name, url: settings.url(of: $0.service) + $0.path)
                }))
        try ClientFiles(settings).write(passwords)
        if isNew, settings.makesPublicNetwork, let project = try await identity.adminProject() {
            try await network.bootstrap(project: project, range: try await mechanism.publicRange(settings))
        }
        network.serve(bus)
        for node in networkNodes {
            node.serve()
            await node.converge()
        }
        conductor.serve()
        for node in nodes {
            node.serve()
            do throws(Failure) { try await node.report() } catch { log.warning("A node could not report: \(error)") }
        }
        try await volumes.start()
        volumeNode.serve()
        do throws(Failure) { try await volumeNode.report() } catch {
            log.warning("A volume node could not report: \(error)")
        }
        if isNew, settings.isStocked { await stock() }
    }

    /// A cloud with empty shelves is one, too.
    private func stock() async {
        do throws(Failure) {
            guard let token = try await identity.adminToken() else { return }
            try await Stock(respond: { [door] in await door.respond(to: $0) }, token: token).fill(
                image: settings.firstImage, hasPublicNetwork: settings.makesPublicNetwork)
        } catch {
            log.warning("The new cloud is not stocked: \(error)")
        }
    }

    private func firstPasswords() -> (admin: String, demo: String) {
        let make = { Base64.url.unpadded.text(world.chance.bytes(15)) }
        return (settings.adminPassword ?? make(), make())
    }

    /// Answers a request as if it had come to the gateway.
    package func respond(to request: HTTPRequest) async -> HTTPResponse { await door.respond(to: request) }

    /// Serves until the task is cancelled, then finishes what is in flight.
    ///
    /// - Parameter ready: called with the addresses once every one of them answers.
    package func run(ready: @escaping @Sendable ([String]) -> Void) async throws(Failure) {
        let server = try HTTPServer(on: loops, listeners: listeners) { [door] in await door.respond(to: $0) }
        ready(server.addresses.map(\.description))
        let failure = await Cloud.untilOneEnds(lives + [{ try await server.run() }])
        await loops.stop()
        await database.close()
        if let failure, failure.kind != .unavailable { throw failure }
    }

    /// Everything that a cloud does by itself, until the task is cancelled. Nothing listens: requests come by `respond`.
    package func live() async throws(Failure) {
        if let failure = await Cloud.untilOneEnds(lives) { throw failure }
    }

    /// What runs for as long as the cloud does.
    private var lives: [@Sendable () async throws -> Void] {
        let (identity, image, conductor, bus, log) = (identity, image, conductor, bus, log)
        let (metadata, networkChanges) = (metadata, networkChanges)
        let (network, servers) = (network, serversOfNetworks)
        let (volumes, volumeNode) = (volumes, volumeNode)
        let web = OpenWeb(HTTPClient(on: loops, trust: try? TLSTrust()), names: loops.names)
        var lives: [@Sendable () async throws -> Void] = [
            { try await identity.run { log.error("Identity's upkeep: \($0)") } },
            { await image.run(web) { log.error("An import could not be noted as failed: \($0)") } },
            { try await conductor.runner.run() },
            { try await volumes.run() },
            { try await volumeNode.run() },
            { await metadata.run() },
            {
                await network.tellNews(to: servers, identity) {
                    log.warning("Compute could not be told of addresses that have changed: \($0)")
                }
            },
            { for await _ in networkChanges { try? await bus.fanout(NetworkMessages.changed, Nothing()) } },
            { await bus.run() },
        ]
        for node in nodes { lives.append { try await node.run() } }
        for node in networkNodes { lives.append { try await node.run() } }
        for host in hosts { lives.append { try await Cloud.watch(host.hypervisor) } }
        return lives
    }

    /// They run until they are cancelled, so the first that ends takes the others with it.
    private static func untilOneEnds(_ lives: [@Sendable () async throws -> Void]) async -> Failure? {
        await withTaskGroup(of: Failure?.self) { group in
            for life in lives { group.addTask { await Cloud.ending(life) } }
            let first = await group.next() ?? nil
            group.cancelAll()
            await group.waitForAll()
            return first
        }
    }

    /// Guests that change by themselves are noticed where the driver can tell.
    private static func watch(_ hypervisor: any Hypervisor) async throws {
        if let telling = hypervisor as? any GuestEvents { return try await telling.run() }
        while !Task.isCancelled { try await Task.sleep(for: .seconds(3_600)) }
    }

    /// How something ended that runs for ever.
    private static func ending(_ body: @Sendable () async throws -> Void) async -> Failure? {
        do {
            try await body()
            return nil
        } catch {
            return Failure(error)
        }
    }

    private var listeners: [HTTPServer.Listen] {
        let ports = settings.port.map { [$0] } ?? [settings.gateway] + services.map(\.port)
        return ports.map { HTTPServer.Listen(.tcp(host: settings.listen, port: $0)) }
    }
}
