package import Base

/// Noticing what guests do by themselves.
extension LibvirtHypervisor: GuestEvents {
    package func run() async throws(Failure) {
        await withDiscardingTaskGroup { group in
            group.addTask { await ConsoleLogs(folder: folder).trim(world) }
            await tellAll()
            for await change in node.changes {
                switch change {
                // Told beside one another: one guest's long verb doesn't keep the news of others.
                case .guest(let id): group.addTask { await tell(id) }
                case .lost: await tellAll()
                }
            }
            group.cancelAll()
        }
    }

    /// At the beginning and after the connection was lost, when nobody knows what has happened meanwhile.
    private func tellAll() async {
        while !Task.isCancelled {
            do throws(Failure) {
                // Without a connection nothing would be told from now on.
                _ = try await node.connected()
                for report in try await list() { await tell(report.id) }
                return
            } catch {
                do { try await world.clock.sleep(for: .seconds(1)) } catch { return }
            }
        }
    }

    /// Events say that something has happened; what it came to is then looked at, in the guest's turn, so that a verb that
    /// is in the middle of it doesn't pass for an accident.
    private func tell(_ id: GuestID) async {
        guard let guest = try? guestFolder(id), Files.exists(guest.path) else { return }
        let power = try? await turns.take(id) { () throws(Failure) -> PowerState? in
            guard let report = try await look(guest) else { return nil }
            if report.power == .stopped || report.power == .crashed {
                if report.power == .stopped { try guest.save(GuestFolder.Record(spec: report.spec, decided: .stopped)) }
                try await end(guest)
            }
            return report.power
        }
        if let power { listener.yield(GuestEvent(id: id, power: power)) }
    }
}
