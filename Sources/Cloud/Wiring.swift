import API
package import Base
import Crypto
import HTTP
import IO
import Identity
import Network
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
    let network: Network
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

        let keys = KeyRepository(path: settings.data.tokenKeys)
        if !Files.exists(settings.data.tokenKeys) { try keys.create(chance: world.chance) }
        identity = Identity(database: database, world: world, keys: try KeyRing(keys))

        try await database.migrate("network", Network.migrations, at: world.now)
        network = Network(database: database, world: world)

        services = [identity.api, network.api]
        let policy = try Policy(services.flatMap(\.rules), definitions: Identity.definitions + Network.definitions)
        door = Door(
            services, gateway: settings.gateway, policy: policy, authenticator: identity, world: world, log: log)
    }

    /// What the catalog names.
    private static let listed: [(type: String, name: String, service: String, path: String)] = [
        (type: "identity", name: "keystone", service: "identity", path: "/v3"),
        (type: "network", name: "neutron", service: "network", path: ""),
    ]

    package var names: [String] { services.map(\.name) }

    // MARK: Life

    /// Fills a new cloud with what it starts with, and brings an older one up to date.
    package func prepare() async throws(Failure) {
        try await identity.start()
        let isNew = try await !identity.isBootstrapped()
        let passwords = isNew ? firstPasswords() : nil
        try await identity.bootstrap(
            Bootstrap(
                region: settings.region, adminPassword: passwords?.admin ?? "", demoPassword: passwords?.demo ?? "",
                services: Cloud.listed.map {
                    Bootstrap.Listed(type: $0.type, name: $0.name, url: settings.url(of: $0.service) + $0.path)
                }))
        if isNew, let project = try await identity.adminProject() { try await network.bootstrap(project: project) }
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
        do throws(Failure) { try await server.run() } catch  where error.kind == .unavailable {
            log.debug("\(error)")
        }
        await loops.stop()
        await database.close()
    }

    private var listeners: [HTTPServer.Listen] {
        let ports = settings.port.map { [$0] } ?? [settings.gateway] + services.map(\.port)
        return ports.map { HTTPServer.Listen(.tcp(host: settings.listen, port: $0)) }
    }
}
