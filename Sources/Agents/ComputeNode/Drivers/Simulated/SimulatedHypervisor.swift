package import Base

/// Drives a simulated node.
package struct SimulatedHypervisor: Hypervisor {
    package let node: SimulatedNode
    package let events: AsyncStream<GuestEvent>
    /// The driver's own: what its predecessor had in hand when it died keeps nobody waiting.
    private let turns = Turns()

    package init(_ node: SimulatedNode) {
        self.node = node
        let (stream, listener) = AsyncStream.makeStream(
            of: GuestEvent.self, bufferingPolicy: .bufferingNewest(GuestEvent.mostWaiting))
        events = stream
        node.tell(listener)
    }

    package func capacity() async throws(Failure) -> Capacity {
        var capacity = node.size
        capacity.freeDiskGB -= node.guests.reduce(0) { $0 + $1.spec.ownDiskGB }
        return capacity
    }

    package func list() async throws(Failure) -> [GuestReport] {
        node.reports
    }

    package func describe(_ id: GuestID) async throws(Failure) -> GuestReport? { node[id]?.report }

    package func ensureRunning(_ spec: GuestSpec) async throws(Failure) {
        try await verb(spec.id) { (guest) throws(Failure) in
            switch guest?.power {
            case .running, .paused: return
            case .suspended: try await wait(node.pace.change)
            case .stopped, .crashed, nil: return try await start(spec)
            }
            node.change(spec.id) { $0?.power = .running }
        }
    }

    package func ensureStopped(_ id: GuestID, within grace: Duration?) async throws(Failure) {
        try await verb(existing: id) { (guest) throws(Failure) in
            guard guest.power != .stopped else { return }
            if guest.isUp { try await wait(grace.map { min($0, node.pace.stop) } ?? .zero) }
            node.change(id) { $0?.power = .stopped }
        }
    }

    package func ensurePaused(_ id: GuestID) async throws(Failure) {
        try await verb(existing: id) { (guest) throws(Failure) in
            guard guest.power != .paused else { return }
            guard guest.power == .running else { throw .guest(id, is: guest.power, soCannot: "paused") }
            try await wait(node.pace.change)
            node.change(id) { $0?.power = .paused }
        }
    }

    package func ensureSuspended(_ id: GuestID) async throws(Failure) {
        try await verb(existing: id) { (guest) throws(Failure) in
            guard guest.power != .suspended else { return }
            guard guest.isUp else { throw .guest(id, is: guest.power, soCannot: "suspended") }
            try await wait(node.pace.gigabyte * guest.spec.memoryMB / 1_024)
            node.change(id) { $0?.power = .suspended }
        }
    }

    package func ensureResumed(_ id: GuestID) async throws(Failure) {
        try await verb(existing: id) { (guest) throws(Failure) in
            switch guest.power {
            case .running: return
            case .paused, .suspended: try await wait(node.pace.change)
            case .stopped, .crashed: return try await start(guest.spec)
            }
            node.change(id) { $0?.power = .running }
        }
    }

    package func reboot(_ id: GuestID, within grace: Duration?) async throws(Failure) {
        try await verb(existing: id) { (guest) throws(Failure) in
            if guest.isUp { try await wait(grace.map { min($0, node.pace.stop) } ?? .zero) }
            try await start(guest.spec)
        }
    }

    package func remove(_ id: GuestID) async throws(Failure) {
        try await verb(id) { (guest) throws(Failure) in
            guard guest != nil else { return }
            try await wait(node.pace.change)
            node.change(id) { $0 = nil }
        }
    }

    // MARK: How a verb goes

    /// In its turn, and with what may go wrong before, with and after it.
    func verb(
        _ id: GuestID, _ body: (SimulatedNode.Guest?) async throws(Failure) -> Void
    ) async throws(Failure) {
        let chance = node.world.chance
        try await turns.take(id) { () throws(Failure) in
            guard !Faults.strikes(node.faults.failing, by: chance) else {
                throw .unavailable("The node \(node.size.host) has failed, as it was told to.")
            }
            try await body(node[id])
            if Faults.strikes(node.faults.killing, by: chance) { node.kill(id) }
            guard !Faults.strikes(node.faults.unheard, by: chance) else {
                throw .unavailable("The node \(node.size.host) did not answer, as it was told to.")
            }
        }
    }

    func verb(
        existing id: GuestID, _ body: (SimulatedNode.Guest) async throws(Failure) -> Void
    ) async throws(Failure) {
        try await verb(id) { (guest) throws(Failure) in
            guard let guest else { throw .noGuest(id) }
            try await body(guest)
        }
    }

    func wait(_ usual: Duration) async throws(Failure) {
        let duration = Pace.varied(usual, by: node.world.chance)
        guard duration > .zero else { return }
        do { try await node.world.clock.sleep(for: duration) } catch { throw Failure(error) }
    }

    private func start(_ spec: GuestSpec) async throws(Failure) {
        try await wait(node.pace.start)
        let lines = [
            "\(spec.name) starts, simulated on \(node.size.host)", "processors: \(spec.vcpus)",
            "memory: \(spec.memoryMB) MB",
            "interfaces: \(spec.nics.count)", "\(spec.name) is up", "", "\(spec.name) login: ",
        ]
        let greeting = Array(lines.joined(separator: "\n").utf8)
        node.change(spec.id) { guest in
            let before = guest?.console ?? []
            guest = SimulatedNode.Guest(spec: spec, power: .running, console: before + greeting)
        }
    }
}

extension SimulatedNode.Guest {
    var report: GuestReport { GuestReport(id: spec.id, power: power, spec: spec) }
    var isUp: Bool { power == .running || power == .paused }
}

extension GuestSpec {
    /// What its own disks may come to take.
    var ownDiskGB: Int {
        var total = ephemeralGB.reduce(0, +) + swapMB / 1_024
        if case .image(_, _, let sizeGB) = root { total += sizeGB }
        return total
    }
}
