import Base
import Foundation
import Synchronization
import Testing

@testable import ComputeNode

private struct SimulatedRig: Rig {
    let node: SimulatedNode
    let folder: String
    let simulated: SimulatedHypervisor
    var driver: any EveryPower { simulated }
    let ready = "login:"

    init(_ node: SimulatedNode, folder: String) {
        self.node = node
        self.folder = folder
        simulated = SimulatedHypervisor(node)
    }

    func reborn() async throws -> any Rig { SimulatedRig(node, folder: folder) }

    func spec() -> GuestSpec {
        GuestSpec(
            id: .uuid(SystemChance()), name: "tiny", vcpus: 1, memoryMB: 128,
            root: .image(path: "/images/tiny", format: .qcow2, sizeGB: 1))
    }

    func disk(_ id: String) throws -> DiskSpec {
        try EmptyDisk.write(to: path(id), format: .raw, bytes: 64 << 20)
        return DiskSpec(id: id, place: .file(path: path(id), format: .raw))
    }

    func path(_ name: String) -> String { folder + "/" + name }

    func hears(_ text: String, from id: GuestID) async throws {
        let log = try await driver.consoleLog(id, last: 10_000)
        #expect(String(decoding: log, as: UTF8.self).contains(text))
    }

    func kill(_ id: GuestID) { node.kill(id) }
    func shutDown(_ id: GuestID) { node.shutDown(id) }
    func traces(of id: GuestID) -> [String] { node[id] == nil ? [] : [id.text] }
}

@Suite struct SimulatedTests {
    @Test(arguments: Promise.all) func keeps(_ promise: Promise) async throws {
        try await withFolder { folder in
            let world = World(chance: SeededChance(seed: 1))
            let node = SimulatedNode(SimulatedNode.usual("node-1"), pace: .atOnce, world: world)
            try await promise.keep(SimulatedRig(node, folder: folder))
        }
    }

    /// Lets time pass as it is asked for, and adds it up.
    private final class Quick: Clock {
        private let slept = Mutex(Duration.zero)
        var now: Moment { Moment(seconds: 0) + slept.withLock { $0 } }
        func sleep(for duration: Duration) async throws(CancellationError) { slept.withLock { $0 += duration } }
    }

    private func history(_ seed: UInt64) async throws -> ([String], Moment) {
        let world = World(clock: Quick(), chance: SeededChance(seed: seed))
        let faults = Faults(failing: 100_000, unheard: 100_000, killing: 100_000)
        let driver = SimulatedHypervisor(SimulatedNode(SimulatedNode.usual("n"), faults: faults, world: world))
        var seen: [String] = []
        for index in 0..<100 {
            let spec = GuestSpec(
                id: GuestID("\(index % 10)"), name: "g", vcpus: 1, memoryMB: 64,
                root: .image(path: "/i", format: .raw, sizeGB: 1))
            do { try await driver.ensureRunning(spec) } catch { seen.append(error.message) }
            do { try await driver.ensureStopped(spec.id, within: nil) } catch { seen.append(error.message) }
            seen.append(try await driver.describe(spec.id)?.power.rawValue ?? "gone")
        }
        return (seen, world.now)
    }

    @Test func oneSeedIsOneHistory() async throws {
        let first = try await history(7)
        #expect(try await history(7) == first)
        #expect(try await history(8).0 != first.0)
        #expect(first.0.contains("crashed") || first.0.contains { $0.contains("failed") })
        #expect(first.1 > Moment(seconds: 10))
    }

    @Test func whatWasNotHeardWasDoneAllTheSame() async throws {
        let node = SimulatedNode(
            SimulatedNode.usual("n"), pace: .atOnce, faults: Faults(unheard: 1_000_000), world: World())
        let driver = SimulatedHypervisor(node)
        let spec = GuestSpecTests.whole
        await #expect(throws: Failure.self) { try await driver.ensureRunning(spec) }
        #expect(try await driver.describe(spec.id)?.power == .running)
    }

    @Test func disksTakeTheirPlace() async throws {
        let driver = SimulatedHypervisor(SimulatedNode(SimulatedNode.usual("n"), pace: .atOnce, world: World()))
        let free = try await driver.capacity().freeDiskGB
        try await driver.ensureRunning(GuestSpecTests.whole)
        #expect(try await driver.capacity().freeDiskGB == free - 13)
    }

    @Test func aPowerFailureTakesAllGuests() async throws {
        let node = SimulatedNode(SimulatedNode.usual("n"), pace: .atOnce, world: World())
        let driver = SimulatedHypervisor(node)
        try await driver.ensureRunning(GuestSpecTests.whole)
        node.powerFailure()
        #expect(try await driver.list().map(\.power) == [.crashed])
    }
}

/// A folder that is gone when the test is over.
func withFolder(_ body: (String) async throws -> Void) async throws {
    let folder = "/tmp/martlet-node-\(UUID(SystemChance()).hex.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(folder)
}
