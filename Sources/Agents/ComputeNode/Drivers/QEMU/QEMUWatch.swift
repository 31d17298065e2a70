package import Base

/// Noticing what guests do by themselves, one visitor at each guest's second socket.
extension QEMUHypervisor: GuestEvents {
    package func run() async throws(Failure) {
        let found = try await list()
        await withDiscardingTaskGroup { group in
            for report in found { group.addTask { await watch(report.id) } }
            group.addTask { await ConsoleLogs(folder: folder).trim(world) }
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
}
