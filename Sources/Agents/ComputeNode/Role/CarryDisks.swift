import Base
import Bus
import Contracts
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
}
