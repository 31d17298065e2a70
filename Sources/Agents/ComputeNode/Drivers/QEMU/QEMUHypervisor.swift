package import Base
package import IO
import Programs
import Trace

/// Runs guests as processes of QEMU's own, each of which outlives this program.
///
/// The truth about a guest is its process, which answers at a socket in the guest's folder, and its record there. The
/// driver itself knows nothing that it could lose: after a restart it finds every guest by asking.
package struct QEMUHypervisor: GuestsInFolders {
    let folder: String
    let loops: Loops
    let world: World
    let accelerator: Accelerator
    let actor: String
    let turns = Turns()
    package let events: AsyncStream<GuestEvent>
    let listener: AsyncStream<GuestEvent>.Continuation
    /// Guests that have just been started, on their way to `run`.
    let started: AsyncStream<GuestID>
    let starts: AsyncStream<GuestID>.Continuation

    /// How long QEMU may take to answer: far longer than it ever does, and short enough to give it up.
    static let patience = Duration.seconds(30)
    /// How long it may take to write its disks' last bytes when it is told to end.
    static let lastWords = Duration.seconds(10)

    /// - Parameters:
    ///   - folder: where guests are kept, each in a folder of its own.
    ///   - accelerator: nil: what a probe has proven.
    package init(
        folder: String, accelerator: Accelerator? = nil, loops: Loops, world: World, actor: String = "compute-node"
    ) async throws(Failure) {
        try GuestFolder.check(parent: folder)
        try LocalFiles.make(folder)
        self.folder = folder
        self.loops = loops
        self.world = world
        self.actor = actor
        if let accelerator {
            self.accelerator = accelerator
        } else {
            self.accelerator = try await Accelerator.proven(in: folder, by: actor)
        }
        (events, listener) = AsyncStream.makeStream(
            of: GuestEvent.self, bufferingPolicy: .bufferingNewest(GuestEvent.mostWaiting))
        (started, starts) = AsyncStream.makeStream(
            of: GuestID.self, bufferingPolicy: .bufferingNewest(GuestEvent.mostWaiting))
    }

    package func capacity() async throws(Failure) -> Capacity {
        let version = try await Program("qemu-system-x86_64", "--version").run(by: actor).text
        return try Capacity(
            ofThisMachineFor: folder, version: QEMUHypervisor.version(in: version), isAccelerated: accelerator == .kvm)
    }

    /// "QEMU emulator version 7.2.22 (Debian …)" is 7002022.
    static func version(in text: String) -> Int {
        let word = text.split(whereSeparator: \.isWhitespace).first { $0.first?.isNumber == true } ?? ""
        let parts = word.split(separator: ".").map { Int($0) ?? 0 }
        return (parts + [0, 0, 0]).prefix(3).reduce(0) { $0 * 1_000 + $1 }
    }

    // MARK: Looking

    func look(_ guest: GuestFolder) async throws(Failure) -> GuestReport? {
        guard let record = try guest.record() else { return nil }
        let power = try await power(of: guest) ?? record.powerWithoutProcess
        return GuestReport(id: guest.id, power: power, spec: record.spec)
    }

    /// nil: it has no process.
    func power(of guest: GuestFolder) async throws(Failure) -> PowerState? {
        do throws(Failure) {
            return try await visit(guest) { (qmp) throws(Failure) in try await QEMUHypervisor.power(qmp) }
        } catch {
            // Nobody answers, either because nobody is there or because it hangs.
            if try GuestProcess.all(of: guest).isEmpty { return nil }
            throw error
        }
    }

    private static func power(_ qmp: QMP) async throws(Failure) -> PowerState {
        switch try await qmp.execute("query-status")["status"]?.string {
        case "running", "suspended": .running
        case "shutdown": .stopped
        case "guest-panicked", "internal-error": .crashed
        default: .paused
        }
    }

    /// Speaks to the guest's process, having made sure that it is this guest's.
    func visit<Value>(
        _ guest: GuestFolder, within limit: Duration = patience, _ body: (QMP) async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        try await QMP.visit(guest.commands, on: loops, within: limit) { (qmp) throws(Failure) in
            let uuid = try await qmp.execute("query-uuid")["UUID"]?.string
            guard uuid == guest.id.text else { throw .bug("Another guest, \(uuid ?? "?"), answers for \(guest.id).") }
            return try await body(qmp)
        }
    }

    /// A verb for a guest that is there, in its turn.
    func verb<Value>(
        _ name: String, _ id: GuestID,
        _ body: (GuestFolder, GuestFolder.Record, PowerState?) async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let guest = try guestFolder(id)
        return try await Tracing.span(name, .hypervisor, by: actor) { () throws(Failure) in
            try await turns.take(id) { () throws(Failure) in
                guard let record = try guest.record() else { throw .noGuest(id) }
                return try await body(guest, record, try await power(of: guest))
            }
        }
    }
}
