package import API
package import Base
package import Bus
package import Contracts
package import Trace

/// The role that holds volumes on one host. It has no database: it is told what to make so, and does it once however
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

    /// From now on answers what is asked of this host.
    package func serve() {
        bus.serve(VolumeMessages.ensureVolume, on: host) { try await make($0, anew: false) }
        bus.serve(VolumeMessages.overwrite, on: host) { try await make($0, anew: true) }
        bus.serve(VolumeMessages.ensureSnapshot, on: host) { try await driver.ensureCopy($0) }
        bus.serve(VolumeMessages.ensureBackup, on: host) { try await driver.ensureCopy($0) }
        bus.serve(VolumeMessages.remove, on: host) { name in
            try await driver.remove(name)
            return Nothing()
        }
        bus.serve(VolumeMessages.extend, on: host) { order in
            try await driver.extend(StoredName(.volume, order.volume), to: .gigabytes(order.sizeGB))
        }
        bus.serve(VolumeMessages.describe, on: host) { try await driver.describe($0) }
        bus.serve(VolumeMessages.list, on: host) { _ in StoredThings(try await driver.list()) }
        bus.serve(VolumeMessages.adopt, on: host) { try await driver.adopt($0.reference, as: $0.name) }
        bus.serve(VolumeMessages.upload, on: host) { order in
            let content = try await driver.export(StoredName(.volume, order.volume), format: order.format)
            try await images.send(content, order)
            return Nothing()
        }
        bus.serve(VolumeMessages.connect, on: host) { order in
            try await driver.connect(
                StoredName(.volume, order.volume), from: other(order.host), isReadOnly: order.isReadOnly)
        }
        bus.serve(VolumeMessages.disconnect, on: host) { order in
            try await driver.disconnect(StoredName(.volume, order.volume), from: other(order.host))
            return Nothing()
        }
        bus.serve(VolumeMessages.capacity, on: host) { _ in try await state() }
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
        case .image(let id, let user, let project):
            .image(try await images.fetch(id, user: user, project: project))
        }
    }

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
                "volume_backend_name": .string(driver.backend), "storage_protocol": .string(driver.backend),
                "vendor_name": "Open Source", "multiattach": true, "thin_provisioning_support": true,
                "thick_provisioning_support": false, "online_extend_support": true, "QoS_support": false,
                "replication_enabled": false,
            ])
    }
}
