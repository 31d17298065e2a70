import API
import Base
import BlockStorage
import Bus
import Compute
import Contracts
import Crypto
import HTTP
import IO
import Identity
import Image
import Network
import Placement
import SQL
import Trace
import Workflow

/// What has the database: the services that answer requests, and what carries long work out.
///
/// A service is a few lines in `init`, and a line in `services`. In a process that only carries work out the services
/// are there, too, and nobody asks them.
struct ControlPlane: Sendable {
    let database: Database
    let identity: Identity
    let image: ImageService
    private let web: OpenWeb
    let network: Network
    /// Compute, as the network service asks it.
    private let serversOfNetworks: Neighbour
    let conductor: Conductor
    let volumes: VolumeControl
    let services: [ServiceAPI]
    private let roles: Set<Role>
    private let carrier: Carrier
    private let log: Log
    /// Whenever what hosts' networks are to be may have changed.
    private let networkChanges: AsyncStream<Void>
    /// Whenever something was begun here that others carry out.
    private let beginnings: AsyncStream<Void>
    /// What requests leave of their stories, where others go on with them.
    private let stories: AsyncStream<Story>
    private let story: AsyncStream<Story>.Continuation

    private struct Story: Sendable {
        let requestID: String
        let spans: [Span]
    }

    init(
        _ settings: CloudSettings, on ground: Ground, _ carrier: Carrier, _ switchboard: Switchboard, _ loops: Loops,
        mechanism: NetworkMechanism, world: World, log: Log, _ progress: @escaping Care.Progress
    ) async throws(Failure) {
        (roles, self.carrier, self.log) = (settings.roles, carrier, log)
        let bus = carrier.bus
        database = try ground.database(settings.databaseAddress)
        try await Cloud.migrate(database, at: world.now, progress)

        identity = Identity(
            database: database, world: world, keys: try ControlPlane.keys(settings.data.tokenKeys, world),
            credentialKeys: try ControlPlane.keys(settings.data.credentialKeys, world), settings: settings.identity)
        // Keys are where the identity API is. Others don't make tokens of their own that nobody would take.
        let tokens: any TokenIssuer = roles.contains(.api) ? identity : RemoteTokens(bus: bus)
        web = OpenWeb(HTTPClient(on: loops, trust: try? TLSTrust()), names: loops.names)
        image = ImageService(
            database: database, world: world, stores: try ControlPlane.imageStores(settings, web, world),
            identity: switchboard.neighbour("identity", asker: "image-api"),
            cache: try ControlPlane.imageCache(settings, world), settings: settings.image)
        let (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        networkChanges = changes
        var networkSettings = mechanism.settings(host: settings.networkNode)
        networkSettings.quotas = settings.networkQuotas
        network = Network(database: database, world: world, settings: networkSettings) { change.yield() }
        serversOfNetworks = switchboard.neighbour("compute", asker: "network")
        let placement = Placement(database: database, world: world)

        let neighbours = Compute.Neighbours(
            identity: switchboard.neighbour("identity", asker: "compute-api"),
            image: switchboard.neighbour("image", asker: "compute-api"),
            network: switchboard.neighbour("network", asker: "compute-api"),
            volume: switchboard.neighbour("volume", asker: "compute-api"),
            placement: switchboard.neighbour("placement", asker: "scheduler"))
        let (beginnings, begin) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.beginnings = beginnings
        (stories, story) = AsyncStream.makeStream(of: Story.self, bufferingPolicy: .bufferingNewest(256))
        let announce: @Sendable () -> Void = { begin.yield() }
        let tell = roles.contains(.conductor) ? nil : announce
        // Each machine's conductor has a name of its own, by which it knows its work again.
        let suffix = carrier.isAtHand ? "" : " on \(settings.nodeName)"
        conductor = Conductor(
            database: database, world: world, log: log, bus: bus, neighbours: neighbours, tokens: tokens,
            settings: settings.compute, name: "conductor" + suffix, tell: tell, fault: ground.fault)
        let compute = Compute(
            database: database, world: world, bus: bus, runner: conductor.runner, neighbours: neighbours,
            tokens: tokens, settings: settings.compute)

        volumes = VolumeControl(
            host: settings.nodeName, database: database, world: world, log: log, bus: bus,
            neighbours: BlockStorage.Neighbours(
                image: switchboard.neighbour("image", asker: "volume-control"),
                compute: switchboard.neighbour("compute", asker: "volume-control")), tokens: tokens,
            name: "volume-control" + suffix, tell: tell, fault: ground.fault)
        let blockStorage = BlockStorage(volumes)

        let consoles = ConsoleProxy(database: database, world: world, bus: bus, loops: loops)
        services = [identity.api, image.api, network.api, placement.api, compute.api, blockStorage.api, consoles.api]
    }

    /// The keys in a folder, which are made when there are none yet.
    private static func keys(_ path: String, _ world: World) throws(Failure) -> KeyRing {
        let keys = KeyRepository(path: path)
        if !Files.exists(path) { try keys.create(chance: world.chance) }
        return try KeyRing(keys)
    }

    /// Keeps what is left of a request's story, where nobody in this process goes on with it.
    var told: (@Sendable (_ requestID: String, [Span]) -> Void)? {
        guard !roles.contains(.conductor) else { return nil }
        return { [story] in story.yield(Story(requestID: $0, spans: $1)) }
    }

    // MARK: Life

    /// From now on answers what is asked over the bus.
    func serve() async throws(Failure) {
        if roles.contains(.api) { identity.serve(carrier.bus) }
        if roles.contains(.scheduler) { conductor.schedule() }
        if roles.contains(.conductor) {
            network.serve(carrier.bus)
            conductor.serve()
            try await volumes.start()
        }
    }

    /// The folder of the cloud, those that the operator names, and whatever lies in the web.
    private static func imageStores(
        _ settings: CloudSettings, _ web: OpenWeb, _ world: World
    ) throws(Failure) -> [any Store] {
        let pool = Pool(name: "image files", threads: 4)
        var stores: [any Store] = [try FileStore(folder: settings.data.images, pool: pool, chance: world.chance)]
        for (name, folder) in settings.imageStores {
            stores.append(try FileStore(name, folder: folder, pool: pool, chance: world.chance))
        }
        return stores + [WebStore(web, within: settings.image.webRules)]
    }

    private static func imageCache(_ settings: CloudSettings, _ world: World) throws(Failure) -> ImageCache? {
        guard settings.imageCacheSize > 0 else { return nil }
        let pool = Pool(name: "image copies", threads: 2)
        let store = try FileStore(
            "cache", folder: settings.data.imageCopies, pool: pool, chance: world.chance)
        return ImageCache(store, on: settings.nodeName, limit: settings.imageCacheSize)
    }

    /// What runs for as long as the cloud does.
    func lives() -> [@Sendable () async throws -> Void] {
        let (identity, image, conductor, volumes, log) = (identity, image, conductor, volumes, log)
        let (networkChanges, beginnings, stories, bus) = (networkChanges, beginnings, stories, carrier.bus)
        var lives: [@Sendable () async throws -> Void] = [
            { for await _ in networkChanges { try? await bus.fanout(NetworkMessages.changed, Nothing()) } }
        ]
        if roles.contains(.api) {
            let (web, network, servers) = (web, network, serversOfNetworks)
            lives += [
                {
                    await network.tellNews(to: servers, identity) {
                        log.warning("Compute could not be told of addresses that have changed: \($0)")
                    }
                },
                { try await identity.run { log.error("Identity's upkeep: \($0)") } },
                { await image.run(web) { log.error("Images' upkeep: \($0)") } },
                {
                    for await story in stories {
                        try? await conductor.runner.keep(story.spans, of: story.requestID)
                    }
                },
                {
                    for await _ in beginnings {
                        try? await bus.fanout(WorkMessages.begun, Nothing())
                        try? await bus.fanout(WorkMessages.volumesBegun, Nothing())
                    }
                },
            ]
        }
        if roles.contains(.conductor) {
            lives += [{ try await conductor.runner.run() }, { try await volumes.run() }]
        }
        return lives
    }
}
