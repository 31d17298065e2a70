import Base
import Foundation
import Testing

@testable import ComputeNode

/// Every power a driver may have.
typealias EveryPower = DiskHotplug & NICHotplug & Snapshotting & ConsoleLogging & GuestEvents

/// A driver with what a test needs around it: guests that boot, and hands to do them harm.
protocol Rig: Sendable {
    var driver: any EveryPower { get }

    /// Another driver for the same node, as after a restart; this one is never used again.
    func reborn() async throws -> any Rig

    func spec() -> GuestSpec

    /// An empty disk of 64 MB, in a file of its own.
    func disk(_ id: String) throws -> DiskSpec

    /// A place for a file.
    func path(_ name: String) -> String

    /// Waits until the guest has said this since it was last started.
    func hears(_ text: String, from id: GuestID) async throws

    /// What a guest says when it is up and heeds what is attached.
    var ready: String { get }

    /// Ends the guest as the kernel does when memory runs out.
    func kill(_ id: GuestID) async throws

    /// The guest's user shuts it down from inside.
    func shutDown(_ id: GuestID) async throws

    /// Processes and files of the guest's.
    func traces(of id: GuestID) async throws -> [String]
}

extension Rig {
    func power(_ id: GuestID) async throws -> PowerState? { try await driver.describe(id)?.power }

    /// Watches while `body` runs.
    func watching(_ body: (AsyncStream<GuestEvent>) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await driver.run() }
            try await body(driver.events)
            group.cancelAll()
        }
    }

    /// Waits for a guest's event.
    func see(_ power: PowerState, of id: GuestID, in events: AsyncStream<GuestEvent>) async {
        for await event in events {
            #expect(event.id == id)
            if event.power == power { return }
        }
        Issue.record("Nobody told that the guest is \(power).")
    }
}

/// What every driver promises.
struct Promise: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let keep: @Sendable (any Rig) async throws -> Void

    init(_ words: String, _ keep: @escaping @Sendable (any Rig) async throws -> Void) {
        testDescription = words
        self.keep = keep
    }

    static let all = [
        aliveTwice, offAndOn, pause, suspend, reboot, disks, nics, snapshot, console, adoption, removal, death,
        farewell,
        strangers, crowd,
    ]

    static let aliveTwice = Promise("to run a guest twice is to run it once") { rig in
        let spec = rig.spec()
        try await rig.driver.ensureRunning(spec)
        let traces = try await rig.traces(of: spec.id)
        try await rig.driver.ensureRunning(spec)
        #expect(try await rig.driver.list().map(\.id) == [spec.id])
        #expect(try await rig.power(spec.id) == .running)
        #expect(try await rig.traces(of: spec.id) == traces)
        #expect(try await rig.driver.describe(spec.id)?.spec == spec)
    }

    static let offAndOn = Promise("a guest that is stopped stays, and starts again") { rig in
        let spec = rig.spec()
        try await rig.driver.ensureRunning(spec)
        try await rig.driver.ensureStopped(spec.id, within: nil)
        try await rig.driver.ensureStopped(spec.id, within: nil)
        #expect(try await rig.power(spec.id) == .stopped)
        try await rig.driver.ensureResumed(spec.id)
        #expect(try await rig.power(spec.id) == .running)
        try await rig.hears(rig.ready, from: spec.id)
        try await rig.driver.ensureStopped(spec.id, within: .seconds(60))
        #expect(try await rig.power(spec.id) == .stopped)
    }

    static let pause = Promise("a guest is paused and goes on") { rig in
        let spec = rig.spec()
        try await rig.driver.ensureRunning(spec)
        for _ in 1...2 { try await rig.driver.ensurePaused(spec.id) }
        #expect(try await rig.power(spec.id) == .paused)
        try await rig.driver.ensureRunning(spec)
        #expect(try await rig.power(spec.id) == .paused)
        for _ in 1...2 { try await rig.driver.ensureResumed(spec.id) }
        #expect(try await rig.power(spec.id) == .running)
        try await rig.driver.ensureStopped(spec.id, within: nil)
        await #expect(throws: Failure.self) { try await rig.driver.ensurePaused(spec.id) }
    }

    static let suspend = Promise("a guest's memory goes to disk and comes back") { rig in
        let spec = rig.spec()
        try await rig.driver.ensureRunning(spec)
        try await rig.hears(rig.ready, from: spec.id)
        for _ in 1...2 { try await rig.driver.ensureSuspended(spec.id) }
        #expect(try await rig.power(spec.id) == .suspended)
        let after = try await rig.reborn()
        #expect(try await after.power(spec.id) == .suspended)
        for _ in 1...2 { try await after.driver.ensureResumed(spec.id) }
        #expect(try await after.power(spec.id) == .running)
        try await after.shutDown(spec.id)
    }

    static let reboot = Promise("a guest starts anew, asked or cut off") { rig in
        let spec = rig.spec()
        try await rig.driver.ensureRunning(spec)
        try await rig.hears(rig.ready, from: spec.id)
        try await rig.driver.reboot(spec.id, within: .seconds(60))
        #expect(try await rig.power(spec.id) == .running)
        try await rig.hears(rig.ready, from: spec.id)
        try await rig.driver.ensurePaused(spec.id)
        try await rig.driver.reboot(spec.id, within: nil)
        #expect(try await rig.power(spec.id) == .running)
        try await rig.hears(rig.ready, from: spec.id)
    }

    static let disks = Promise("disks come and go") { rig in
        let spec = rig.spec()
        let first = try rig.disk("11111111-aaaa-bbbb-cccc-000000000001")
        let second = try rig.disk("11111111-aaaa-bbbb-cccc-000000000002")
        try await rig.driver.ensureRunning(spec)
        try await rig.hears(rig.ready, from: spec.id)
        for _ in 1...2 { try await rig.driver.ensureAttached(first, to: spec.id) }
        try await rig.driver.ensureAttached(second, to: spec.id)
        #expect(try await rig.driver.describe(spec.id)?.spec.disks == [first, second])
        try await rig.driver.ensureSize(ofDisk: first.id, 128 << 20, in: spec.id)
        for _ in 1...2 { try await rig.driver.ensureDetached(disk: first.id, from: spec.id) }
        #expect(try await rig.driver.describe(spec.id)?.spec.disks == [second])
        try await rig.driver.ensureStopped(spec.id, within: nil)
        try await rig.driver.ensureAttached(first, to: spec.id)
        try await rig.driver.ensureDetached(disk: second.id, from: spec.id)
        try await rig.driver.ensureResumed(spec.id)
        #expect(try await rig.driver.describe(spec.id)?.spec.disks == [first])
        await #expect(throws: Failure.self) {
            try await rig.driver.ensureSize(ofDisk: second.id, 128 << 20, in: spec.id)
        }
    }

    static let nics = Promise("network interfaces come and go") { rig in
        let spec = rig.spec()
        let nic = NICSpec(id: "22222222-aaaa-bbbb-cccc-000000000001", mac: "fa:16:3e:00:00:07", mtu: 1_450)
        try await rig.driver.ensureRunning(spec)
        try await rig.hears(rig.ready, from: spec.id)
        for _ in 1...2 { try await rig.driver.ensureAttached(nic, to: spec.id) }
        #expect(try await rig.driver.describe(spec.id)?.spec.nics == [nic])
        for _ in 1...2 { try await rig.driver.ensureDetached(nic: nic.id, from: spec.id) }
        #expect(try await rig.driver.describe(spec.id)?.spec.nics == [])
    }

    static let snapshot = Promise("a disk becomes an image while the guest goes on, and when it is off") { rig in
        let spec = rig.spec()
        try await rig.driver.ensureRunning(spec)
        for name in ["live", "off"] {
            let path = rig.path(name + ".qcow2")
            for _ in 1...2 { try await rig.driver.snapshot(spec.id, to: path, format: .qcow2) }
            #expect(try Files.read(path).prefix(4).elementsEqual(Array("QFI".utf8) + [0xFB]))
            #expect(try await rig.power(spec.id) == (name == "live" ? .running : .stopped))
            try await rig.driver.ensureStopped(spec.id, within: nil)
        }
    }

    static let console = Promise("what a guest says is kept, also when it is off") { rig in
        let spec = rig.spec()
        try await rig.driver.ensureRunning(spec)
        try await rig.hears("login:", from: spec.id)
        try await rig.driver.ensureStopped(spec.id, within: nil)
        let log = try await rig.driver.consoleLog(spec.id, last: 100_000)
        #expect(String(decoding: log, as: UTF8.self).contains("login:"))
        #expect(try await rig.driver.consoleLog(spec.id, last: 5) == Array(log.suffix(5)))
    }

    static let adoption = Promise("guests outlive the driver, and the next one knows them") { rig in
        let spec = rig.spec()
        try await rig.driver.ensureRunning(spec)
        let traces = try await rig.traces(of: spec.id)
        let after = try await rig.reborn()
        #expect(try await after.driver.list() == [GuestReport(id: spec.id, power: .running, spec: spec)])
        try await after.driver.ensureRunning(spec)
        #expect(try await after.traces(of: spec.id) == traces)
        try await after.watching { events in
            try await after.driver.ensurePaused(spec.id)
            await after.see(.paused, of: spec.id, in: events)
        }
    }

    static let removal = Promise("removal leaves nothing, and may be said again") { rig in
        let spec = rig.spec()
        let volume = try rig.disk("11111111-aaaa-bbbb-cccc-000000000003")
        try await rig.driver.ensureRunning(spec)
        try await rig.driver.ensureAttached(volume, to: spec.id)
        #expect(try await rig.traces(of: spec.id) != [])
        for _ in 1...2 { try await rig.driver.remove(spec.id) }
        #expect(try await rig.traces(of: spec.id) == [])
        #expect(try await rig.driver.describe(spec.id) == nil)
        #expect(try await rig.driver.list() == [])
        if case .file(let path, _) = volume.place { #expect(Files.exists(path)) }
    }

    static let death = Promise("a guest that is killed is noticed, and starts again") { rig in
        let spec = rig.spec()
        try await rig.watching { events in
            try await rig.driver.ensureRunning(spec)
            try await rig.kill(spec.id)
            await rig.see(.crashed, of: spec.id, in: events)
        }
        #expect(try await rig.power(spec.id) == .crashed)
        try await rig.driver.ensureRunning(spec)
        #expect(try await rig.power(spec.id) == .running)
    }

    static let farewell = Promise("a guest that shuts itself down is noticed") { rig in
        let spec = rig.spec()
        try await rig.watching { events in
            try await rig.driver.ensureRunning(spec)
            try await rig.hears(rig.ready, from: spec.id)
            try await rig.shutDown(spec.id)
            await rig.see(.stopped, of: spec.id, in: events)
        }
        #expect(try await rig.power(spec.id) == .stopped)
    }

    static let strangers = Promise("what isn't there is not found, and is removed already") { rig in
        let id = rig.spec().id
        #expect(try await rig.driver.describe(id) == nil)
        try await rig.driver.remove(id)
        try await rig.driver.ensureDetached(disk: "d", from: id)
        try await rig.driver.ensureDetached(nic: "n", from: id)
        let driver = rig.driver
        let verbs: [@Sendable () async throws -> Void] = [
            { try await driver.ensureStopped(id, within: nil) },
            { try await driver.ensurePaused(id) },
            { try await driver.ensureSuspended(id) },
            { try await driver.ensureResumed(id) },
            { try await driver.reboot(id, within: nil) },
            { try await driver.ensureAttached(NICSpec(id: "n", mac: "m"), to: id) },
        ]
        for verb in verbs {
            let failure = await #expect(throws: Failure.self) { try await verb() }
            #expect(failure?.kind == .notFound)
        }
    }

    static let crowd = Promise("verbs for one guest at once don't get in one another's way") { rig in
        let spec = rig.spec()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 1...3 { group.addTask { try await rig.driver.ensureRunning(spec) } }
            try await group.waitForAll()
        }
        #expect(try await rig.power(spec.id) == .running)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await rig.driver.ensurePaused(spec.id) }
            group.addTask { try? await rig.driver.remove(spec.id) }
            group.addTask { try? await rig.driver.ensureStopped(spec.id, within: nil) }
        }
        #expect(try await rig.traces(of: spec.id) == [])
    }
}
