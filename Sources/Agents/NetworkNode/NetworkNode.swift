package import Base
package import Bus
import Contracts
import Synchronization
package import Trace

/// The role that makes networks so on one host. It has no database: it asks the network service what its host is to be
/// like, whenever something changed and now and then, and reports what became of it.
package struct NetworkNode: Sendable {
    private let host: String
    private let bus: any Bus
    private let wires: any Wires
    private let world: World
    private let log: Log
    private let started: Moment
    private let nudges: AsyncStream<Void>
    private let nudge: AsyncStream<Void>.Continuation
    private let last = Last()

    /// How often it looks though nobody said that something changed, and says that it is there.
    private static let pace: Duration = .seconds(15)
    /// What changes in one go is looked at once; and on a host with so much on it that looking takes its time, looking
    /// takes no more than a part of all time.
    private static func calm(after look: Duration) -> Duration { max(.milliseconds(20), look * 15) }

    private final class Last: Sendable {
        let desired = Mutex(HostNetwork(networks: [], ports: [], groups: [], routers: []))
    }

    package init(host: String, bus: any Bus, wires: any Wires, world: World, log: Log) {
        self.host = host
        self.bus = bus
        self.wires = wires
        self.world = world
        self.log = log
        started = world.now
        (nudges, nudge) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    package func serve() {
        let nudge = nudge
        bus.serve(NetworkMessages.changed, on: host) { _ in
            nudge.yield()
            return Nothing()
        }
    }

    /// Until the task is cancelled.
    package func run() async throws(Failure) {
        let (nudge, world) = (nudge, world)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while (try? await world.clock.sleep(for: NetworkNode.pace)) != nil { nudge.yield() }
            }
            group.addTask {
                for await _ in nudges {
                    let begun = world.now
                    await converge()
                    let calm = NetworkNode.calm(after: world.now - begun)
                    guard (try? await world.clock.sleep(for: calm)) != nil else { return }
                }
            }
            await group.next()
            group.cancelAll()
        }
        await wires.rest(last.desired.withLock { $0 })
    }

    /// One look, and what comes of it. What fails is said and tried again at the next.
    package func converge() async {
        do throws(Failure) {
            let desired = try await bus.call(
                NetworkMessages.desired, HostQuestion(host: host), deadline: .seconds(30))
            last.desired.withLock { $0 = desired }
            let connected = try await wires.converge(desired)
            try await report(desired, connected)
        } catch {
            if !Task.isCancelled { log.warning("The networks of \(host) are not as they should be: \(error)") }
            try? await report(HostNetwork(networks: [], ports: [], groups: [], routers: []), [])
        }
    }

    private func report(_ desired: HostNetwork, _ connected: Set<String>) async throws(Failure) {
        let own = desired.ports.filter { $0.host == host }
        let report = WireReport(
            host: host, started: started, agents: wires.agents,
            up: own.filter { !$0.isActive && connected.contains($0.id) }.map(\.id),
            down: own.filter { $0.isActive && !connected.contains($0.id) }.map(\.id))
        _ = try await bus.call(NetworkMessages.wired, report, deadline: .seconds(30))
    }
}
