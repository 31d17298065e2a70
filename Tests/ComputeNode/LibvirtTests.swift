import Base
import CLibvirt
import Foundation
import Glibc
import IO
import Programs
import Testing

@testable import ComputeNode

/// The project's own guest by libvirt, with QEMU's emulation below it.
private struct LibvirtRig: TinyRig {
    static let isHere = TinyGuest.isHere && libvirt_is_here() != 0 && Files.exists("/usr/sbin/libvirtd")

    /// One libvirt for all tests: it takes its time to start, and remembers between runs what QEMU can do.
    static let daemon = ProcessInfo.processInfo.environment["HOME", default: "/root"] + "/.cache/martlet/libvirt-tests"

    let folder: String
    let libvirt: LibvirtHypervisor
    let configDrive: String
    var driver: any EveryPower { libvirt }
    let heard: Heard

    init(folder: String) async throws {
        configDrive = try await TinyGuest.configDrive(in: folder)
        (self.folder, heard) = (folder, Heard())
        libvirt = try await LibvirtRig.hypervisor(folder)
    }

    private init(after rig: LibvirtRig) async throws {
        (folder, configDrive, heard) = (rig.folder, rig.configDrive, rig.heard)
        libvirt = try await LibvirtRig.hypervisor(folder)
    }

    private static func hypervisor(_ folder: String) async throws -> LibvirtHypervisor {
        try FileManager.default.createDirectory(
            atPath: (daemon as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        return try await LibvirtHypervisor(
            folder: folder + "/servers", daemon: daemon, accelerator: .tcg, world: World())
    }

    func reborn() async throws -> any Rig { try await LibvirtRig(after: self) }

    private func processes(_ id: GuestID) throws -> [pid_t] {
        try LocalFiles.names(in: "/proc").compactMap { pid_t($0) }.filter { pid in
            let words = (try? Files.read("/proc/\(pid)/cmdline").split(separator: 0)) ?? []
            return words.contains { $0.starts(with: "guest=\(id.text),".utf8) }
        }
    }

    func kill(_ id: GuestID) throws { Glibc.kill(try #require(processes(id).first), SIGKILL) }

    /// libvirt speaks to the agent in the guest, and to it alone.
    func shutDown(_ id: GuestID) async throws {
        for _ in 1...100 {
            do {
                try await libvirt.order(libvirt.guestFolder(id)) { (guest) throws(Failure) in
                    let agent = UInt32(VIR_DOMAIN_SHUTDOWN_GUEST_AGENT.rawValue)
                    try Connection.check(virDomainShutdownFlags(guest, agent), "cannot ask the agent")
                }
                break
            } catch { try await Task.sleep(for: .milliseconds(200)) }
        }
        while try await power(id) == .running { try await Task.sleep(for: .milliseconds(50)) }
    }

    func traces(of id: GuestID) async throws -> [String] {
        let guest = try libvirt.guestFolder(id)
        let known = try await libvirt.sight(of: guest) == .unknown ? [] : ["definition"]
        return try processes(id).map(String.init) + (Files.exists(guest.path) ? [guest.path] : []) + known
    }
}

private func withRig(_ body: (LibvirtRig) async throws -> Void) async throws {
    try await withFolder { folder in
        let rig = try await LibvirtRig(folder: folder)
        let result: Result<Void, any Error>
        do { result = .success(try await body(rig)) } catch { result = .failure(error) }
        try await rig.clear()
        try result.get()
    }
}

@Suite(.serialized, .enabled(if: LibvirtRig.isHere, "libvirt, QEMU or the guest of Guest/make-guest is not here"))
struct LibvirtLongTests {
    @Test(arguments: Promise.all) func keeps(_ promise: Promise) async throws {
        let begun = ContinuousClock.now
        try await withRig { try await promise.keep($0) }
        print("libvirt: \(promise.testDescription): \(ContinuousClock.now - begun)")
    }

    @Test func theScreenAndTheConsoleCanBeReached() async throws {
        let loops = Loops(count: 1)
        try await withRig { rig in
            let spec = rig.spec()
            try await rig.driver.ensureRunning(spec)
            let screen = try await Stream.connect(to: .unix(path: rig.libvirt.vncSocket(spec.id)), on: loops)
            #expect(try await screen.read(upTo: 12) == Array("RFB 003.008\n".utf8))
            await screen.close()
            let console = try await Stream.connect(to: .unix(path: rig.libvirt.consoleSocket(spec.id)), on: loops)
            await console.close()
            try await rig.driver.ensureStopped(spec.id, within: nil)
            let failure = await #expect(throws: Failure.self) { try await rig.libvirt.vncSocket(spec.id) }
            #expect(failure?.kind == .conflict)
        }
        await loops.stop()
    }

    @Test func anOperatorsToolsSeeTheGuests() async throws {
        try await withRig { rig in
            let spec = rig.spec()
            try await rig.driver.ensureRunning(spec)
            let words = ["-q", "-c", try await rig.libvirt.address()]
            let list = try await Program("virsh", words + ["list", "--title"]).run(by: "test").text
            #expect(list.contains(spec.id.text) && list.contains(spec.name))
            try await Program("virsh", words + ["destroy", spec.id.text]).run(by: "test")
            #expect(try await rig.power(spec.id) == .stopped)
        }
    }

    /// As on a machine whose libvirt is new, when a backup was put back there.
    @Test func aGuestOfWhichLibvirtHasNeverHeardIsDefinedFromItsFolder() async throws {
        try await withRig { rig in
            let spec = rig.spec()
            try await rig.driver.ensureRunning(spec)
            let words = ["-q", "-c", try await rig.libvirt.address()]
            for word in ["destroy", "undefine"] {
                try await Program("virsh", words + [word, spec.id.text]).run(by: "test")
            }
            #expect(try await rig.libvirt.sight(of: try rig.libvirt.guestFolder(spec.id)) == .unknown)
            try await rig.driver.ensureRunning(spec)
            #expect(try await rig.power(spec.id) == .running)
        }
    }

    @Test func aLibvirtThatIsKilledLosesNoGuest() async throws {
        try await withRig { rig in
            let spec = rig.spec()
            try await rig.driver.ensureRunning(spec)
            let pid = String(decoding: try Files.read(LibvirtRig.daemon + "/pid"), as: UTF8.self)
            let process = try #require(pid_t(pid.trimmingCharacters(in: .whitespacesAndNewlines)))
            try await rig.watching { events in
                kill(process, SIGKILL)
                while kill(process, 0) == 0 { try await Task.sleep(for: .milliseconds(20)) }
                try await rig.driver.ensurePaused(spec.id)
                await rig.see(.paused, of: spec.id, in: events)
            }
            try await rig.driver.ensureResumed(spec.id)
        }
    }
}
