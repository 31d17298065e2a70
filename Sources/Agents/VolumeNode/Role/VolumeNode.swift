package import API
package import Base
package import Bus
package import Contracts
package import Trace

/// The role that holds volumes on one host, in one backend of it. It has no database: it is told what to make so, and does it once however
/// often it is told.
package struct VolumeNode: Sendable {
    let host: String
    let driver: any VolumeDriver
    let bus: any Bus
    let images: ImageStream
    private let world: World
    private let log: Log

    /// How often a node says that it is there: several times within what the control plane waits for.
    private static let heartbeat: Duration = .seconds(10)

    package init(
        host: String, driver: any VolumeDriver, bus: any Bus, image: Neighbour, tokens: any TokenIssuer, world: World,
        log: Log
    ) {
        self.host = host
        self.driver = driver
        self.bus = bus
        self.world = world
        self.log = log
        images = ImageStream(service: image, tokens: tokens)
    }

    /// A host may have several backends, each of which is asked by itself.
    private var place: String { "\(host)@\(driver.backend)" }

    /// From now on answers what is asked of this backend.
    package func serve() {
        bus.serve(VolumeMessages.ensureVolume, on: place) { try await make($0, anew: false) }
        bus.serve(VolumeMessages.overwrite, on: place) { try await make($0, anew: true) }
        bus.serve(VolumeMessages.ensureSnapshot, on: place) { try await driver.ensureCopy($0) }
        bus.serve(VolumeMessages.ensureBackup, on: place) { try await driver.ensureCopy($0) }
        bus.serve(VolumeMessages.remove, on: place) { name in
            try await driver.remove(name)
            return Nothing()
        }
        bus.serve(VolumeMessages.extend, on: place) { order in
            try await driver.extend(StoredName(.volume, order.volume), to: .gigabytes(order.sizeGB))
        }
        bus.serve(VolumeMessages.describe, on: place) { try await driver.describe($0) }
        bus.serve(VolumeMessages.list, on: place) { _ in StoredThings(try await driver.list()) }
        bus.serve(VolumeMessages.adopt, on: place) { try await driver.adopt($0.reference, as: $0.name) }
        bus.serve(VolumeMessages.read, on: place) { order in
            let content = try await driver.export(order.name, format: "raw")
            let end = min(order.start + order.length, content.length)
            return StoredPiece(order.start < end ? try await content.read(order.start..<end) : [])
        }
        bus.serve(VolumeMessages.upload, on: place) { order in
            let content = try await driver.export(StoredName(.volume, order.volume), format: order.format)
            try await images.send(content, order)
            return Nothing()
        }
        bus.serve(VolumeMessages.connect, on: place) { order in
            try await driver.connect(
                StoredName(.volume, order.volume), from: other(order.host), isReadOnly: order.isReadOnly)
        }
        bus.serve(VolumeMessages.disconnect, on: place) { order in
            try await driver.disconnect(StoredName(.volume, order.volume), from: other(order.host))
            return Nothing()
        }
        bus.serve(VolumeMessages.capacity, on: place) { _ in try await state() }
    }

    /// A host that isn't this one.
    private func other(_ name: String) -> String? { name == host ? nil : name }

    private func make(_ order: FillOrder, anew: Bool) async throws(Failure) -> StoredThing {
        let name = StoredName(.volume, order.volume)
        // Told again, it doesn't fetch an image for nothing.
        if !anew {
            let there = try await driver.describe(name)
            if there.isThere { return there }
        }
        return try await driver.ensureVolume(
            name, bytes: .gigabytes(order.sizeGB), try await filling(order.source), anew: anew)
    }

    private func filling(_ source: VolumeSource) async throws(Failure) -> Filling {
        switch source {
        case .nothing: .nothing
        case .stored(let name): .stored(name)
        case .elsewhere(let name, let place): .image(try await content(of: name, at: place))
        case .image(let id, let user, let project):
            .image(try await images.fetch(id, user: user, project: project))
        }
    }

    /// What another backend has, piece by piece as it is asked for.
    private func content(of name: StoredName, at place: String) async throws(Failure) -> ImageContent {
        let bus = bus
        let there = try await bus.call(VolumeMessages.describe, on: place, name, deadline: VolumeNode.patience)
        guard there.isThere else { throw .notFound("what is stored as", name.text) }
        return ImageContent(format: "raw", length: there.bytes) { take throws(Failure) in
            var start = 0
            while true {
                let order = ReadOrder(name: name, start: start, length: VolumeNode.piece)
                let piece = try await bus.call(VolumeMessages.read, on: place, order, deadline: VolumeNode.patience)
                guard !piece.bytes.isEmpty else { return }
                try await take(piece.bytes)
                start += piece.bytes.count
            }
        }
    }

    /// As much is in memory at a time, and in one message.
    private static let piece = 1 << 20
    /// For one piece, from a disk that has much to do.
    private static let patience: Duration = .seconds(60)

    /// Says that it is there, until the task is cancelled.
    package func run() async throws(Failure) {
        while !Task.isCancelled {
            do throws(Failure) { try await report() } catch {
                log.warning("The volume node \(host) could not report: \(error)")
            }
            do { try await world.clock.sleep(for: VolumeNode.heartbeat) } catch { return }
        }
    }

    package func report() async throws(Failure) {
        _ = try await bus.call(VolumeMessages.heartbeat, try await state(), deadline: .seconds(30))
    }

    private func state() async throws(Failure) -> VolumeNodeReport {
        let capacity = try await driver.capacity()
        return VolumeNodeReport(
            host: host, backend: driver.backend, totalGB: capacity.totalGB, freeGB: capacity.freeGB,
            capabilities: [
                "volume_backend_name": .string(driver.backend), "storage_protocol": .string(driver.kind),
                "vendor_name": "Open Source", "multiattach": true, "thin_provisioning_support": true,
                "thick_provisioning_support": false, "online_extend_support": true, "QoS_support": false,
                "replication_enabled": false,
            ])
    }
}
