package import Base
package import Contracts
import IO
import Programs
import Trace

/// A running guest goes to another host: its disks are mirrored there while it writes, then its memory, and for the last of
/// both it stands still for a moment.
///
/// Everything is asked in short visits, so that others can look at the guest meanwhile. Disks and memory travel encrypted
/// with a key that only the two hosts have.
extension QEMUHypervisor: LiveMoving {
    private static let key = "way"

    package func expect(_ spec: GuestSpec, at address: String) async throws(Failure) -> Landing? {
        let guest = try guestFolder(spec.id)
        return try await Tracing.span("expect the guest", .hypervisor, by: actor) { () throws(Failure) in
            try await turns.take(spec.id) { () throws(Failure) in
                if try guest.record() != nil {
                    if try await power(of: guest) == .running { return nil }
                    // What was expected before and never came.
                    try await end(guest)
                    try guest.remove()
                }
                try guest.save(GuestFolder.Record(spec: spec, decided: .stopped))
                try await GuestDisks(spec: spec, folder: guest, actor: actor).blank()
                let machine = Machine(spec: spec, folder: guest, accelerator: accelerator)
                do throws(Failure) {
                    try await Program("qemu-system-x86_64", machine.arguments(incoming: true)).run(by: actor)
                    return try await open(guest, spec, at: address)
                } catch {
                    try await end(guest)
                    try guest.remove()
                    throw error
                }
            }
        }
    }

    package func send(_ id: GuestID, to landing: Landing) async throws(Failure) {
        let guest = try guestFolder(id)
        try await Tracing.span("send the guest", .hypervisor, by: actor) { () throws(Failure) in
            // It has gone already, and who should have said so didn't live to do it.
            if try await status(guest) == "postmigrate" { return try await leave(guest) }
            do throws(Failure) {
                try await prepare(guest, landing)
                try await copyDisks(guest, landing)
                try await copyMemory(guest, landing)
            } catch {
                try? await stay(guest, landing)
                throw error
            }
            try await leave(guest)
        }
    }

    package func arrive(_ id: GuestID) async throws(Failure) {
        try await verb("let the guest arrive", id) { (guest, record, power) throws(Failure) in
            guard power == .running || power == .paused else { throw .guest(id, is: .stopped, soCannot: "received") }
            try await visit(guest) { (qmp) throws(Failure) in
                _ = try? await qmp.execute("nbd-server-stop")
                _ = try? await qmp.execute("object-del", ["id": .string(QEMUHypervisor.key)])
            }
            try LocalFiles.removeAll(guest.loanFolder)
            try guest.save(GuestFolder.Record(spec: record.spec, decided: .running))
            starts.yield(id)
        }
    }

    // MARK: Where it comes to

    private func open(
        _ guest: GuestFolder, _ spec: GuestSpec, at address: String
    ) async throws(Failure) -> Landing {
        let landing = Landing(
            host: address, memory: try LocalFiles.freePort(), disk: try LocalFiles.freePort(),
            key: UUID(SystemChance()).hex + UUID(SystemChance()).hex, disks: guest.disks(of: spec).keys.sorted())
        try await setKey(guest, landing, "server")
        try await visit(guest) { (qmp) throws(Failure) in
            let place: JSON = ["host": "0.0.0.0", "port": .string(String(landing.disk))]
            try await qmp.execute(
                "nbd-server-start",
                ["addr": ["type": "inet", "data": place], "tls-creds": .string(QEMUHypervisor.key)])
            for name in landing.disks {
                try await qmp.execute(
                    "block-export-add",
                    [
                        "type": "nbd", "id": .string("way-" + name), "node-name": .string(name),
                        "name": .string(name), "writable": true,
                    ])
            }
            try await allow(qmp, pausing: false)
            try await qmp.execute("migrate-incoming", ["uri": .string("tcp:0.0.0.0:\(landing.memory)")])
        }
        return landing
    }

    private func setKey(_ guest: GuestFolder, _ landing: Landing, _ end: String) async throws(Failure) {
        try LocalFiles.make(guest.loanFolder)
        try Lender.write(landing.key, in: guest.loanFolder)
        try await visit(guest) { (qmp) throws(Failure) in
            _ = try? await qmp.execute("object-del", ["id": .string(QEMUHypervisor.key)])
            try await qmp.execute(
                "object-add",
                [
                    "qom-type": "tls-creds-psk", "id": .string(QEMUHypervisor.key), "endpoint": .string(end),
                    "dir": .string(guest.loanFolder),
                ])
        }
    }

    private func allow(_ qmp: QMP, pausing: Bool) async throws(Failure) {
        let pause: JSON = ["capability": "pause-before-switchover", "state": .bool(pausing)]
        try await qmp.execute("migrate-set-capabilities", ["capabilities": .array([pause])])
        try await qmp.execute(
            "migrate-set-parameters", ["tls-creds": .string(QEMUHypervisor.key), "max-bandwidth": 0])
    }

    // MARK: Where it comes from

    private func prepare(_ guest: GuestFolder, _ landing: Landing) async throws(Failure) {
        try await stay(guest, landing)
        try await setKey(guest, landing, "client")
    }

    private func copyDisks(_ guest: GuestFolder, _ landing: Landing) async throws(Failure) {
        let server: JSON = [
            "type": "inet", "host": .string(landing.host), "port": .string(String(landing.disk)),
        ]
        try await visit(guest) { (qmp) throws(Failure) in
            for name in landing.disks {
                try await qmp.execute(
                    "blockdev-add",
                    [
                        "driver": "nbd", "node-name": .string("to-" + name), "server": server,
                        "export": .string(name), "tls-creds": .string(QEMUHypervisor.key), "discard": "unmap",
                    ])
                // What lies in the image is there already.
                let reach = name == GuestFolder.rootName ? "top" : "full"
                try await qmp.execute(
                    "blockdev-mirror",
                    [
                        "job-id": .string("copy-" + name), "device": .string(name), "target": .string("to-" + name),
                        "sync": .string(reach),
                    ])
            }
        }
        try await wait(guest, for: "its disks to be copied") { (qmp) throws(Failure) in
            let jobs = try await qmp.execute("query-block-jobs").array ?? []
            guard jobs.count == landing.disks.count else {
                throw .unavailable("A disk of \(guest.id) could not be copied to \(landing.host).")
            }
            return jobs.allSatisfy { $0["ready"] == true }
        }
    }

    private func copyMemory(_ guest: GuestFolder, _ landing: Landing) async throws(Failure) {
        try await visit(guest) { (qmp) throws(Failure) in
            try await allow(qmp, pausing: true)
            try await qmp.execute("migrate", ["uri": .string("tcp:\(landing.host):\(landing.memory)")])
        }
        try await waitForMigration(guest, "pre-switchover")
        // It stands still: what is written last goes over, and the mirrors end.
        try await visit(guest) { (qmp) throws(Failure) in
            for name in landing.disks {
                try await qmp.execute("block-job-cancel", ["device": .string("copy-" + name)])
            }
        }
        try await wait(guest, for: "its disks to be the same") { (qmp) throws(Failure) in
            try await qmp.execute("query-block-jobs").array?.isEmpty != false
        }
        _ = try await visit(guest) { (qmp) throws(Failure) in
            try await qmp.execute("migrate-continue", ["state": "pre-switchover"])
        }
        try await waitForMigration(guest, "completed")
    }

    private func waitForMigration(_ guest: GuestFolder, _ wanted: String) async throws(Failure) {
        try await wait(guest, for: "its memory to be copied") { (qmp) throws(Failure) in
            let found = try await qmp.execute("query-migrate")
            let status = found["status"]?.string ?? ""
            guard status != "failed" && status != "cancelled" else {
                throw .unavailable("The guest could not be moved: \(found["error-desc"]?.string ?? status).")
            }
            return status == wanted
        }
    }

    /// Looks again until it is so. A guest that writes faster than the wire carries is given up when the step's time is over.
    private func wait(
        _ guest: GuestFolder, for what: String, until isSo: (QMP) async throws(Failure) -> Bool
    ) async throws(Failure) {
        let end = world.now + .seconds(3_600)
        while true {
            if try await visit(guest, { (qmp) throws(Failure) in try await isSo(qmp) }) { return }
            guard world.now < end, !Task.isCancelled else {
                throw Failure(.timedOut, "It took too long for \(what).")
            }
            do { try await world.clock.sleep(for: .milliseconds(100)) } catch { throw Failure(error) }
        }
    }

    private func status(_ guest: GuestFolder) async throws(Failure) -> String {
        try await visit(guest) { (qmp) throws(Failure) in try await qmp.execute("query-status") }["status"]?.string
            ?? ""
    }

    /// The guest goes on where it is; nothing is left of its setting out.
    private func stay(_ guest: GuestFolder, _ landing: Landing) async throws(Failure) {
        try await visit(guest) { (qmp) throws(Failure) in
            _ = try? await qmp.execute("migrate_cancel")
            for name in landing.disks {
                let job: JSON = ["device": .string("copy-" + name), "force": true]
                _ = try? await qmp.execute("block-job-cancel", job)
            }
        }
        let end = world.now + .seconds(10)
        while world.now < end {
            let isFree = try await visit(guest) { (qmp) throws(Failure) in
                try await qmp.execute("query-block-jobs").array?.isEmpty != false
            }
            if isFree { break }
            do { try await world.clock.sleep(for: .milliseconds(50)) } catch { throw Failure(error) }
        }
        try await visit(guest) { (qmp) throws(Failure) in
            for name in landing.disks {
                _ = try? await qmp.execute("blockdev-del", ["node-name": .string("to-" + name)])
            }
            let now = try await qmp.execute("query-status")["status"]?.string
            if now == "finish-migrate" || now == "postmigrate" { try await qmp.execute("cont") }
        }
        try LocalFiles.removeAll(guest.loanFolder)
    }

    /// It is elsewhere: here it ends, and its disks stay until whoever decides takes them away.
    private func leave(_ guest: GuestFolder) async throws(Failure) {
        try await turns.take(guest.id) { () throws(Failure) in
            guard let record = try guest.record() else { return }
            try guest.save(GuestFolder.Record(spec: record.spec, decided: .stopped))
            try await end(guest)
            try LocalFiles.removeAll(guest.loanFolder)
        }
    }
}
