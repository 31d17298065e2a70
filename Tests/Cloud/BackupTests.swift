import Base
import Foundation
import SQL
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

    /// What an operator names outside of the cloud's own folder.
    @Test func storesElsewhereComeBackToTheirFolders() async throws {
        let base = "/tmp/martlet-\(Foundation.UUID().uuidString)"
        let (folder, file) = (base + "/cloud", base + "/cloud.tar")
        let (images, volumes) = (base + "/images", base + "/volumes")
        defer { try? FileManager.default.removeItem(atPath: base) }
        var settings = CloudSettings(data: DataDirectory(folder))
        settings.roles = [.volumeNode]
        settings.volumeBackends = [(name: "fast", folder: volumes)]
        for path in [folder, volumes] { try DataDirectory.make(path) }
        let disk = volumes + "/volume-one"
        var kept = 0
        do {
            let guest = try Guest(disk)
            try await untilItWrites(disk)
            try await Care(settings).backup(to: file) { _ in }
            kept = size(disk)
            try await untilItWrites(disk)
            let running = await #expect(throws: Failure.self) { try await Care(settings).restore(from: file) { _ in } }
            #expect(running?.message.contains("still run") == true)
            withExtendedLifetime(guest) {}
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: volumes) == ["volume-one"], "nothing lies about")

        // A process that had no database is put back as one that has none.
        settings.roles = [.volumeNode, .api]
        settings.imageStores = [(name: "second", folder: images)]
        let asAnother = await #expect(throws: Failure.self) { try await restored(settings, file) }
        #expect(asAnother?.message.contains("--roles") == true)
        settings.roles = [.volumeNode]
        settings.volumeBackends = []
        let unnamed = await #expect(throws: Failure.self) { try await restored(settings, file) }
        #expect(unnamed?.message.contains("volume.backends") == true)
        settings.volumeBackends = [(name: "fast", folder: volumes + "-2")]
        let moved = await #expect(throws: Failure.self) { try await restored(settings, file) }
        #expect(moved?.message.contains(volumes) == true)
        settings.volumeBackends = [(name: "fast", folder: volumes)]
        try await restored(settings, file)
        #expect(size(disk) > 0 && size(disk) <= kept)
        let aside = try FileManager.default.contentsOfDirectory(atPath: volumes).filter { $0.hasPrefix("before-") }
        #expect(aside.count == 1 && aside[0].hasSuffix(".part") && size("\(volumes)/\(aside[0])/volume-one") > kept - 1)

        // Images, of the role that serves them.
        settings.roles = [.api]
        try FileManager.default.removeItem(atPath: folder)
        try settings.data.make()
        let cloud = try await Cloud(settings.forTests, log: .silent)
        try await cloud.prepare()
        await cloud.abandon()
        try Files.write("image", to: images + "/content/hash")
        #expect(link(images + "/content/hash", images + "/keys/key") == 0)
        try await Care(settings).backup(to: file) { _ in }
        try FileManager.default.removeItem(atPath: images)
        try await restored(settings, file)
        var facts = stat()
        #expect(stat(images + "/keys/key", &facts) == 0 && facts.st_nlink == 2, "a content and its keys are one file")
    }

    /// Where no cloud is in the way: what holds a folder that was restored over is this process, as long as it lives.
    private func restored(_ settings: CloudSettings, _ file: String) async throws {
        let folder = settings.data.path
        let isThere = FileManager.default.fileExists(atPath: folder)
        if isThere { try FileManager.default.moveItem(atPath: folder, toPath: folder + ".moved") }
        do {
            _ = try await Care(settings).restore(from: file) { _ in }
            try? FileManager.default.removeItem(atPath: folder + ".moved")
        } catch {
            if isThere { try FileManager.default.moveItem(atPath: folder + ".moved", toPath: folder) }
            throw error
        }
    }

    /// Rows as they are kept, changed on the way, put into a database of a file.
    private func refused(_ change: (String) -> String) async throws -> Failure? {
        let base = "/tmp/martlet-\(Foundation.UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: base) }
        try DataDirectory.make(base)
        let now = Moment(seconds: 1_800_000_000)
        let (first, second) = (try Database(.file(base + "/a.db")), try Database(.file(base + "/b.db")))
        try await Cloud.migrate(first, at: now)
        _ = try await KeptRows.keep(first, in: base + "/rows")
        let text = try String(contentsOfFile: base + "/rows", encoding: .utf8)
        try change(text).write(toFile: base + "/rows", atomically: true, encoding: .utf8)
        var failure: Failure?
        do throws(Failure) { try await KeptRows.restore(second, from: base + "/rows", at: now) } catch {
            failure = error
        }
        if failure != nil { #expect(try await second.read { try $0.tables() }.isEmpty) }
        for database in [first, second] { await database.close() }
        return failure
    }

    @Test func rowsThatDontFitLeaveNoTable() async throws {
        #expect(try await refused { $0 } == nil)
        let later = try await refused { $0.replacingOccurrences(of: "[\"image\",0,\"", with: "[\"image\",0,\"not ") }
        #expect(later?.kind == .conflict)
        let cut = try await refused { String($0.dropLast(4)) }
        #expect(cut != nil)
        let another = try await refused { $0 + "{\"table\":\"spoons\",\"columns\":[\"id\"]}\n" }
        #expect(another?.message.contains("spoons") == true)
    }
}

extension CloudSettings {
    fileprivate var forTests: CloudSettings {
        var settings = self
        (settings.port, settings.hypervisor, settings.adminPassword) = (0, .simulated, "secret")
        settings.roles = Set(Role.allCases)
        return settings
    }
}
