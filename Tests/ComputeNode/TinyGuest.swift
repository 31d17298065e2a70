import Base
import Foundation
import Synchronization
import Testing

@testable import ComputeNode

/// The project's own guest, which a real hypervisor boots in seconds.
enum TinyGuest {
    static let folder = ProcessInfo.processInfo.environment["HOME", default: "/root"] + "/.cache/martlet/guest"

    static let isHere =
        ["/usr/bin/qemu-system-x86_64", "/usr/bin/qemu-img", "/usr/bin/genisoimage", folder + "/initrd.gz"]
        .allSatisfy(Files.exists)

    static func configDrive(in folder: String) async throws -> String {
        let files = ["openstack/latest/meta_data.json": Array(#"{"uuid": "1", "hostname": "tiny"}"#.utf8)]
        return try await ConfigDrive.build(files, at: folder + "/config.iso")
    }
}

/// How much of each guest's console has been heard.
final class Heard: Sendable {
    let places = Mutex<[GuestID: Int]>([:])
}

/// What is the same whichever hypervisor runs it.
protocol TinyRig: Rig {
    var folder: String { get }
    var configDrive: String { get }
    var heard: Heard { get }
}

extension TinyRig {
    var ready: String { "agent up=" }

    func spec() -> GuestSpec {
        var spec = GuestSpec(
            id: .uuid(SystemChance()), name: "tiny, the <guest>", vcpus: 1, memoryMB: 128,
            root: .image(path: TinyGuest.folder + "/guest.qcow2", format: .qcow2, sizeGB: 1))
        let kernel = Files.exists(TinyGuest.folder + "/vmlinux") ? "/vmlinux" : "/vmlinuz"
        spec.kernel = DirectKernel(
            kernel: TinyGuest.folder + kernel, ramdisk: TinyGuest.folder + "/initrd.gz",
            commandLine: "console=ttyS0 quiet no_timer_check tsc=reliable noroot")
        spec.configDrive = configDrive
        spec.metadata = ["project": "p"]
        return spec
    }

    func disk(_ id: String) throws -> DiskSpec {
        try EmptyDisk.write(to: path(id), format: .raw, bytes: 64 << 20)
        return DiskSpec(id: id, place: .file(path: path(id), format: .raw))
    }

    func path(_ name: String) -> String { folder + "/" + name }

    func hears(_ text: String, from id: GuestID) async throws {
        for _ in 1...3_000 {
            let log = String(decoding: try await driver.consoleLog(id, last: 1 << 20), as: UTF8.self)
            let new = log.utf8.dropFirst(heard.places.withLock { $0[id] ?? 0 })
            if let found = Substring(new).range(of: text) {
                heard.places.withLock { $0[id] = log.utf8.distance(from: log.startIndex, to: found.upperBound) }
                return
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        let log = try await driver.consoleLog(id, last: 1_000)
        Issue.record("The guest never said \(text), but: \(String(decoding: log, as: UTF8.self))")
    }

    /// A test that fails halfway leaves no guest behind.
    func clear() async throws {
        for report in try await driver.list() { try await driver.remove(report.id) }
    }
}
