import Base
import Contracts
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
            let mark = { (byte: Int) in
                _ = try await Program("qemu-io", "-c", "write -P \(byte) 700M 64k", root).run(by: "test")
            }
            let shows = { (byte: Int) in
                try await Program("qemu-io", "-c", "read -P \(byte) 700M 64k", root).run(by: "test").text
                    .contains("verification failed") == false
            }
            try await mark(1)
            // It is what it was before where the way back is open, and stays what it has become where it isn't.
            let turns = [(2, 2, 1, false), (1, 1, 1, false), (2, 2, 1, true), (2, 2, 2, false), (1, 2, 2, false)]
            for (asked, comes, holds, settles) in turns {
                spec.root = .image(path: TinyGuest.folder + "/guest.qcow2", format: .qcow2, sizeGB: asked)
                try await rig.driver.ensureRunning(spec)
                try await rig.driver.ensureStopped(spec.id, within: nil)
                let info = try await Program("qemu-img", "info", "--output=json", root).run(by: "test").output
                #expect(try JSONReader.read(info)["virtual-size"]?.integer == Int64(comes) << 30)
                #expect(try await shows(holds), "\(asked) GB")
                if comes == 2 { try await mark(2) }
                if settles { try await rig.qemu.settle(spec.id) }
            }
        }
    }

    @Test func aGuestThatRestsGoesToAnotherHostWithItsDisks() async throws {
        try await withRig { rig in
            let other = try await QEMUHypervisor(
                folder: rig.folder + "/elsewhere", accelerator: .tcg, loops: rig.loops, world: World())
            var spec = rig.spec()
            spec.ephemeralGB = [1]
            try await rig.driver.ensureRunning(spec)
            await #expect(throws: Failure.self) { try await rig.qemu.lend(spec.id, at: "127.0.0.1") }
            try await rig.driver.ensureStopped(spec.id, within: nil)
            let (here, there) = (try rig.qemu.guestFolder(spec.id), try other.guestFolder(spec.id))
            let marks = [(here.root, "qcow2", there.root), (here.ephemeral(0), "raw", there.ephemeral(0))]
            for (path, format, _) in marks {
                try await Program("qemu-io", "-f", format, "-c", "write -P 7 700M 64k", path).run(by: "test")
            }

            let loan = try await rig.qemu.lend(spec.id, at: "127.0.0.1")
            #expect(try await rig.qemu.lend(spec.id, at: "127.0.0.1") == loan)
            #expect(loan.disks == ["ephemeral0", "image", "root"])
            // Whoever has no key sees nothing.
            let open = "driver=nbd,server.type=inet,server.host=127.0.0.1,server.port=\(loan.port),export=root"
            #expect(try await Program("qemu-img", "info", "--image-opts", open).outcome(by: "test").status != 0)

            let image = rig.path("image-elsewhere")
            try await Lender(loan: loan, keys: rig.path("keys")).fetch(DiskLoan.image, to: image, by: "test")
            var moved = spec
            moved.root = .image(path: image, format: .qcow2, sizeGB: 1)
            for _ in 1...2 { try await other.borrow(loan, for: moved) }
            try await rig.qemu.endLoan(spec.id)
            #expect(!Files.exists(here.loanFolder) && !Files.exists(there.loanFolder))
            #expect(try GuestProcess.all(with: "--pidfile", here.loanProcess).isEmpty)
            #expect(try await other.describe(spec.id)?.power == .stopped)
            try await rig.driver.remove(spec.id)
            for (_, format, path) in marks {
                let read = ["-f", format, "-c", "read -P 7 700M 64k", path]
                let said = try await Program("qemu-io", read).run(by: "test")
                #expect(!said.text.contains("verification failed"), "\(path): \(said.text)")
            }
            try await other.ensureRunning(moved)
            #expect(try await other.describe(spec.id)?.power == .running)
            try await other.remove(spec.id)
            #expect(!Files.exists(there.path))
        }
    }

    @Test func aGuestThatRunsGoesToAnotherHostWithItsDisks() async throws {
        try await withRig { rig in
            let other = try await QEMUHypervisor(
                folder: rig.folder + "/elsewhere", accelerator: .tcg, loops: rig.loops, world: World())
            var spec = rig.spec()
            spec.ephemeralGB = [1]
            try await rig.driver.ensureRunning(spec)
            let (here, there) = (try rig.qemu.guestFolder(spec.id), try other.guestFolder(spec.id))
            try await rig.driver.ensureStopped(spec.id, within: nil)
            let marks = [(here.root, "qcow2", there.root), (here.ephemeral(0), "raw", there.ephemeral(0))]
            for (path, format, _) in marks {
                try await Program("qemu-io", "-f", format, "-c", "write -P 7 700M 64k", path).run(by: "test")
            }
            try await rig.driver.ensureResumed(spec.id)

            // Nobody is there: it runs on, and nothing is left of the attempt.
            let nowhere = Landing(host: "127.0.0.1", memory: 1, disk: 1, key: "00", disks: ["root"])
            await #expect(throws: Failure.self) { try await rig.qemu.send(spec.id, to: nowhere) }
            #expect(try await rig.power(spec.id) == .running)
            #expect(!Files.exists(here.loanFolder))

            let first = try #require(try await other.expect(spec, at: "127.0.0.1"))
            let landing = try #require(try await other.expect(spec, at: "127.0.0.1"))
            #expect(first.key != landing.key)
            try await rig.qemu.send(spec.id, to: landing)
            #expect(try await rig.power(spec.id) == .stopped)
            #expect(try await other.expect(spec, at: "127.0.0.1") == nil)
            for _ in 1...2 { try await other.arrive(spec.id) }
            #expect(try await other.describe(spec.id)?.power == .running)
            #expect(try GuestProcess.all(of: here).isEmpty && !Files.exists(here.loanFolder))
            try await rig.driver.remove(spec.id)
            try await other.ensureStopped(spec.id, within: nil)
            for (_, format, path) in marks {
                let read = ["-f", format, "-c", "read -P 7 700M 64k", path]
                let said = try await Program("qemu-io", read).run(by: "test")
                #expect(!said.text.contains("verification failed"), "\(path): \(said.text)")
            }
            try await other.remove(spec.id)
            #expect(!Files.exists(there.path))
        }
    }

    @Test func whatIsHeldOutComesBackWhenItsGuestStarts() async throws {
        try await withRig { rig in
            let spec = rig.spec()
            try await rig.driver.ensureRunning(spec)
            for leave in [rig.qemu.ensureRunning, { try await rig.qemu.remove($0.id) }] {
                try await rig.driver.ensureStopped(spec.id, within: nil)
                _ = try await rig.qemu.lend(spec.id, at: "127.0.0.1")
                let process = try rig.qemu.guestFolder(spec.id).loanProcess
                #expect(try GuestProcess.all(with: "--pidfile", process).count == 1)
                try await leave(spec)
                #expect(try GuestProcess.all(with: "--pidfile", process).isEmpty)
            }
            #expect(try rig.traces(of: spec.id).isEmpty)
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
