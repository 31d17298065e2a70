import API
package import Base
import Crypto
import HTTP
import IO
import Identity
import Image
import Policy
import SQL
package import Trace

/// A whole cloud in one process: every service, what stands behind each contract, and the door to them.
///
/// This is the one place that names everything. A service is a line in `init` and a line in `listed`.
package struct Cloud: Sendable {
    package let settings: CloudSettings
    let database: Database
    let identity: Identity
    let image: ImageService
    let door: Door
    let services: [ServiceAPI]
    private let world: World
    private let log: Log

    package init(_ settings: CloudSettings, world: World = World(), log: Log) async throws(Failure) {
        self.settings = settings
        self.world = world
        self.log = log
        database = try Database(.file(settings.data.database))
        try await database.migrate("identity", Identity.migrations, at: world.now)

        identity = Identity(
            database: database, world: world, keys: try Cloud.keys(settings.data.tokenKeys, world),
            credentialKeys: try Cloud.keys(settings.data.credentialKeys, world), settings: settings.identity)

        try await database.migrate("image", ImageService.migrations, at: world.now)
        let files = Pool(name: "image files", threads: 4)
        image = ImageService(
            database: database, world: world,
            store: try FileStore(folder: settings.data.images, pool: files, chance: world.chance))

        services = [identity.api, image.api]
        let policy = try Policy(
            services.flatMap(\.rules), definitions: Identity.definitions + ImageService.definitions)
        door = Door(
            services, gateway: settings.gateway, policy: policy, authenticator: identity, world: world, log: log)
    }

    /// The keys in a folder, which are made when there are none yet.
    private static func keys(_ path: String, _ world: World) throws(Failure) -> KeyRing {
        let keys = KeyRepository(path: path)
        if !Files.exists(path) { try keys.create(chance: world.chance) }
        return try KeyRing(keys)
    }

    /// What the catalog names.
    private static let listed: [(type: String, name: String, service: String, path: String)] = [
        (type: "identity", name: "keystone", service: "identity", path: "/v3"),
        (type: "image", name: "glance", service: "image", path: ""),
    ]

    package var names: [String] { services.map(\.name) }

    // MARK: Life

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
    }

    private func firstPasswords() -> (admin: String, demo: String) {
        let make = { Base64.url.unpadded.text(world.chance.bytes(15)) }
        return (settings.adminPassword ?? make(), make())
    }

    /// Serves until the task is cancelled, then finishes what is in flight.
    ///
    /// - Parameter ready: called with the addresses once every one of them answers.
    package func run(ready: @escaping @Sendable ([String]) -> Void) async throws(Failure) {
        let loops = Loops()
        let door = door
        let server = try HTTPServer(on: loops, listeners: listeners) { await door.respond(to: $0) }
        ready(server.addresses.map(\.description))
        let failure = await withTaskGroup(of: Failure?.self) { group in
            group.addTask { await Cloud.ending { try await server.run() } }
            group.addTask { [identity, log] in
                await Cloud.ending { try await identity.run { log.error("Identity's upkeep: \($0)") } }
            }
            // They run until they are cancelled, so the first that ends takes the others with it.
            let first = await group.next() ?? nil
            group.cancelAll()
            await group.waitForAll()
            return first
        }
        await loops.stop()
        await database.close()
        if let failure, failure.kind != .unavailable { throw failure }
    }

    /// How something ended that runs for ever.
    private static func ending(_ body: () async throws -> Void) async -> Failure? {
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
