package import Base
import Programs
import Trace

/// On, off, and what lies between.
extension QEMUHypervisor {
    package func ensureRunning(_ spec: GuestSpec) async throws(Failure) {
        guard UUID(spec.id.text)?.dashed == spec.id.text else { throw .invalid("A guest's id is a UUID: \(spec.id)") }
        let guest = try guestFolder(spec.id)
        try await Tracing.span("run the guest", .hypervisor, by: actor) { () throws(Failure) in
            try await turns.take(spec.id) { () throws(Failure) in
                let power = try await power(of: guest)
                let record = try guest.record()
                if let record, power == .running || power == .paused {
                    // It may have been started by one who didn't live to say so.
                    guard record.decided != .running else { return }
                    return try guest.save(GuestFolder.Record(spec: record.spec, decided: .running))
                }
                if let record, record.decided == .suspended, power == nil {
                    return try await start(guest, record.spec, incoming: true)
                }
                try await end(guest)
                try await start(guest, spec)
            }
        }
    }

    package func ensureStopped(_ id: GuestID, within grace: Duration?) async throws(Failure) {
        try await verb("stop the guest", id) { (guest, record, power) throws(Failure) in
            if let grace, power == .running { try await askToEnd(guest, within: grace) }
            // The decision comes first: from here on its end is no crash.
            try guest.save(GuestFolder.Record(spec: record.spec, decided: .stopped))
            try await end(guest)
            try LocalFiles.remove(guest.memory)
        }
    }

    package func ensurePaused(_ id: GuestID) async throws(Failure) {
        try await verb("pause the guest", id) { (guest, record, power) throws(Failure) in
            guard power != .paused else { return }
            guard power == .running else {
                throw .guest(id, is: power ?? record.powerWithoutProcess, soCannot: "paused")
            }
            try await visit(guest) { (qmp) throws(Failure) in _ = try await qmp.execute("stop") }
        }
    }

    package func ensureSuspended(_ id: GuestID) async throws(Failure) {
        try await verb("suspend the guest", id) { (guest, record, power) throws(Failure) in
            if power == nil && record.decided == .suspended { return }
            guard power == .running || power == .paused else {
                throw .guest(id, is: power ?? record.powerWithoutProcess, soCannot: "suspended")
            }
            try await saveMemory(guest)
            try guest.save(GuestFolder.Record(spec: record.spec, decided: .suspended))
            try await end(guest)
        }
    }

    package func ensureResumed(_ id: GuestID) async throws(Failure) {
        try await verb("resume the guest", id) { (guest, record, power) throws(Failure) in
            switch power {
            case .running: return
            case .paused: try await visit(guest) { (qmp) throws(Failure) in _ = try await qmp.execute("cont") }
            case .stopped, .crashed, .suspended, nil:
                try await end(guest)
                try await start(guest, record.spec, incoming: record.decided == .suspended)
            }
        }
    }

    package func reboot(_ id: GuestID, within grace: Duration?) async throws(Failure) {
        try await verb("reboot the guest", id) { (guest, record, power) throws(Failure) in
            if let grace, power == .running { try await askToEnd(guest, within: grace) }
            try guest.save(GuestFolder.Record(spec: record.spec, decided: .stopped))
            try await end(guest)
            try await start(guest, record.spec)
        }
    }

    package func remove(_ id: GuestID) async throws(Failure) {
        let guest = try guestFolder(id)
        try await Tracing.span("remove the guest", .hypervisor, by: actor) { () throws(Failure) in
            try await turns.take(id) { () throws(Failure) in
                guard Files.exists(guest.path) else { return }
                if let record = try guest.record() {
                    try guest.save(GuestFolder.Record(spec: record.spec, decided: .stopped))
                }
                try await end(guest)
                try guest.remove()
                listener.yield(GuestEvent(id: id, power: nil))
            }
        }
    }

    // MARK: Starting

    private func start(_ guest: GuestFolder, _ spec: GuestSpec, incoming: Bool = false) async throws(Failure) {
        try guest.save(GuestFolder.Record(spec: spec, decided: incoming ? .suspended : .stopped))
        try await GuestDisks(spec: spec, folder: guest, actor: actor).ensure()
        try guest.sweep()
        if !incoming { try LocalFiles.remove(guest.memory) }
        let machine = Machine(spec: spec, folder: guest, accelerator: accelerator)
        do throws(Failure) {
            // It comes back when the guest has a process of its own that answers.
            try await Program("qemu-system-x86_64", machine.arguments(incoming: incoming)).run(by: actor)
            if incoming { try await loadMemory(guest) }
        } catch {
            try await end(guest)
            throw error
        }
        try guest.save(GuestFolder.Record(spec: spec, decided: .running))
        if incoming { try LocalFiles.remove(guest.memory) }
        starts.yield(guest.id)
    }

    // MARK: Ending

    /// Presses the power button, and waits for the guest to be done.
    private func askToEnd(_ guest: GuestFolder, within grace: Duration) async throws(Failure) {
        do throws(Failure) {
            try await visit(guest, within: grace) { (qmp) throws(Failure) in
                try await qmp.execute("system_powerdown")
                _ = try await qmp.event { $0.name == "SHUTDOWN" }
            }
        } catch {
            guard error.kind == .timedOut else { throw error }
        }
    }

    /// Afterwards the guest has no process. It may write what it has in memory; if it doesn't come to an end, it is cut off.
    func end(_ guest: GuestFolder) async throws(Failure) {
        guard try !GuestProcess.all(of: guest).isEmpty else { return }
        do throws(Failure) {
            try await visit(guest, within: QEMUHypervisor.lastWords) { (qmp) throws(Failure) in
                try await qmp.execute("quit")
                while try await qmp.event(where: { _ in true }) != nil {}
            }
        } catch {
            for process in try GuestProcess.all(of: guest) { process.kill() }
        }
        try await awaitEnd(guest)
        try guest.sweep()
    }

    private func awaitEnd(_ guest: GuestFolder) async throws(Failure) {
        let processes = try GuestProcess.all(of: guest)
        let limit = world.now + QEMUHypervisor.lastWords
        var isCutOff = false
        while !processes.allSatisfy(\.hasEnded) {
            if world.now > limit {
                guard !isCutOff else { throw .unavailable("The guest \(guest.id) cannot be ended.") }
                for process in processes { process.kill() }
                isCutOff = true
            }
            do { try await world.clock.sleep(for: .milliseconds(isCutOff ? 100 : 5)) } catch { throw Failure(error) }
        }
    }

    // MARK: Memory on disk

    private func saveMemory(_ guest: GuestFolder) async throws(Failure) {
        let fresh = guest.memory + ".new"
        try LocalFiles.remove(fresh)
        try await visit(guest, within: .seconds(600)) { (qmp) throws(Failure) in
            try await qmp.execute("stop")
            do throws(Failure) {
                try await migrate(qmp, "migrate", "exec:cat > " + QEMUHypervisor.quoted(fresh))
            } catch {
                try await qmp.execute("cont")
                throw error
            }
        }
        try LocalFiles.move(fresh, to: guest.memory)
    }

    private func loadMemory(_ guest: GuestFolder) async throws(Failure) {
        try await visit(guest, within: .seconds(600)) { (qmp) throws(Failure) in
            try await migrate(qmp, "migrate-incoming", "exec:cat " + QEMUHypervisor.quoted(guest.memory))
            try await qmp.execute("cont")
        }
    }

    private func migrate(_ qmp: QMP, _ command: String, _ uri: String) async throws(Failure) {
        try await qmp.execute(
            "migrate-set-capabilities", ["capabilities": [["capability": "events", "state": true]]])
        // As fast as the disk goes.
        try await qmp.execute("migrate-set-parameters", ["max-bandwidth": 0])
        try await qmp.execute(command, ["uri": .string(uri)])
        let ends: Set<String?> = ["completed", "failed", "cancelled"]
        let end = try await qmp.event { $0.name == "MIGRATION" && ends.contains($0.data["status"]?.string) }
        guard end?.data["status"]?.string == "completed" else {
            throw .unavailable("The guest's memory could not be written or read.")
        }
    }

    /// For the shell that QEMU starts.
    private static func quoted(_ path: String) -> String {
        "'" + path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
