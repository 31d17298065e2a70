import API
package import Base
package import Bus
package import Contracts
package import SQL
package import Trace
package import Workflow

/// What block storage's control plane works with.
struct VolumeTools: Sendable {
    let database: Database
    let world: World
    let log: Log
    let bus: any Bus
    let neighbours: BlockStorage.Neighbours
    let tokens: any TokenIssuer
    let settings: BlockStorageSettings

    /// A node that copies a terabyte is given the time for it; nobody waits longer.
    static let longest: Duration = .seconds(4 * 3_600)
    /// What only touches a name or a size.
    static let short: Duration = .seconds(60)

    /// Asks the backend that a host's name leads to: `node@file#file`.
    func ask<Request, Answer>(
        _ message: Message<Request, Answer>, at host: String, _ request: Request, within limit: Duration = longest
    ) async throws(Failure) -> Answer {
        try await bus.call(message, on: Place(host).backend, request, deadline: limit)
    }

    /// The same for what a node does once, however often it is told: it is told again when no answer comes, for the order
    /// may have been lost, and what is lost should not cost all the time that a large copy may take.
    func ensure<Request, Answer>(
        _ message: Message<Request, Answer>, at host: String, _ request: Request, within limit: Duration = longest
    ) async throws(Failure) -> Answer {
        var (left, patience) = (limit, VolumeTools.firstPatience)
        while patience < left {
            do throws(Failure) {
                return try await ask(message, at: host, request, within: patience)
            } catch  where error.kind == .timedOut {
                left -= patience
                patience *= 2
            }
        }
        return try await ask(message, at: host, request, within: left)
    }

    /// Before an order is given again.
    private static let firstPatience: Duration = .seconds(30)

    /// Removes something from a node; without a host it was never made.
    func remove(_ name: StoredName, from host: String?) async throws(Failure) {
        guard let host else { return }
        _ = try await ensure(VolumeMessages.remove, at: host, name, within: .seconds(600))
    }
}

/// Where something is stored, as administrators see it: `node@backend#pool`.
struct Place: Sendable, Hashable {
    let text: String

    init(_ text: String) { self.text = text }

    /// `node`
    var node: String { String(text.prefix { $0 != "@" }) }
    /// `node@backend`
    var backend: String { String(text.prefix { $0 != "#" }) }
}

/// The role that alone has block storage's database: it hears the nodes, and carries out what takes long.
package struct VolumeControl: Sendable {
    package let runner: WorkflowRunner
    let tools: VolumeTools
    private let host: String

    /// - Parameter host: what the machine is called on which this runs.
    package init(
        host: String, database: Database, world: World, log: Log, bus: any Bus, neighbours: BlockStorage.Neighbours,
        tokens: any TokenIssuer, settings: BlockStorageSettings = BlockStorageSettings(),
        name: String = "volume-control", tell: (@Sendable () -> Void)? = nil,
        fault: @escaping WorkflowRunner.Fault = { _, _ in }
    ) {
        self.host = host
        tools = VolumeTools(
            database: database, world: world, log: log, bus: bus, neighbours: neighbours, tokens: tokens,
            settings: settings)
        runner = WorkflowRunner(
            BlockStorage.workflows(tools), name: name, database: database, world: world, log: log, tell: tell,
            fault: fault)
    }

    /// What there is from the first start on, and the signs of life of what runs here.
    package func start() async throws(Failure) {
        let (world, settings) = (tools.world, tools.settings)
        try await tools.database.write { tx in try tx.ensureDefaultType(settings.defaultType, world) }
        try await beat()
        let (tools, runner) = (tools, runner)
        tools.bus.serve(WorkMessages.volumesBegun) { _ in
            runner.nudge()
            return Nothing()
        }
        tools.bus.serve(VolumeMessages.heartbeat) { report in
            let world = tools.world
            let zone = tools.settings.defaultZone
            try await tools.database.write { try $0.note(report, zone: zone, world) }
            return Nothing()
        }
    }

    private func beat() async throws(Failure) {
        let (world, host, zone) = (tools.world, host, tools.settings.defaultZone)
        try await tools.database.write { tx in
            for binary in ["cinder-scheduler", "cinder-backup"] { try tx.note(binary, host, zone: zone, world) }
        }
    }

    /// Carries work out until the task is cancelled.
    package func run() async throws(Failure) {
        let log = tools.log
        let result = await withTaskGroup(of: Failure?.self) { group in
            group.addTask {
                do throws(Failure) { try await runner.run() } catch { return error }
                return nil
            }
            group.addTask {
                while !Task.isCancelled {
                    do throws(Failure) { try await beat() } catch {
                        log.warning("Block storage's own services could not be noted: \(error)")
                    }
                    do { try await tools.world.clock.sleep(for: .seconds(10)) } catch { return nil }
                }
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        if let result { throw result }
    }
}
