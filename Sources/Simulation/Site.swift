import Base
import Cloud
import ComputeNode
import Contracts
import HTTP
import Identity
import SQL
import Synchronization
import Trace
import VolumeNode

/// Where the cloud runs: a process that may be killed at any moment and started again, machines and a disk that stay.
final class Site: Sendable {
    let nodes: [SimulatedNode]
    let weather: Weather
    let milestones = Milestones()
    let disk: Disk
    private let thread: OneThread
    private let chance: any Chance
    private let history: History
    private let log: Log
    private let settings: CloudSettings
    private let state = Mutex(State())

    private struct State {
        var processor: Processor?
        var cloud: Cloud?
        var database: Database?
        var open: [Int: UnsafeContinuation<HTTPAnswer?, Never>] = [:]
        var last = 0
        var failure: Failure?
        /// Whether the process ended by itself or was killed since it began.
        var isDown = true
    }

    static let password = "simulated"

    init(folder: String, thread: OneThread, chance: any Chance, weather: Weather, history: History, log: Log)
        throws(Failure)
    {
        self.thread = thread
        self.chance = chance
        self.weather = weather
        self.history = history
        self.log = log
        disk = Disk(weather: weather, chance: chance, history: history)
        disk.mount()
        var settings = CloudSettings(data: DataDirectory(folder))
        settings.port = 0
        settings.adminPassword = Site.password
        settings.identity.passwordCost = 4
        settings.hypervisor = .simulated
        self.settings = settings
        try settings.data.make()
        // The machines don't die with the process. They have a clock of their own.
        let world = World(clock: Processor(thread).clock, chance: chance)
        nodes = (1...3).map { SimulatedNode(Site.size("node-\($0)"), world: world) }
    }

    /// Small, so that they fill up.
    private static func size(_ host: String) -> Capacity {
        Capacity(
            host: host, vcpus: 2, memoryMB: 1_024, diskGB: 8, freeDiskGB: 8, hypervisor: "simulated",
            version: 1_000_000,
            cpu: Capacity.CPU(architecture: "x86_64", model: "simulated", vendor: "Martlet", cores: 2),
            isAccelerated: false)
    }

    // MARK: Life

    /// Starts the process, and returns when the cloud answers. One that cannot write while it starts is started again.
    func start() async {
        for _ in 0..<Site.starts {
            await startOnce()
            guard let failure, failure.kind == .unavailable else { return }
            kill()
            state.withLock { $0.failure = nil }
            try? await Processor(thread).clock.sleep(for: .seconds(1))
        }
    }

    /// How often the machine tries, as it would with any service.
    private static let starts = 100

    private func startOnce() async {
        history.note("start")
        await state.withLock { $0.database }?.close()
        disk.start(afterPowerFailure: chance.below(2) == 0)
        let processor = Processor(thread)
        state.withLock { state in
            state.processor = processor
            state.isDown = false
        }
        await withUnsafeContinuation { (ready: UnsafeContinuation<Void, Never>) in
            let once = Mutex<UnsafeContinuation<Void, Never>?>(ready)
            let isReady: @Sendable () -> Void = { once.withLock { $0.take() }?.resume() }
            Task(executorPreference: processor) {
                do throws(Failure) {
                    let cloud = try await self.make(on: processor)
                    try await cloud.prepare()
                    self.state.withLock { $0.cloud = cloud }
                    isReady()
                    try await cloud.live()
                } catch {
                    guard !processor.isDead else { return isReady() }
                    self.history.note("the cloud ended: \(error)")
                    self.state.withLock { $0.failure = error }
                    isReady()
                }
            }
        }
    }

    private func make(on processor: Processor) async throws(Failure) -> Cloud {
        let world = World(clock: processor.clock, chance: chance)
        let weather = weather
        let ground = Ground(
            database: { path throws(Failure) in
                let database = try Database(inPlace: path) { !processor.isDead }
                self.state.withLock { $0.database = database }
                return database
            },
            bus: { UnreliableBus(bus: $0, weather: weather, clock: $1.clock) },
            road: weather.road(world.clock),
            fault: { point, step in
                guard self.milestones.reach(point, step) else { return }
                self.history.note("at \(point) \"\(step)\"")
                self.kill()
                throw CancellationError()
            },
            hosts: nodes.map { Ground.Host(name: $0.size.host, hypervisor: SimulatedHypervisor($0)) },
            volumes: UnreliableDriver(driver: try store(), weather: weather, clock: processor.clock))
        return try await Cloud(settings, on: ground, world: world, log: log)
    }

    private func store() throws(Failure) -> SimulatedDriver { try SimulatedDriver(folder: settings.data.volumes) }

    /// The names of what holds volumes and snapshots, whatever the cloud knows of it.
    func stored() async throws(Failure) -> [String] { try await store().list().map(\.name) }

    /// As `kill`, in the middle of what is written soon.
    func killWriting() { disk.lightFuse(chance.below(60)) { self.kill() } }

    /// `kill -9`: nothing that was under way goes on, and whoever waits for an answer loses the connection.
    func kill() {
        guard !state.withLock({ $0.isDown }) else { return }
        history.note("kill -9")
        disk.processEnded()
        let open = state.withLock { state in
            state.isDown = true
            state.processor?.kill()
            state.cloud = nil
            defer { state.open = [:] }
            return state.open
        }
        for (_, waiter) in open.sorted(by: { $0.key < $1.key }) { waiter.resume(returning: nil) }
    }

    /// Sets what goes wrong from now on, on the machines too.
    func set(_ odds: Odds) {
        weather.now = odds
        disk.makeRoom()
        for node in nodes { node.faults = weather.faults }
    }

    // MARK: Asking

    struct HTTPAnswer: Sendable {
        let status: Int
        let headers: HTTPHeaders
        let json: JSON
    }

    /// nil: the connection was lost, and nobody knows what came of it.
    func ask(_ method: String, _ target: String, _ headers: HTTPHeaders, _ body: HTTPBody) async -> HTTPAnswer? {
        let (cloud, processor) = state.withLock { ($0.cloud, $0.processor) }
        guard let cloud, let processor else { return nil }
        return await withUnsafeContinuation { waiter in
            let number = state.withLock { state in
                state.last += 1
                state.open[state.last] = waiter
                return state.last
            }
            Task(executorPreference: processor) {
                let response = await cloud.respond(to: HTTPRequest(method, target, headers: headers, body: body))
                let bytes = (try? await response.collect(limit: 1 << 24)) ?? []
                let json = bytes.isEmpty ? JSON.null : (try? JSONReader.read(bytes)) ?? .null
                let answer = HTTPAnswer(status: response.status, headers: response.headers, json: json)
                self.state.withLock { $0.open.removeValue(forKey: number) }?.resume(returning: answer)
            }
        }
    }

    /// Looks into the store, past everything.
    func look<Value: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Value) async throws(Failure) -> Value
    {
        guard let database = state.withLock({ $0.database }) else { throw .bug("There is no store yet.") }
        return try await database.read(body)
    }

    var failure: Failure? { state.withLock { $0.failure } }
}
