package import API
package import Base
package import Bus
package import Contracts
package import Trace

/// The role that makes servers so on one host. It has no database: it asks the conductor what a server is to be, and
/// image and network services over REST for what it needs, each of which checks its token.
package struct ComputeNode: Sendable {
    let host: String
    /// Where other hosts reach this one.
    let address: String
    let hypervisor: any Hypervisor
    let bus: any Bus
    let images: ImageCache
    let ports: ServerPorts
    let volumes: ServerVolumes
    let tokens: any TokenIssuer
    /// A server is built or removed here, and never both at once.
    let turns = Turns()
    /// The images that are being written here.
    let writing = Writing()
    let world: World
    private let log: Log

    /// How often a node says that it is there: several times within what the conductor waits for.
    private static let heartbeat: Duration = .seconds(10)

    /// - Parameter cache: the folder for images that were used here.
    package init(
        host: String, address: String = "127.0.0.1", hypervisor: any Hypervisor, bus: any Bus, image: Neighbour,
        network: Neighbour,
        volume: Neighbour, tokens: any TokenIssuer, cache: String, world: World, log: Log
    ) {
        self.host = host
        self.address = address
        self.hypervisor = hypervisor
        self.bus = bus
        self.tokens = tokens
        self.world = world
        self.log = log
        images = ImageCache(folder: cache, service: image)
        ports = ServerPorts(host: host, service: network)
        volumes = ServerVolumes(host: host, service: volume)
    }

    /// From now on answers what is asked of this host.
    package func serve() {
        do throws(Failure) { try images.sweep() } catch { log.warning("The host \(host) could not tidy up: \(error)") }
        bus.serve(ComputeMessages.build, on: host) { reference in
            try await build(reference.server)
            return Nothing()
        }
        bus.serve(ComputeMessages.remove, on: host) { reference in
            try await remove(reference.server)
            return Nothing()
        }
        bus.serve(ComputeMessages.cacheImage, on: host) { reference in
            try await haveReady(reference.image)
            return Nothing()
        }
        bus.serve(ComputeMessages.power, on: host) { try await obey($0) }
        bus.serve(ComputeMessages.metadata, on: host) { try await metadata($0.server) }
        bus.serve(ComputeMessages.console, on: host) { .string(try await console($0)) }
        serveChanges()
    }

    /// Drops images on which no guest of these nodes stands, which share a folder for them.
    package static func tidyImages(of nodes: [ComputeNode]) async throws(Failure) {
        guard let first = nodes.first else { return }
        var used: Set<String> = []
        for node in nodes {
            for report in try await node.hypervisor.list() {
                if case .image(let path, _, _) = report.spec.root { used.insert(path) }
            }
        }
        try await first.images.tidy(used: used, token: try await first.tokens.serviceToken())
    }

    private func serveChanges() {
        bus.serve(ComputeMessages.tidy, on: host) { reference in
            try await tidy(reference.server)
            return Nothing()
        }
        bus.serve(ComputeMessages.dismantle, on: host) { reference in
            try await dismantle(reference.server)
            return Nothing()
        }
        bus.serve(ComputeMessages.rescue, on: host) { order in
            try await rescue(order)
            return Nothing()
        }
        bus.serve(ComputeMessages.snapshot, on: host) { order in
            try await write(order)
            return Nothing()
        }
        bus.serve(ComputeMessages.attachVolume, on: host) { order in
            try await attach(order)
            return Nothing()
        }
        bus.serve(ComputeMessages.detachVolume, on: host) { order in
            try await detach(order)
            return Nothing()
        }
        bus.serve(ComputeMessages.resizeVolume, on: host) { order in
            try await resize(order)
            return Nothing()
        }
        bus.serve(ComputeMessages.attachPort, on: host) { try await attach($0) }
        bus.serve(ComputeMessages.detachPort, on: host) { order in
            try await detach(order)
            return Nothing()
        }
        bus.serve(ComputeMessages.lendDisks, on: host) { try await lend($0.server) }
        bus.serve(ComputeMessages.endLoan, on: host) { reference in
            try await endLoan(reference.server)
            return Nothing()
        }
        bus.serve(ComputeMessages.showGuest, on: host) { try await show($0.server) }
        bus.serve(ComputeMessages.expectGuest, on: host) { try await expect($0) }
        bus.serve(ComputeMessages.sendGuest, on: host) { order in
            try await send(order)
            return Nothing()
        }
        bus.serve(ComputeMessages.receiveGuest, on: host) { reference in
            try await (hypervisor as? any LiveMoving)?.arrive(GuestID(reference.server))
            return Nothing()
        }
        bus.serve(ComputeMessages.settle, on: host) { reference in
            try await (hypervisor as? any DiskKeeping)?.settle(GuestID(reference.server))
            return Nothing()
        }
        bus.serve(ComputeMessages.borrowDisks, on: host) { order in
            try await borrow(order)
            return Nothing()
        }
        bus.serve(ComputeMessages.diagnose, on: host) { try await diagnose($0.server) }
        bus.serve(ComputeMessages.screen, on: host) { try await screen($0) }
    }

    /// Says that it is there, until the task is cancelled.
    package func run() async throws(Failure) {
        while !Task.isCancelled {
            do throws(Failure) { try await report() } catch {
                log.warning("The node \(host) could not report: \(error)")
            }
            do { try await world.clock.sleep(for: ComputeNode.heartbeat) } catch { return }
        }
    }

    /// Fetches an image before anybody needs it.
    private func haveReady(_ image: String) async throws(Failure) {
        do throws(Failure) { _ = try await images.ensure(image, token: tokens.serviceToken()) } catch {
            log.warning("The node \(host) could not fetch the image \(image): \(error)")
        }
    }

    /// What the host has and how its guests are.
    package func report() async throws(Failure) {
        let capacity = try await hypervisor.capacity()
        let guests = try await hypervisor.list()
        let states = guests.map { JSON.Member(name: $0.id.text, value: JSON($0.power.number.rawValue)) }
        let report = NodeReport(
            host: host, hypervisor: capacity.hypervisor, version: capacity.version, vcpus: capacity.vcpus,
            memory: capacity.memoryMB, disk: capacity.diskGB, cpuInfo: capacity.cpu.json,
            guests: .object(JSON.Object(states)), uptime: Uptime.text(at: world.now))
        _ = try await bus.call(ComputeMessages.heartbeat, report, deadline: .seconds(30))
    }
}

extension PowerState {
    /// In the numbers that clients know.
    var number: GuestState {
        switch self {
        case .running: .running
        case .paused: .paused
        case .suspended: .suspended
        case .stopped: .shutDown
        case .crashed: .crashed
        }
    }
}
