import Base
import Bus
import Contracts
import IO
import Trace

/// A server's disks on their way from one host to another.
extension ComputeNode {
    /// Null where guests have no disks that could be carried: they are made anew where they come to.
    func lend(_ server: String) async throws(Failure) -> JSON {
        guard let hypervisor = hypervisor as? any DiskCarrying else { return .null }
        return try await hypervisor.lend(GuestID(server), at: address).json
    }

    func endLoan(_ server: String) async throws(Failure) {
        try await (hypervisor as? any DiskCarrying)?.endLoan(GuestID(server))
    }

    /// Fetches disks and says how it went. Who asks again while it is under way is told when it is over.
    func borrow(_ order: DiskOrder) async throws(Failure) {
        let name = DiskOrder.report(of: order.server)
        guard writing.begin(name) else { return }
        defer { writing.end(name) }
        var failure: Failure?
        do throws(Failure) {
            try await turns.take(GuestID(order.server)) { () throws(Failure) in try await fetch(order.loan) }
        } catch { failure = error }
        let report = BuildReport(
            server: name, host: host, interfaces: .null, failure: failure?.message, mayRetry: false)
        _ = try await bus.call(ComputeMessages.built, report, deadline: .seconds(60))
    }

    private func fetch(_ loan: DiskLoan) async throws(Failure) {
        guard let hypervisor = hypervisor as? any DiskCarrying else {
            throw Failure(.notImplemented, "The host \(host) takes no disks over.")
        }
        var spec = try GuestSpec(loan.guest)
        if case .image(let path, let format, let sizeGB) = spec.root {
            let image = String(path.split(separator: "/").last ?? "")
            let here = try await images.ensure(image, format, from: loan, token: tokens.serviceToken())
            spec.root = .image(path: here.path, format: here.format, sizeGB: sizeGB)
        }
        // What it is plugged into is made here anew when it starts.
        spec.nics = spec.nics.map { NICSpec(id: $0.id, mac: $0.mac, tap: nil, mtu: $0.mtu) }
        let guest = spec
        try await Tracing.span("fetch the disks", .hypervisor, by: "compute-node") { () async throws(Failure) in
            try await hypervisor.borrow(loan, for: guest)
        }
        // It took its time: the image has just been used.
        if case .image(let path, let format, _) = guest.root {
            let image = String(path.split(separator: "/").last ?? "")
            _ = try await images.ensure(image, format, from: loan, token: tokens.serviceToken())
        }
    }

    // MARK: Running guests

    func show(_ server: String) async throws(Failure) -> JSON {
        let id = GuestID(server)
        guard let report = try await hypervisor.describe(id) else { throw .noGuest(id) }
        guard report.spec.disks.isEmpty, case .image = report.spec.root else {
            throw .invalid("A server with volumes cannot leave \(host) while it runs.")
        }
        return report.spec.json
    }

    func expect(_ order: GuestOrder) async throws(Failure) -> JSON {
        guard let hypervisor = hypervisor as? any LiveMoving else {
            throw Failure(.notImplemented, "The host \(host) takes no running servers over.")
        }
        let wanted = try await wanted(order.server)
        let (token, service) = (
            try await tokens.token(user: wanted.user, project: wanted.project), try await tokens.serviceToken()
        )
        var spec = try GuestSpec(order.guest)
        if case .image(let path, _, let sizeGB) = spec.root {
            let file = try await images.ensure(String(path.split(separator: "/").last ?? ""), token: token)
            spec.root = .image(path: file.path, format: file.format, sizeGB: sizeGB)
        }
        for case let tap? in spec.nics.map(\.tap) { try await wired(tap) }
        if spec.configDrive != nil { spec.configDrive = try await configDrive(wanted, service) }
        let guest = spec
        let landing = try await turns.take(guest.id) { () throws(Failure) in
            try await hypervisor.expect(guest, at: address)
        }
        if let drive = guest.configDrive { try LocalFiles.remove(drive) }
        return landing?.json ?? .null
    }

    /// Waits until the network's agent has made the device here that the guest is plugged into.
    private func wired(_ tap: String) async throws(Failure) {
        let end = Deadline.after(ServerPorts.patience)
        while !Files.exists("/sys/class/net/\(tap)/master") {
            guard end > .now else {
                throw Failure(.timedOut, "The networks of \(host) have not made \(tap) in time.")
            }
            do { try await SystemClock().sleep(for: .milliseconds(50)) } catch { throw Failure(error) }
        }
    }

    /// Sends a guest off and says how that went. Who asks again while it is under way is told when it is over.
    func send(_ order: SendOrder) async throws(Failure) {
        let name = SendOrder.report(of: order.server)
        guard writing.begin(name) else { return }
        defer { writing.end(name) }
        var failure: Failure?
        do throws(Failure) {
            guard let hypervisor = hypervisor as? any LiveMoving else {
                throw Failure(.notImplemented, "Running servers cannot leave \(host).")
            }
            try await hypervisor.send(GuestID(order.server), to: order.landing)
        } catch { failure = error }
        let report = BuildReport(
            server: name, host: host, interfaces: .null, failure: failure?.message, mayRetry: false)
        _ = try await bus.call(ComputeMessages.built, report, deadline: .seconds(60))
    }
}
