import Base
import Foundation
import Glibc
import IO
import Programs
import Testing

@testable import ComputeNode

/// The project's own guest, under QEMU's emulation.
private struct QEMURig: TinyRig {
    let folder: String
    let loops: Loops
    let qemu: QEMUHypervisor
    let configDrive: String
    var driver: any EveryPower { qemu }
    let heard: Heard

    init(folder: String, loops: Loops) async throws {
        configDrive = try await TinyGuest.configDrive(in: folder)
        (self.folder, self.loops, heard) = (folder, loops, Heard())
        qemu = try await QEMUHypervisor(folder: folder + "/servers", accelerator: .tcg, loops: loops, world: World())
    }

    private init(after rig: QEMURig) async throws {
        (folder, loops, configDrive, heard) = (rig.folder, rig.loops, rig.configDrive, rig.heard)
        qemu = try await QEMUHypervisor(folder: folder + "/servers", accelerator: .tcg, loops: loops, world: World())
    }

    func reborn() async throws -> any Rig { try await QEMURig(after: self) }

    private func process(_ id: GuestID) throws -> GuestProcess {
        try #require(GuestProcess.all(of: qemu.guestFolder(id)).first)
    }

    func kill(_ id: GuestID) throws { try process(id).kill() }

    func shutDown(_ id: GuestID) async throws {
        let agent = try await Stream.connect(to: .unix(path: qemu.guestFolder(id).agent), on: loops)
        try await agent.write(Array("{\"execute\": \"guest-shutdown\"}\n".utf8))
        while try await power(id) == .running { try await Task.sleep(for: .milliseconds(50)) }
        await agent.close()
    }

    func traces(of id: GuestID) throws -> [String] {
        let guest = try qemu.guestFolder(id)
        return try GuestProcess.all(of: guest).map { String($0.pid) } + (Files.exists(guest.path) ? [guest.path] : [])
    }
}

private func withRig(_ body: (QEMURig) async throws -> Void) async throws {
    try await withFolder { folder in
        let loops = Loops(count: 1)
        let rig = try await QEMURig(folder: folder, loops: loops)
        let result: Result<Void, any Error>
        do { result = .success(try await body(rig)) } catch { result = .failure(error) }
        try await rig.clear()
        await loops.stop()
        try result.get()
    }
}

@Suite(.serialized, .enabled(if: TinyGuest.isHere, "QEMU or the guest of Guest/make-guest is not here"))
struct QEMULongTests {
    @Test(arguments: Promise.all) func keeps(_ promise: Promise) async throws {
        let begun = ContinuousClock.now
        try await withRig { try await promise.keep($0) }
        print("\(promise.testDescription): \(ContinuousClock.now - begun)")
    }

    @Test func theScreenAndTheConsoleCanBeReached() async throws {
        try await withRig { rig in
            let spec = rig.spec()
            try await rig.driver.ensureRunning(spec)
            let screen = try await Stream.connect(to: .unix(path: rig.qemu.vncSocket(spec.id)), on: rig.loops)
            #expect(try await screen.read(upTo: 12) == Array("RFB 003.008\n".utf8))
            await screen.close()
            let console = try await Stream.connect(to: .unix(path: rig.qemu.consoleSocket(spec.id)), on: rig.loops)
            await console.close()
            try await rig.driver.ensureStopped(spec.id, within: nil)
            let failure = await #expect(throws: Failure.self) { try await rig.qemu.vncSocket(spec.id) }
            #expect(failure?.kind == .conflict)
        }
    }

    @Test func disksOfTheGuestsOwnAreMadeOnce() async throws {
        try await withRig { rig in
            var spec = rig.spec()
            spec.ephemeralGB = [1]
            spec.swapMB = 16
            try await rig.driver.ensureRunning(spec)
            let guest = try rig.qemu.guestFolder(spec.id)
            let ephemeral = try await Program("blkid", "-o", "value", guest.ephemeral(0)).run(by: "test").text
            #expect(ephemeral.contains("ephemeral0") && ephemeral.contains("ext4"))
            #expect(try await Program("blkid", "-o", "value", guest.swap).run(by: "test").text.contains("swap"))
            let root = try await Program("stat", "-c", "%i", guest.root).run(by: "test").text
            try await rig.driver.reboot(spec.id, within: nil)
            #expect(try await Program("stat", "-c", "%i", guest.root).run(by: "test").text == root)
        }
    }

    @Test func aRootDiskGrowsWithItsServer() async throws {
        try await withRig { rig in
            var spec = rig.spec()
            try await rig.driver.ensureRunning(spec)
            let root = try rig.qemu.guestFolder(spec.id).root
            try await rig.driver.ensureStopped(spec.id, within: nil)
            for (asked, comes) in [(2, 2), (1, 2)] {
                spec.root = .image(path: TinyGuest.folder + "/guest.qcow2", format: .qcow2, sizeGB: asked)
                try await rig.driver.ensureRunning(spec)
                try await rig.driver.ensureStopped(spec.id, within: nil)
                let info = try await Program("qemu-img", "info", "--output=json", root).run(by: "test").output
                #expect(try JSONReader.read(info)["virtual-size"]?.integer == Int64(comes) << 30)
            }
        }
    }

    @Test func whatEmulatesWellPassesTheProbe() async throws {
        try await withFolder { folder in
            #expect(try await Accelerator.boots(.tcg, in: folder, by: "test"))
            let proven = try await Accelerator.proven(in: folder, by: "test")
            #expect(try await Accelerator.proven(in: folder, by: "test") == proven)
        }
    }

    @Test func aNodeSaysWhatItHas() async throws {
        try await withRig { rig in
            let capacity = try await rig.qemu.capacity()
            #expect(capacity.vcpus == ProcessInfo.processInfo.activeProcessorCount)
            #expect(capacity.hypervisor == "QEMU" && capacity.version > 1_000_000)
            #expect(capacity.freeDiskGB <= capacity.diskGB && capacity.memoryMB > 100)
            #expect(capacity.cpu.features.contains("sse2"))
        }
    }

    @Test func aPlaceTooDeepForSocketsIsRefusedAtOnce() async throws {
        let loops = Loops(count: 1)
        let deep = "/tmp/" + String(repeating: "d", count: 60)
        let failure = await #expect(throws: Failure.self) {
            try await QEMUHypervisor(folder: deep, accelerator: .tcg, loops: loops, world: World())
        }
        #expect(failure?.kind == .invalid)
        await loops.stop()
    }
}
