package import Base
package import Contracts

extension SimulatedHypervisor: DiskHotplug {
    package func ensureAttached(_ disk: DiskSpec, to id: GuestID) async throws(Failure) {
        try await specify(id) { $0.attach(disk) }
    }

    package func ensureDetached(disk: String, from id: GuestID) async throws(Failure) {
        guard node[id] != nil else { return }
        try await specify(id) { $0.detach(disk: disk) }
    }

    package func ensureSize(ofDisk disk: String, _ bytes: Int64, in id: GuestID) async throws(Failure) {
        try await verb(existing: id) { (guest) throws(Failure) in
            guard guest.spec.disk(disk) != nil else { throw .notFound("disk", disk) }
        }
    }
}

extension SimulatedHypervisor: NICHotplug {
    package func ensureAttached(_ nic: NICSpec, to id: GuestID) async throws(Failure) {
        try await specify(id) { $0.attach(nic) }
    }

    package func ensureDetached(nic: String, from id: GuestID) async throws(Failure) {
        guard node[id] != nil else { return }
        try await specify(id) { $0.detach(nic: nic) }
    }
}

extension SimulatedHypervisor {
    /// A change of what the guest has, which takes its time if it is one.
    private func specify(_ id: GuestID, _ change: (inout GuestSpec) -> Void) async throws(Failure) {
        try await verb(existing: id) { (guest) throws(Failure) in
            var spec = guest.spec
            change(&spec)
            guard spec != guest.spec else { return }
            if guest.isUp { try await wait(node.pace.change) }
            node.change(id) { $0?.spec = spec }
        }
    }
}

extension SimulatedHypervisor: Snapshotting {
    /// A disk on which nothing was ever written, of the size that the guest's has.
    package func snapshot(_ id: GuestID, to path: String, format: DiskFormat) async throws(Failure) {
        try await verb(existing: id) { (guest) throws(Failure) in
            var gigabytes = 1
            if case .image(_, _, let sizeGB) = guest.spec.root { gigabytes = max(1, sizeGB) }
            try await wait(node.pace.gigabyte)
            try EmptyDisk.write(to: path, format: format, bytes: Int64(gigabytes) << 30)
        }
    }
}

extension SimulatedHypervisor: ConsoleLogging {
    package func consoleLog(_ id: GuestID, last bytes: Int) async throws(Failure) -> [UInt8] {
        guard let guest = node[id] else { throw .noGuest(id) }
        return Array(guest.console.suffix(bytes))
    }
}

extension SimulatedHypervisor: GuestEvents {
    /// Nothing has to be watched: the node tells by itself.
    package func run() async throws(Failure) {
        while !Task.isCancelled {
            do { try await node.world.clock.sleep(for: .seconds(3_600)) } catch { return }
        }
    }
}

extension SimulatedHypervisor: Rescuing {
    package func rootDisk(of id: GuestID) async throws(Failure) -> DiskSpec {
        guard let guest = node[id] else { throw .noGuest(id) }
        if case .volume(let disk) = guest.spec.root { return disk }
        return DiskSpec(id: id.text, place: .url("simulated:\(id)"))
    }
}

extension SimulatedHypervisor: DiskCarrying {
    /// There is nothing to fetch but what the guest is.
    package func lend(_ id: GuestID, at address: String) async throws(Failure) -> DiskLoan {
        var spec: GuestSpec?
        try await verb(existing: id) { (guest) throws(Failure) in
            guard !guest.isUp else { throw .guest(id, is: guest.power, soCannot: "carried elsewhere") }
            spec = guest.spec
        }
        guard let spec else { throw .noGuest(id) }
        return DiskLoan(host: address, port: 0, key: "", disks: [], guest: spec.json)
    }

    package func endLoan(_ id: GuestID) async throws(Failure) {}

    package func borrow(_ loan: DiskLoan, for spec: GuestSpec) async throws(Failure) {
        try await verb(spec.id) { (guest) throws(Failure) in
            guard guest == nil else { return }
            try await wait(node.pace.gigabyte * spec.ownDiskGB)
            node.change(spec.id) { $0 = SimulatedNode.Guest(spec: spec, power: .stopped, console: []) }
        }
    }
}
