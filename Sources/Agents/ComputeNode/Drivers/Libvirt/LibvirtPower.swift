package import Base
import CLibvirt
import Trace

/// On, off, and what lies between.
extension LibvirtHypervisor {
    package func ensureRunning(_ spec: GuestSpec) async throws(Failure) {
        guard UUID(spec.id.text)?.dashed == spec.id.text else { throw .invalid("A guest's id is a UUID: \(spec.id)") }
        for disk in spec.disks { try Domain.check(disk) }
        if case .volume(let disk) = spec.root { try Domain.check(disk) }
        let guest = try guestFolder(spec.id)
        try await Tracing.span("run the guest", .hypervisor, by: actor) { () throws(Failure) in
            try await turns.take(spec.id) { () throws(Failure) in
                let sight = try await sight(of: guest)
                guard let record = try guest.record() else { return try await start(guest, spec) }
                switch sight {
                case .running, .paused:
                    // It may have been started by one who didn't live to say so.
                    guard record.decided != .running else { return }
                    try guest.save(GuestFolder.Record(spec: record.spec, decided: .running))
                case .suspended: try await wake(guest, record.spec)
                case .off, .gone, .broken, .unknown:
                    try await end(guest)
                    try await start(guest, spec)
                }
            }
        }
    }

    package func ensureStopped(_ id: GuestID, within grace: Duration?) async throws(Failure) {
        try await verb("stop the guest", id) { (guest, record, sight) throws(Failure) in
            if let grace, sight == .running { try await askToEnd(guest, within: grace) }
            // The decision comes first: from here on its end is no crash.
            try guest.save(GuestFolder.Record(spec: record.spec, decided: .stopped))
            try await end(guest)
            guard sight == .suspended else { return }
            try await order(guest) { (guest) throws(Failure) in
                try Connection.check(virDomainManagedSaveRemove(guest, 0), "keeps the guest's memory")
            }
        }
    }

    package func ensurePaused(_ id: GuestID) async throws(Failure) {
        try await verb("pause the guest", id) { (guest, record, sight) throws(Failure) in
            guard sight != .paused else { return }
            guard sight == .running else { throw .guest(id, is: sight.power(as: record), soCannot: "paused") }
            try await order(guest) { (guest) throws(Failure) in
                try Connection.check(virDomainSuspend(guest), "cannot pause the guest")
            }
        }
    }

    package func ensureSuspended(_ id: GuestID) async throws(Failure) {
        try await verb("suspend the guest", id) { (guest, record, sight) throws(Failure) in
            guard sight != .suspended else { return }
            guard sight == .running || sight == .paused else {
                throw .guest(id, is: sight.power(as: record), soCannot: "suspended")
            }
            try await order(guest) { (guest) throws(Failure) in
                let goesOn = UInt32(VIR_DOMAIN_SAVE_RUNNING.rawValue)
                try Connection.check(virDomainManagedSave(guest, goesOn), "cannot save the guest's memory")
            }
            try guest.save(GuestFolder.Record(spec: record.spec, decided: .suspended))
        }
    }

    package func ensureResumed(_ id: GuestID) async throws(Failure) {
        try await verb("resume the guest", id) { (guest, record, sight) throws(Failure) in
            switch sight {
            case .running: return
            case .paused:
                try await order(guest) { (guest) throws(Failure) in
                    try Connection.check(virDomainResume(guest), "cannot let the guest go on")
                }
            case .suspended: try await wake(guest, record.spec)
            case .off, .gone, .broken, .unknown:
                try await end(guest)
                try await start(guest, record.spec)
            }
        }
    }

    package func reboot(_ id: GuestID, within grace: Duration?) async throws(Failure) {
        try await verb("reboot the guest", id) { (guest, record, sight) throws(Failure) in
            if let grace, sight == .running { try await askToEnd(guest, within: grace) }
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
                try await forget(id)
                try guest.remove()
                listener.yield(GuestEvent(id: id, power: nil))
            }
        }
    }

    private func forget(_ id: GuestID) async throws(Failure) {
        let all = [
            VIR_DOMAIN_UNDEFINE_MANAGED_SAVE, VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA, VIR_DOMAIN_UNDEFINE_NVRAM,
            VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
        ]
        let flags = all.reduce(UInt32(0)) { $0 | UInt32($1.rawValue) }
        try await node.ask { (node) throws(Failure) in
            _ = try node.guest(id) { (guest) throws(Failure) in
                try Connection.check(virDomainUndefineFlags(guest, flags), "cannot forget the guest")
            }
        }
    }

    // MARK: Starting

    private func start(_ guest: GuestFolder, _ spec: GuestSpec) async throws(Failure) {
        try guest.save(GuestFolder.Record(spec: spec, decided: .stopped))
        try await GuestDisks(spec: spec, folder: guest, actor: actor).ensure()
        try guest.sweep()
        try await define(guest, spec)
        try await create(guest, spec)
    }

    /// A guest whose memory was saved goes on from there, as what it was then.
    private func wake(_ guest: GuestFolder, _ spec: GuestSpec) async throws(Failure) {
        try guest.sweep()
        try await create(guest, spec)
    }

    private func create(_ guest: GuestFolder, _ spec: GuestSpec) async throws(Failure) {
        try await Tracing.span("start the domain", .hypervisor, by: "libvirt") { () throws(Failure) in
            try await order(guest) { (guest) throws(Failure) in
                try Connection.check(virDomainCreate(guest), "cannot start the guest")
            }
        }
        try guest.save(GuestFolder.Record(spec: spec, decided: .running))
    }

    /// What a guest will be when it is started next.
    func define(_ guest: GuestFolder, _ spec: GuestSpec) async throws(Failure) {
        let accelerator = accelerator
        try await Tracing.span("define the domain", .hypervisor, by: "libvirt") { () throws(Failure) in
            try await node.ask { (node) throws(Failure) in
                let domain = Domain(spec: spec, folder: guest, accelerator: accelerator, guards: try node.guards())
                try node.define(domain.xml)
            }
        }
    }

    // MARK: Ending

    /// Presses the power button, and waits for the guest to be done.
    private func askToEnd(_ guest: GuestFolder, within grace: Duration) async throws(Failure) {
        let limit = world.now + grace
        do throws(Failure) {
            try await order(guest) { (guest) throws(Failure) in
                let button = UInt32(VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN.rawValue)
                try Connection.check(virDomainShutdownFlags(guest, button), "cannot press the guest's button")
            }
        } catch {
            // It may have ended by itself just then.
            guard try await sight(of: guest) == .running else { return }
            throw error
        }
        while world.now < limit, try await sight(of: guest) == .running {
            do { try await world.clock.sleep(for: .milliseconds(200)) } catch { throw Failure(error) }
        }
    }

    /// Afterwards the guest has no process. It may write what it has in memory; if it doesn't come to an end, it is cut off.
    func end(_ guest: GuestFolder) async throws(Failure) {
        guard try await sight(of: guest).hasProcess else { return }
        do throws(Failure) {
            try await order(guest) { (guest) throws(Failure) in
                try Connection.check(virDomainDestroy(guest), "cannot end the guest")
            }
        } catch {
            guard try await sight(of: guest).hasProcess else { return }
            throw error
        }
    }
}
