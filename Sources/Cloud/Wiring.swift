import API
package import Base
import BlockStorage
import Compute
import Contracts
import Crypto
package import HTTP
import IO
import Identity
import Image
import Network
import Placement
import Policy
import SQL
package import Trace
import Workflow

/// A cloud, or the part of one that this process is: by its roles what has the database (`ControlPlane`), what runs on
/// nodes (`NodeRoles`), what carries messages between them (`Carrier`), and the door to it all.
///
/// These four are the one place that names everything. A service stands in `ControlPlane`, and has its line in
/// `histories` and in `listed`.
package struct Cloud: Sendable {
    package let settings: CloudSettings
    private let carrier: Carrier
    /// Nil where there are only nodes.
    private let plane: ControlPlane?
    let nodes: NodeRoles
    /// What makes networks real here: `linuxbridge` or `simulated`.
    package let mechanism: NetworkMechanism
    private let loops = Loops()
    /// What the cloud does by itself stays on one thread of its own: between threads every step of a workflow would be
    /// woken and waited for several times.
    private let control = Loops(count: 1)
    private let door: Door
    private let export: SpanExport?
    let services: [ServiceAPI]
    private let world: World
    private let log: Log
    private let progress: Care.Progress

    /// - Parameter progress: hears of what takes longer than a moment until it is ready.
    package init(
        _ settings: CloudSettings, on ground: Ground = .machine, world: World = World(clock: LoopClock()), log: Log,
        progress: @escaping Care.Progress = { _ in }
    ) async throws(Failure) {
        try settings.checkRoles()
        self.progress = progress
        self.settings = settings
        self.world = world
        self.log = log
        let roles = settings.roles
        carrier = try Carrier(settings, ground, loops, world, log)
        mechanism = ground.hosts == nil ? await settings.mechanism.resolved(for: settings.hypervisor) : .simulated
        // Who has the APIs asks them through its own door.
        let elsewhere = roles.contains(.api) ? nil : settings.gatewayAddress
        let switchboard = Switchboard(
            ground.road,
            elsewhere: try elsewhere.map { [loops] address throws(Failure) in
                try Gateway(address, on: loops, trust: try settings.trust())
            })
        plane =
            roles.haveDatabase
            ? try await ControlPlane(
                settings, on: ground, carrier, switchboard, loops, mechanism: mechanism, world: world, log: log,
                progress) : nil
        let identity = roles.contains(.api) ? plane?.identity : nil
        nodes = try await NodeRoles(
            settings, on: ground, carrier.bus, switchboard, loops, mechanism: mechanism,
            tokens: identity ?? RemoteTokens(bus: carrier.bus), world: world, log: log)

        export = try settings.spanCollector.map { [loops] address throws(Failure) in
            try SpanExport(address, host: settings.nodeName, on: loops, world: world)
        }

        services = roles.contains(.api) ? plane?.services ?? [] : []
        let policies = try PolicyFiles(folder: settings.policyFolder).read(for: services)
        let trail = try AuditLog(settings.data.auditLog)
        let gauges = Gauges(database: plane?.database, carrier: carrier)
        door = try Door(
            services, gateway: settings.gateway, overrides: policies, authenticator: identity ?? Nobody(), world: world,
            log: log, origins: CrossOrigin(settings.origins), gauges: { await gauges.read() },
            audit: { trail.note($0) }, told: services.isEmpty ? nil : plane?.told)
        switchboard.connect(door)
    }

    /// Where an operator's own tools find the guests, if they do.
    package func operatorsView() async -> String? { await nodes.operatorsView() }

    /// Each service's tables, in a history of its own.
    static let histories: [(service: String, migrations: [Migration])] = [
        (service: "workflow", migrations: [Run.created, StoryPages.created]),
        (service: "identity", migrations: Identity.migrations),
        (service: "image", migrations: ImageService.migrations),
        (service: "network", migrations: Network.migrations),
        (service: "placement", migrations: Placement.migrations),
        (service: "compute", migrations: Compute.migrations),
        (service: "volume", migrations: BlockStorage.migrations),
    ]

    static func migrate(
        _ database: Database, at now: Moment, _ progress: @escaping Care.Progress = { _ in }
    ) async throws(Failure) {
        for history in histories {
            try await database.migrate(history.service, history.migrations, at: now) { progress("tables   \($0)") }
        }
    }

    /// Makes the tables of a database that has none as they were when a backup was made, by the names of the steps that
    /// each service had been through. Whoever starts a cloud on them does the rest.
    static func migrate(_ database: Database, to past: [String: [String]], at now: Moment) async throws(Failure) {
        for (service, names) in past {
            let migrations = histories.first { $0.service == service }?.migrations ?? []
            guard migrations.prefix(names.count).map(\.name) == names else {
                throw .conflict(
                    "The backup is of a newer version, or of another: this one doesn't know how its tables of \(service) "
                        + "came to be. Restore it with the version that made it.")
            }
        }
        for history in histories {
            let count = past[history.service]?.count ?? 0
            try await database.migrate(history.service, Array(history.migrations.prefix(count)), at: now)
        }
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
        await control.stop()
        await plane?.database.close()
    }

    /// Fills a new cloud with what it starts with, and brings an older one up to date.
    package func prepare() async throws(Failure) {
        var isNew = false
        if settings.roles.contains(.api), let plane { isNew = try await found(plane) }
        try await plane?.serve()
        await nodes.serve(reporting: carrier.isAtHand && settings.roles.isAll)
        if isNew, settings.isStocked, let identity = plane?.identity { await stock(identity) }
    }

    /// - Returns: whether the cloud is new.
    private func found(_ plane: ControlPlane) async throws(Failure) -> Bool {
        let identity = plane.identity
        try await identity.start()
        try await plane.image.start()
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
            try await plane.network.bootstrap(project: project, range: try await mechanism.publicRange(settings))
        }
        return isNew
    }

    /// A cloud with empty shelves is one, too.
    private func stock(_ identity: Identity) async {
        do throws(Failure) {
            guard let token = try await identity.adminToken() else { return }
            try await Stock(respond: door.respond, token: token).fill(
                image: settings.firstImage, progress: progress, hasPublicNetwork: settings.makesPublicNetwork)
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
        let certificate = settings.certificate
        let shown = try certificate.map { files throws(Failure) in
            try TLSIdentity(certificates: files.certificates, key: files.key)
        }
        let listeners = listeners(shown)
        let server = try HTTPServer(
            on: loops, listeners: listeners, refusal: door.refuse, handler: door.respond)
        ready(server.addresses.map(\.description))
        // Where nothing listens there is nothing to serve, and that is no reason to end.
        var serving: [@Sendable () async throws -> Void] = listeners.isEmpty ? [] : [{ try await server.run() }]
        if let certificate, let shown {
            serving.append { [world, log] in try await certificate.renew(shown, world.clock, log) }
        }
        let failure = await withTaskExecutorPreference(control.next()) {
            await Cloud.untilOneEnds(lives + serving)
        }
        await loops.stop()
        await control.stop()
        await plane?.database.close()
        if let failure, failure.kind != .unavailable { throw failure }
    }

    /// Everything that a cloud does by itself, until the task is cancelled. Nothing listens: requests come by `respond`.
    package func live() async throws(Failure) {
        if let failure = await Cloud.untilOneEnds(lives) { throw failure }
    }

    /// What runs for as long as the cloud does.
    private var lives: [@Sendable () async throws -> Void] {
        let (carrier, export, log) = (carrier, export, log)
        var lives = (plane?.lives() ?? []) + nodes.lives + [{ await carrier.run() }]
        if let export { lives.append { await export.run { log.warning("Spans are dropped: \($0.message)") } } }
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

    /// How something ended that runs for ever.
    private static func ending(_ body: @Sendable () async throws -> Void) async -> Failure? {
        do {
            try await body()
            return nil
        } catch {
            return Failure(error)
        }
    }

    /// A process without APIs listens only where it is told to, to say how it is.
    private func listeners(_ identity: TLSIdentity?) -> [HTTPServer.Listen] {
        let own = services.isEmpty ? [] : [settings.gateway] + services.map(\.port)
        let ports = settings.port.map { [$0] } ?? own
        return settings.listen.flatMap { $0.listeners(ports, identity) }
    }
}

/// Where there are no APIs nobody is let in.
private struct Nobody: Authenticator {
    func caller(token: String, evenIfExpired: Bool) async throws(Failure) -> Caller {
        throw Failure(.unauthenticated, "There is no API here.")
    }
}
