package import Base
import CLibvirt
import Trace

/// Runs guests by libvirt, so that an operator's own tools (`virsh`, `virt-viewer`) see them beside all others.
///
/// The truth about a guest is what libvirt says of it, and its record in its folder, which holds everything else of it as
/// well. A guest's folder is there before libvirt hears of the guest, and goes after libvirt has forgotten it.
package struct LibvirtHypervisor: GuestsInFolders {
    let folder: String
    let node: LibvirtNode
    let world: World
    let accelerator: Accelerator
    let actor: String
    let turns = Turns()
    package let events: AsyncStream<GuestEvent>
    let listener: AsyncStream<GuestEvent>.Continuation

    /// How long a guest may take to let go of a device.
    static let patience = Duration.seconds(30)

    /// - Parameters:
    ///   - folder: where guests are kept, each in a folder of its own.
    ///   - daemon: where a libvirt of its own has its files, if the machine has none.
    ///   - accelerator: nil: what a probe has proven. That libvirt offers one proves nothing.
    package init(
        folder: String, daemon: String, accelerator: Accelerator? = nil, world: World, actor: String = "compute-node"
    ) async throws(Failure) {
        try GuestFolder.check(parent: folder)
        try LocalFiles.make(folder)
        self.folder = folder
        self.world = world
        self.actor = actor
        node = try LibvirtNode(LibvirtDaemon(folder: daemon, actor: actor), world: world)
        if let accelerator {
            self.accelerator = accelerator
        } else {
            self.accelerator = try await Accelerator.proven(in: folder, by: actor)
        }
        (events, listener) = AsyncStream.makeStream(
            of: GuestEvent.self, bufferingPolicy: .bufferingNewest(GuestEvent.mostWaiting))
        _ = try await node.connected()
    }

    package func capacity() async throws(Failure) -> Capacity {
        let version = try await node.ask { (node) throws(Failure) in try node.version() }
        return try Capacity(ofThisMachineFor: folder, version: version, isAccelerated: accelerator == .kvm)
    }

    // MARK: Looking

    func look(_ guest: GuestFolder) async throws(Failure) -> GuestReport? {
        guard let record = try guest.record() else { return nil }
        let power = try await sight(of: guest).power(as: record)
        return GuestReport(id: guest.id, power: power, spec: record.spec)
    }

    func sight(of guest: GuestFolder) async throws(Failure) -> Sight {
        let id = guest.id
        return try await node.ask { (node) throws(Failure) in
            try node.guest(id) { (guest) throws(Failure) in try Sight(guest) } ?? .unknown
        }
    }

    /// A call about a guest that libvirt knows.
    func order(
        _ guest: GuestFolder, _ body: @escaping @Sendable (OpaquePointer) throws(Failure) -> Void
    ) async throws(Failure) {
        let id = guest.id
        try await node.ask { (node) throws(Failure) in
            guard try node.guest(id, body) != nil else { throw .noGuest(id) }
        }
    }

    /// A verb for a guest that is there, in its turn.
    func verb<Value>(
        _ name: String, _ id: GuestID, _ body: (GuestFolder, GuestFolder.Record, Sight) async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let guest = try guestFolder(id)
        return try await Tracing.span(name, .hypervisor, by: actor) { () throws(Failure) in
            try await turns.take(id) { () throws(Failure) in
                guard let record = try guest.record() else { throw .noGuest(id) }
                return try await body(guest, record, try await sight(of: guest))
            }
        }
    }
}

extension LibvirtHypervisor: OperatorsView {
    package func address() async throws(Failure) -> String { try await node.connected().address }
}

/// What libvirt sees of a guest.
enum Sight: Sendable, Hashable {
    case running, paused, suspended
    /// It has no process; it, or somebody, has switched it off.
    case off
    /// It has no process, and nobody knows why.
    case gone
    /// It is up and has given up.
    case broken
    /// libvirt has never heard of it.
    case unknown

    init(_ guest: OpaquePointer) throws(Failure) {
        var (state, reason): (Int32, Int32) = (0, 0)
        try Connection.check(virDomainGetState(guest, &state, &reason, 0), "does not tell what the guest does")
        switch UInt32(state) {
        case VIR_DOMAIN_PAUSED.rawValue:
            self = reason == Int32(VIR_DOMAIN_PAUSED_CRASHED.rawValue) ? .broken : .paused
        case VIR_DOMAIN_CRASHED.rawValue: self = .broken
        case VIR_DOMAIN_SHUTOFF.rawValue:
            if virDomainHasManagedSaveImage(guest, 0) == 1 {
                self = .suspended
            } else {
                let known = [VIR_DOMAIN_SHUTOFF_SHUTDOWN, VIR_DOMAIN_SHUTOFF_DESTROYED]
                self = known.contains { Int32($0.rawValue) == reason } ? .off : .gone
            }
        default: self = .running
        }
    }

    var hasProcess: Bool { self == .running || self == .paused || self == .broken }

    /// What it comes to, with what was decided.
    func power(as record: GuestFolder.Record) -> PowerState {
        switch self {
        case .running: .running
        case .paused: .paused
        case .suspended: .suspended
        case .off: .stopped
        case .broken: .crashed
        case .gone, .unknown: record.decided == .running ? .crashed : .stopped
        }
    }
}
