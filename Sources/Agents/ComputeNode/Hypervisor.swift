package import Base
package import Contracts

/// What runs guests on a node: ten verbs, each of which makes something so and may be said again.
///
/// A driver keeps what it must remember with its guests, not in itself: a new driver finds everything that the one
/// before it left, so that the control plane may ask again after any crash of either. Verbs for one guest take turns;
/// those for different guests don't wait for one another.
package protocol Hypervisor: Sendable {
    /// What the node has and what it runs guests with.
    func capacity() async throws(Failure) -> Capacity

    /// Every guest that has anything left here.
    func list() async throws(Failure) -> [GuestReport]

    /// nil: nothing of it is here.
    func describe(_ id: GuestID) async throws(Failure) -> GuestReport?

    /// Makes what is missing of the guest's disks, and starts it if it doesn't run; one that is suspended goes on where
    /// it was, one that is paused stays paused. The specification counts for a start; a guest that is up keeps its own.
    func ensureRunning(_ spec: GuestSpec) async throws(Failure)

    /// Switches the guest off and keeps its disks. With a grace it is asked first, and only what is still up then is cut
    /// off; without one it is cut off.
    func ensureStopped(_ id: GuestID, within grace: Duration?) async throws(Failure)

    /// Holds a running guest still, in memory.
    func ensurePaused(_ id: GuestID) async throws(Failure)

    /// Saves a guest's memory to disk and ends it.
    func ensureSuspended(_ id: GuestID) async throws(Failure)

    /// Lets a guest that is paused or suspended go on, and starts one that is stopped as it was last specified.
    func ensureResumed(_ id: GuestID) async throws(Failure)

    /// Ends the guest and starts it anew. With a grace it is asked to end by itself first. Said twice, it starts twice.
    func reboot(_ id: GuestID, within grace: Duration?) async throws(Failure)

    /// Leaves nothing of the guest: no process, no disk of its own, no file. Volumes are not the guest's own.
    func remove(_ id: GuestID) async throws(Failure)
}

/// A power: disks come and go while the guest runs. On one that doesn't, its specification changes.
package protocol DiskHotplug: Hypervisor {
    func ensureAttached(_ disk: DiskSpec, to id: GuestID) async throws(Failure)
    func ensureDetached(disk: String, from id: GuestID) async throws(Failure)

    /// Tells a running guest that one of its disks has grown.
    func ensureSize(ofDisk disk: String, _ bytes: Int64, in id: GuestID) async throws(Failure)
}

/// A power: network interfaces come and go while the guest runs.
package protocol NICHotplug: Hypervisor {
    func ensureAttached(_ nic: NICSpec, to id: GuestID) async throws(Failure)
    func ensureDetached(nic: String, from id: GuestID) async throws(Failure)
}

/// A power: a guest's root disk as an image, as it was at one moment, while the guest goes on.
package protocol Snapshotting: Hypervisor {
    /// - Parameter path: where the image is written; what stands there before is replaced.
    func snapshot(_ id: GuestID, to path: String, format: DiskFormat) async throws(Failure)
}

/// A power: what guests say on their first serial port is kept, and what has become too old is dropped.
package protocol ConsoleLogging: Hypervisor {
    /// The last bytes of it.
    func consoleLog(_ id: GuestID, last bytes: Int) async throws(Failure) -> [UInt8]
}

/// A power: one can answer what guests say on their first serial port.
package protocol SerialConsoles: Hypervisor {
    /// The Unix socket that carries the port both ways; one visitor at a time.
    func consoleSocket(_ id: GuestID) async throws(Failure) -> String
}

/// A power: a guest's screen, to be carried to its user.
package protocol RemoteScreens: Hypervisor {
    /// The Unix socket at which the guest's screen speaks VNC (RFB), without a password: who gets this far is checked.
    func vncSocket(_ id: GuestID) async throws(Failure) -> String
}

/// A power: a guest's own disk can be had by another guest, while it rests.
package protocol Rescuing: Hypervisor {
    func rootDisk(of id: GuestID) async throws(Failure) -> DiskSpec
}

/// A power: a root disk that has grown can be had back as it was, by running the guest with its old size.
package protocol DiskKeeping: Hypervisor {
    /// There is no way back any more.
    func settle(_ id: GuestID) async throws(Failure)
}

/// A power: a guest that rests goes to another host with its own disks. Said twice, each is done once.
package protocol DiskCarrying: Hypervisor {
    /// Holds the guest's own disks out, at an address of this host's, until it is told to end that, or the guest starts.
    func lend(_ id: GuestID, at address: String) async throws(Failure) -> DiskLoan
    func endLoan(_ id: GuestID) async throws(Failure)

    /// Makes a guest that rests here, with the disks that are held out elsewhere. Its image is here already.
    func borrow(_ loan: DiskLoan, for spec: GuestSpec) async throws(Failure)
}

/// A power: a guest goes to another host while it runs, with its own disks.
package protocol LiveMoving: Hypervisor {
    /// Has everything ready for a guest that is to come from elsewhere. nil: it runs here already.
    func expect(_ spec: GuestSpec, at address: String) async throws(Failure) -> Landing?

    /// Sends the guest off and comes back when it runs there. One that cannot go runs on here.
    func send(_ id: GuestID, to landing: Landing) async throws(Failure)

    /// From now on it is one of this host's guests like the others.
    func arrive(_ id: GuestID) async throws(Failure)
}

/// A power: an operator's own tools see the guests.
package protocol OperatorsView: Hypervisor {
    /// Where they find them: for libvirt's, what stands behind `virsh -c`.
    func address() async throws(Failure) -> String
}

/// A power: guests that change by themselves are noticed.
package protocol GuestEvents: Hypervisor {
    /// For one listener, from the driver's beginning to its end. What came of a verb is told as well.
    var events: AsyncStream<GuestEvent> { get }

    /// Watches until the task is cancelled. Without it every verb works, but nothing is noticed.
    func run() async throws(Failure)
}

extension Failure {
    static func noGuest(_ id: GuestID) -> Failure { .notFound("guest", id.text) }

    /// The guest is in no state for what was asked.
    static func guest(_ id: GuestID, is power: PowerState, soCannot verb: String) -> Failure {
        .conflict("The guest \(id) is \(power.rawValue): it cannot be \(verb).")
    }
}
