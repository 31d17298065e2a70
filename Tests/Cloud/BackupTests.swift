import Base
import Foundation
import TestServers
import Testing
import Trace

@testable import Cloud

/// Disks in a backup: those of a running cloud's guests, which write while they are copied.
@Suite struct BackupTests {
    /// A guest as far as its disk goes: something that has a file open and writes to it for ever.
    private final class Guest {
        private let process = Process()

        init(_ disk: String) throws {
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = ["-c", "exec 3>>\"$0\"; while :; do echo block >&3; sleep 0.01 3>&-; done", disk]
            try process.run()
        }

        deinit {
            process.terminate()
            process.waitUntilExit()
        }
    }

    private func size(_ path: String) -> Int {
        var facts = stat()
        return stat(path, &facts) == 0 ? Int(facts.st_size) : -1
    }

    private func untilItWrites(_ disk: String) async throws {
        let before = size(disk)
        while size(disk) <= max(before, 0) { try await Task.sleep(for: .milliseconds(10)) }
    }

    /// Other tests may have so many files open that none is left to look with.
    private func hold(_ folder: String) async throws -> StandingStill {
        for _ in 0..<200 {
            if let still = try? StandingStill(users: [folder]), still.count > 0 { return still }
            try await Task.sleep(for: .milliseconds(50))
        }
        return try StandingStill(users: [folder])
    }

    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = "/tmp/martlet-\(Foundation.UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try DataDirectory.make(folder + "/servers/one")
        try await body(folder)
    }

    @Test func whoeverHasADiskOpenStandsStillAndGoesOn() async throws {
        try await withFolder { folder in
            let disk = folder + "/servers/one/root.qcow2"
            let guest = try Guest(disk)
            try await untilItWrites(disk)
            let still = try await hold(folder + "/servers/")
            // Between being forked and closing what it inherited, the shell's child is a user too.
            #expect((1...2).contains(still.count))
            let sizes = [size(disk)]
            try await Task.sleep(for: .milliseconds(200))
            #expect(sizes == [size(disk)])
            still.goOn()
            try await untilItWrites(disk)
            withExtendedLifetime(guest) {}
            #expect(try StandingStill(users: [folder + "/volumes/"]).count == 0)
        }
    }

    /// Whatever ends the one who held them: then nobody is left who could let them go on.
    @Test func theyGoOnWhenWhoHeldThemIsGone() async throws {
        try await withFolder { folder in
            let disk = folder + "/servers/one/root.qcow2"
            let guest = try Guest(disk)
            try await untilItWrites(disk)
            try await hold(folder + "/servers/").vanish()
            try await untilItWrites(disk)
            withExtendedLifetime(guest) {}
        }
    }

    @Test func disksComeBackAsTheyWere() async throws {
        let folder = "/tmp/martlet-\(Foundation.UUID().uuidString)"
        let file = folder + ".tar"
        defer { for path in [folder, file] { try? FileManager.default.removeItem(atPath: path) } }
        let disk = folder + "/servers/one/root.qcow2"
        let volume = folder + "/volumes/volume-one"
        let care = Care(CloudSettings(data: DataDirectory(folder)))
        do {
            var settings = CloudSettings(data: DataDirectory(folder))
            (settings.port, settings.hypervisor, settings.adminPassword) = (0, .simulated, "secret")
            try settings.data.make()
            let cloud = try await Cloud(settings, log: .silent)
            try await cloud.prepare()
            for path in ["servers/one", "volumes"] { try DataDirectory.make("\(folder)/\(path)") }
            try Files.write("1", to: folder + "/servers/one/pid")
            try Files.write("half", to: volume + ".part")
            try Files.write("begin", to: volume)
            #expect(truncate(volume, 64 << 20) == 0)
            let guest = try Guest(disk)
            try await untilItWrites(disk)
            try await care.backup(to: file) { _ in }
            try await untilItWrites(disk)
            let failure = await #expect(throws: Failure.self) { try await care.restore(from: file) { _ in } }
            #expect(failure?.message.contains("still run") == true)
            withExtendedLifetime(guest) {}
            await cloud.abandon()
        }
        #expect(size(file) < 32 << 20, "holes stay holes")
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600, "keys are in it")
        let elsewhere = Care(CloudSettings(data: DataDirectory(folder + "-elsewhere")))
        let failure = await #expect(throws: Failure.self) { try await elsewhere.restore(from: file) { _ in } }
        #expect(failure?.message.contains("--data \(folder)") == true)
        #expect(!FileManager.default.fileExists(atPath: folder + "-elsewhere"))

        let later = size(disk)
        // What holds the folder is this process: a new one would be refused as long as it lives.
        let aside = folder + "-moved"
        defer { try? FileManager.default.removeItem(atPath: aside) }
        try FileManager.default.moveItem(atPath: folder, toPath: aside)
        #expect(try await care.restore(from: file) { _ in } == nil)
        #expect(size(disk) > 0 && size(disk) < later)
        #expect(size(volume) == 64 << 20)
        #expect(!FileManager.default.fileExists(atPath: folder + "/servers/one/pid"))
        #expect(!FileManager.default.fileExists(atPath: volume + ".part"))

        try FileManager.default.removeItem(atPath: file)
        try await care.backup(to: file, disks: false) { _ in }
        #expect(try await elsewhere.restore(from: file) { _ in } == nil)
        defer { try? FileManager.default.removeItem(atPath: folder + "-elsewhere") }
        #expect(!FileManager.default.fileExists(atPath: folder + "-elsewhere/servers"))
    }
}
