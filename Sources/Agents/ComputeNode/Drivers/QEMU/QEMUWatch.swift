package import Base
import CSystem
import Glibc

/// Noticing what guests do by themselves, one visitor at each guest's second socket.
extension QEMUHypervisor: GuestEvents {
    package func run() async throws(Failure) {
        let found = try await list()
        await withDiscardingTaskGroup { group in
            for report in found { group.addTask { await watch(report.id) } }
            group.addTask { await trimConsoles() }
            for await id in started { group.addTask { await watch(id) } }
            group.cancelAll()
        }
    }

    /// Events say that something has happened; what it came to is then looked at, in the guest's turn, so that a verb that
    /// is in the middle of it doesn't pass for an accident.
    private func watch(_ id: GuestID) async {
        guard let guest = try? guestFolder(id) else { return }
        let telling: Set<String> = ["STOP", "RESUME", "SHUTDOWN", "GUEST_PANICKED"]
        try? await QMP.visit(guest.events, on: loops, within: nil) { (qmp) throws(Failure) in
            await tell(guest)
            while let event = try await qmp.event(where: { telling.contains($0.name) }) {
                await tell(guest)
                if event.name == "SHUTDOWN" { return }
            }
        }
        if !Task.isCancelled { await tell(guest) }
    }

    /// Says what the guest is doing; one that has shut itself down gives its memory back and is recorded as off.
    private func tell(_ guest: GuestFolder) async {
        let power = try? await turns.take(guest.id) { () throws(Failure) -> PowerState? in
            guard let report = try await look(guest) else { return nil }
            if report.power == .stopped || report.power == .crashed {
                if report.power == .stopped { try guest.save(GuestFolder.Record(spec: report.spec, decided: .stopped)) }
                try await end(guest)
            }
            return report.power
        }
        if let power { listener.yield(GuestEvent(id: guest.id, power: power)) }
    }

    // MARK: Console logs

    /// What a guest says is kept to this length or twice of it.
    private static let longestConsole: Int64 = 1 << 20

    /// QEMU appends and never ends; now and then the beginning is given back to the file system, while everything keeps
    /// its place in the file, so that nothing is lost that is being written just then.
    private func trimConsoles() async {
        while !Task.isCancelled {
            for name in (try? LocalFiles.names(in: folder)) ?? [] {
                guard let guest = try? guestFolder(GuestID(name)) else { continue }
                QEMUHypervisor.trim(guest.consoleLog)
            }
            do { try await world.clock.sleep(for: .seconds(10)) } catch { return }
        }
    }

    static func trim(_ path: String) {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, Int64(status.st_blocks) * 512 > 2 * longestConsole else { return }
        let excess = (Int64(status.st_size) - longestConsole) & ~4_095
        // Where the file system cannot do that, all of it goes.
        if system_give_back(file, 0, off_t(excess)) != 0 { ftruncate(file, 0) }
    }
}
