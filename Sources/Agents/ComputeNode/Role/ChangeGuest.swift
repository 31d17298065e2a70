import API
import Base
import Bus
import Contracts
import Glibc
import HTTP
import IO
import Synchronization
import Trace

/// What changes about a guest that is there already.
extension ComputeNode {
    func wanted(_ server: String) async throws(Failure) -> ServerDescription {
        try await bus.call(
            ComputeMessages.describe, ServerReference(server: server, host: host), deadline: .seconds(60))
    }

    /// Which guest speaks for a server: while it is being rescued, the one that runs beside its disk.
    func guest(of server: String) async throws(Failure) -> GuestID {
        let rescue = GuestID.rescue(of: server)
        return try await hypervisor.describe(rescue) == nil ? GuestID(server) : rescue
    }

    // MARK: Volumes

    func attach(_ order: VolumeOrder) async throws(Failure) {
        guard let hypervisor = hypervisor as? any DiskHotplug else {
            throw Failure(.notImplemented, "Guests on \(host) keep the disks that they were started with.")
        }
        let server = try await wanted(order.server)
        let token = try await tokens.token(user: server.user, project: server.project)
        let disk = try await volumes.connect(order.connection, to: order.server, token: token)
        try await Tracing.span("attach the disk", .hypervisor, by: "compute-node") { () async throws(Failure) in
            try await hypervisor.ensureAttached(disk, to: GuestID(order.server))
        }
        try await volumes.complete(order.connection, token: token)
    }

    func detach(_ order: VolumeOrder) async throws(Failure) {
        guard let hypervisor = hypervisor as? any DiskHotplug else { return }
        try await Tracing.span("detach the disk", .hypervisor, by: "compute-node") { () async throws(Failure) in
            try await hypervisor.ensureDetached(disk: order.connection.volume, from: GuestID(order.server))
        }
    }

    /// A guest that cannot be told sees it when it starts anew.
    func resize(_ order: VolumeSizeOrder) async throws(Failure) {
        guard let hypervisor = hypervisor as? any DiskHotplug else { return }
        try await Tracing.span("resize the disk", .hypervisor, by: "compute-node") { () async throws(Failure) in
            try await hypervisor.ensureSize(
                ofDisk: order.volume, Int64(order.sizeGB) << 30, in: GuestID(order.server))
        }
    }

    // MARK: Ports

    func attach(_ order: PortOrder) async throws(Failure) -> JSON {
        guard let hypervisor = hypervisor as? any NICHotplug else {
            throw Failure(.notImplemented, "Guests on \(host) keep the interfaces that they were started with.")
        }
        var server = try await wanted(order.server)
        server.networks = [NetworkRequest(network: nil, port: order.port, fixedIP: nil, tag: order.tag)]
        let token = try await tokens.token(user: server.user, project: server.project)
        let service = try await tokens.serviceToken()
        guard let interface = try await ports.ensure(server, token: token, serviceToken: service).first else {
            throw .unavailable("The port \(order.port) could not be bound to \(host).")
        }
        let nic = NICSpec(id: interface.port, mac: interface.mac, tap: interface.tap, mtu: interface.mtu)
        try await Tracing.span("plug the interface in", .hypervisor, by: "compute-node") { () async throws(Failure) in
            try await hypervisor.ensureAttached(nic, to: GuestID(order.server))
        }
        return interface.json
    }

    func detach(_ order: PortOrder) async throws(Failure) {
        guard let hypervisor = hypervisor as? any NICHotplug else { return }
        try await Tracing.span("unplug the interface", .hypervisor, by: "compute-node") { () async throws(Failure) in
            try await hypervisor.ensureDetached(nic: order.port, from: GuestID(order.server))
        }
    }

    // MARK: Rescue

    /// The server's own guest rests, and another one runs from the image, with the server's disk beside its own.
    func rescue(_ order: RescueOrder) async throws(Failure) {
        let (own, rescue) = (GuestID(order.server), GuestID.rescue(of: order.server))
        guard let image = order.image else {
            try await hypervisor.remove(rescue)
            return try await hypervisor.ensureResumed(own)
        }
        guard let report = try await hypervisor.describe(own) else { throw .noGuest(own) }
        let server = try await wanted(order.server)
        let token = try await tokens.token(user: server.user, project: server.project)
        let file = try await images.ensure(image, token: token)
        var spec = report.spec
        spec.id = rescue
        spec.root = .image(path: file.path, format: file.format, sizeGB: server.rootDisk)
        spec.ephemeralGB = []
        spec.swapMB = 0
        spec.disks = report.spec.disks
        if let rescuing = hypervisor as? any Rescuing { spec.disks.insert(try await rescuing.rootDisk(of: own), at: 0) }
        let other = spec
        try await Tracing.span("rescue the guest", .hypervisor, by: "compute-node") { () async throws(Failure) in
            try await hypervisor.ensureStopped(own, within: .seconds(60))
            try await hypervisor.ensureRunning(other)
        }
    }

    // MARK: Images of a guest

    /// Writes an image and says how it went. Who asks again while it is under way is told when it is over.
    func write(_ order: SnapshotOrder) async throws(Failure) {
        guard writing.begin(order.image) else { return }
        defer { writing.end(order.image) }
        var failure: Failure?
        do throws(Failure) { try await snapshot(order) } catch { failure = error }
        let report = BuildReport(
            server: order.image, host: host, interfaces: .null, failure: failure?.message, mayRetry: false)
        _ = try await bus.call(ComputeMessages.built, report, deadline: .seconds(60))
    }

    private func snapshot(_ order: SnapshotOrder) async throws(Failure) {
        guard let hypervisor = hypervisor as? any Snapshotting else {
            throw Failure(.notImplemented, "Guests on \(host) cannot be written to images.")
        }
        let server = try await wanted(order.server)
        let token = try await tokens.token(user: server.user, project: server.project)
        let image = try await images.service.ask("GET", "/v2/images/\(order.image)", token: token).json
        if image["status"] == "active" { return }
        let format = DiskFormat(rawValue: image["disk_format"]?.string ?? "") ?? .qcow2
        let path = "\(images.folder)/snapshot-\(order.image)"
        defer { unlink(path) }
        try await Tracing.span("write the disk", .hypervisor, by: "compute-node") { () async throws(Failure) in
            try await hypervisor.snapshot(GuestID(order.server), to: path, format: format)
        }
        try await images.service.upload("/v2/images/\(order.image)/file", try FileSlice(path: path), token: token)
    }

    /// The guest goes with its disks; what it was plugged into stays for the next one.
    func dismantle(_ server: String) async throws(Failure) {
        try await turns.take(GuestID(server)) { () throws(Failure) in try await removeGuests(of: server) }
    }

    // MARK: Looking

    func diagnose(_ server: String) async throws(Failure) -> JSON {
        let id = try await guest(of: server)
        guard let report = try await hypervisor.describe(id) else { throw .noGuest(id) }
        let capacity = try await hypervisor.capacity()
        return [
            "state": .string(report.power.rawValue), "hypervisor": .string(capacity.hypervisor),
            "vcpus": JSON(report.spec.vcpus), "memory": JSON(report.spec.memoryMB),
            "has_config_drive": .bool(report.spec.configDrive != nil),
            "nics": .array(report.spec.nics.map { .string($0.mac) }),
            "disks": JSON(
                1 + report.spec.ephemeralGB.count + (report.spec.swapMB > 0 ? 1 : 0) + report.spec.disks.count),
        ]
    }

    /// Where the guest's screen, or its serial port, is to be had on this host; a screen without a place is a blank one.
    func screen(_ request: ScreenRequest) async throws(Failure) -> JSON {
        let id = try await guest(of: request.server)
        guard let report = try await hypervisor.describe(id) else { throw .noGuest(id) }
        let name = JSON.string(report.spec.name)
        if request.isSerial {
            guard let consoles = hypervisor as? any SerialConsoles else {
                throw Failure(.notImplemented, "There are no serial consoles on \(host).")
            }
            return ["name": name, "socket": .string(try await consoles.consoleSocket(id))]
        }
        guard let screens = hypervisor as? any RemoteScreens else { return ["name": name, "socket": .null] }
        return ["name": name, "socket": .string(try await screens.vncSocket(id))]
    }
}

/// What is being done once, however often it is asked for.
final class Writing: Sendable {
    private let names = Mutex<Set<String>>([])

    func begin(_ name: String) -> Bool { names.withLock { $0.insert(name).inserted } }
    func end(_ name: String) { names.withLock { _ = $0.remove(name) } }
}

extension GuestID {
    /// The guest that runs from another image while a server is being rescued: a name that follows from the server's, and
    /// that no server has.
    package static func rescue(of server: String) -> GuestID {
        let digits = String(server.filter { $0 != "-" }.reversed())
        return GuestID(UUID(digits)?.dashed ?? "rescue-" + server)
    }
}
