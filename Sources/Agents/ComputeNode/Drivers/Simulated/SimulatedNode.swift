package import Base
import Synchronization

/// A machine that isn't there: its guests outlive the driver, as those of a real one do.
///
/// It is small enough for thousands of them in one process, and takes time and chance from the world, so that a whole
/// history can be run again from one seed.
package final class SimulatedNode: Sendable {
    struct Guest {
        var spec: GuestSpec
        var power: PowerState
        var console: [UInt8] = []
    }

    package let size: Capacity
    package let pace: Pace
    let world: World
    private let state: Mutex<State>

    private struct State {
        var guests: [GuestID: Guest] = [:]
        var listener: AsyncStream<GuestEvent>.Continuation?
        var faults: Faults
    }

    /// More is not kept of what a guest says.
    static let longestConsole = 64 * 1024

    package init(_ size: Capacity, pace: Pace = .believable, faults: Faults = .none, world: World) {
        self.size = size
        self.pace = pace
        state = Mutex(State(faults: faults))
        self.world = world
    }

    /// A machine as one buys them.
    package static func usual(_ host: String) -> Capacity {
        Capacity(
            host: host, vcpus: 64, memoryMB: 262_144, diskGB: 4_096, freeDiskGB: 4_096, hypervisor: "simulated",
            version: 1_000_000,
            cpu: Capacity.CPU(architecture: "x86_64", model: "simulated", vendor: "none", cores: 64),
            isAccelerated: true)
    }

    /// What goes wrong here from now on.
    package var faults: Faults {
        get { state.withLock { $0.faults } }
        set { state.withLock { $0.faults = newValue } }
    }

    var guests: [Guest] { state.withLock { Array($0.guests.values) } }

    /// What is on it, for whoever looks past the driver.
    package var reports: [GuestReport] { guests.map(\.report).sorted { $0.id < $1.id } }

    subscript(id: GuestID) -> Guest? { state.withLock { $0.guests[id] } }

    /// Changes a guest, and tells of it if that changed its power. nil removes it.
    func change(_ id: GuestID, _ body: (inout Guest?) -> Void) {
        state.withLock { state in
            let before = state.guests[id]?.power
            var guest = state.guests[id]
            body(&guest)
            if let excess = guest.map({ $0.console.count - SimulatedNode.longestConsole }), excess > 0 {
                guest?.console.removeFirst(excess)
            }
            state.guests[id] = guest
            if guest?.power != before { state.listener?.yield(GuestEvent(id: id, power: guest?.power)) }
        }
    }

    /// The newest driver hears of changes.
    func tell(_ listener: AsyncStream<GuestEvent>.Continuation) {
        state.withLock { state in
            state.listener?.finish()
            state.listener = listener
        }
    }

    // MARK: What guests do by themselves

    /// The guest's process dies.
    package func kill(_ id: GuestID) {
        change(id) { if $0?.power == .running || $0?.power == .paused { $0?.power = .crashed } }
    }

    /// The guest's user shuts it down from inside.
    package func shutDown(_ id: GuestID) { change(id) { if $0?.power == .running { $0?.power = .stopped } } }

    /// The whole machine loses its power and comes back.
    package func powerFailure() {
        for guest in guests { kill(guest.spec.id) }
    }
}
