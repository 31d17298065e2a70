import Base
import Bus
import Contracts
import Trace

extension ComputeNode {
    /// Makes a server so, and says how that went. Told twice, it finds most of it done.
    func build(_ server: String) async throws(Failure) {
        let report: BuildReport
        do throws(Failure) {
            let interfaces = try await turns.take(GuestID(server)) { () throws(Failure) in try await ensure(server) }
            report = BuildReport(server: server, host: host, interfaces: interfaces, failure: nil, mayRetry: false)
        } catch {
            let mayRetry = error.kind == .unavailable || error.kind == .timedOut
            report = BuildReport(
                server: server, host: host, interfaces: [], failure: error.message, mayRetry: mayRetry)
        }
        _ = try await bus.call(ComputeMessages.built, report, deadline: .seconds(60))
    }

    /// Everything that a guest stands on, and then the guest. Answers with its interfaces.
    private func ensure(_ server: String) async throws(Failure) -> JSON {
        let wanted = try await bus.call(
            ComputeMessages.describe, ServerReference(server: server, host: host), deadline: .seconds(60))
        let token = try await tokens.token(user: wanted.user, project: wanted.project)
        let service = try await tokens.serviceToken()
        let disks = try await disks(wanted, token)
        let root = try await root(wanted, disks, token)
        let interfaces = try await ports.ensure(wanted, token: token, serviceToken: service)
        var guest = GuestSpec(
            id: GuestID(server), name: wanted.name, vcpus: wanted.vcpus, memoryMB: wanted.memory, root: root)
        guest.disks = zip(wanted.volumes, disks).filter { !$0.0.isRoot }.map(\.1)
        guest.ephemeralGB = wanted.ephemeralDisk > 0 ? [wanted.ephemeralDisk] : []
        guest.swapMB = wanted.swap
        guest.nics = interfaces.map { NICSpec(id: $0.port, mac: $0.mac, tap: $0.tap, mtu: $0.mtu) }
        guest.metadata = ["project": wanted.project, "user": wanted.user]
        guest.configDrive = try await configDrive(wanted, service)
        let spec = guest
        try await Tracing.span("make the guest", .hypervisor, by: "compute-node") { () async throws(Failure) in
            try await hypervisor.ensureRunning(spec)
        }
        for volume in wanted.volumes { try await volumes.complete(volume, token: token) }
        // The guest has its own copy.
        if let drive = spec.configDrive { try LocalFiles.remove(drive) }
        return JSON(list: interfaces)
    }

    /// What the server starts from: a volume, or a disk of its own over an image.
    private func root(
        _ wanted: ServerDescription, _ disks: [DiskSpec], _ token: String
    ) async throws(Failure) -> RootDisk {
        if let place = wanted.volumes.firstIndex(where: \.isRoot) { return .volume(disks[place]) }
        guard let id = wanted.image else {
            throw .invalid("The server has neither an image nor a volume to start from.")
        }
        // A guest that is here already stands on its image, whatever has become of that since.
        if case .image(let path, let format, _)? = try await hypervisor.describe(GuestID(wanted.server))?.spec.root,
            path == "\(images.folder)/\(id)", Files.exists(path)
        {
            return .image(path: path, format: format, sizeGB: wanted.rootDisk)
        }
        let file = try await images.ensure(id, token: token)
        return .image(path: file.path, format: file.format, sizeGB: wanted.rootDisk)
    }

    private func disks(_ wanted: ServerDescription, _ token: String) async throws(Failure) -> [DiskSpec] {
        var disks: [DiskSpec] = []
        for volume in wanted.volumes {
            disks.append(try await volumes.connect(volume, to: wanted.server, token: token))
        }
        return disks
    }

    /// Leaves nothing of a server here: no guest, no disk, no port that was made for it.
    func remove(_ server: String) async throws(Failure) {
        try await turns.take(GuestID(server)) { () throws(Failure) in
            try await removeGuests(of: server)
            try await ports.release(server, serviceToken: tokens.serviceToken())
        }
    }

    func removeGuests(of server: String) async throws(Failure) {
        try await Tracing.span("remove the guest", .hypervisor, by: "compute-node") { () async throws(Failure) in
            try await hypervisor.remove(GuestID.rescue(of: server))
            try await hypervisor.remove(GuestID(server))
        }
    }

    /// Somebody thinks that a server's guest should not be here. It may have been decided anew since, so whoever knows is
    /// asked once more, in the guest's turn.
    func tidy(_ server: String) async throws(Failure) {
        try await turns.take(GuestID(server)) { () throws(Failure) in
            let reference = ServerReference(server: server, host: host)
            do throws(Failure) {
                _ = try await bus.call(ComputeMessages.describe, reference, deadline: .seconds(60))
            } catch  where error.kind == .conflict {
                try await removeGuests(of: server)
            } catch  where error.kind == .notFound {
                try await removeGuests(of: server)
                try await ports.release(server, serviceToken: tokens.serviceToken())
            }
        }
    }
}
