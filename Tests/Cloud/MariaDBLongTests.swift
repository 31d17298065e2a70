import Base
import Foundation
import SQL
import TestServers
import Testing
import Trace

@testable import Cloud

/// What is promised of a cloud is promised on MariaDB, too: the same bodies, with the tables there.
@Suite(.enabled(if: MariaDB.isInstalled, "MariaDB is not installed: apt-get install mariadb-server"), .serialized)
struct CloudOnMariaDBLongTests {
    private func onMariaDB(_ body: () async throws -> Void) async throws {
        try await MariaDB.running().withDatabase { address in
            try await RunningCloud.$database.withValue(address) { try await body() }
        }
    }

    @Test func aFirstServer() async throws {
        let tests = FirstServerTests()
        try await onMariaDB { try await tests.aServerComesUpWithAnAddressAndLeavesNothingBehind() }
        try await onMariaDB { try await tests.aServerDeletedWhileItIsBuiltLeavesNothingBehind() }
        try await onMariaDB { try await tests.aServerThatFitsNowhereSaysWhy() }
        try await onMariaDB { try await tests.whatGoesBeyondTheQuotaIsRefused() }
        try await onMariaDB { try await tests.theStoryOfABootIsKeptAfterTheServerIsGone() }
    }

    @Test func aServersLife() async throws {
        let tests = ServerLifeTests()
        try await onMariaDB { try await tests.aServerIsResizedAndItsUserDecides() }
        try await onMariaDB { try await tests.aServerMovesFromHostToHostAndIsHeldByOneOnly() }
        try await onMariaDB { try await tests.aServerIsShelvedKeepsItsAddressAndComesBack() }
        try await onMariaDB { try await tests.aServerIsRescuedRebuiltAndWrittenToImages() }
        try await onMariaDB { try await tests.interfacesComeAndGo() }
        try await onMariaDB { try await tests.whatAServersStateDoesNotAllowIsAConflict() }
        try await onMariaDB { try await tests.aConsoleIsOpenedOnceWithItsTicket() }
    }

    @Test func volumesOfServers() async throws {
        let tests = ServerVolumeTests()
        try await onMariaDB { try await tests.aVolumeIsAttachedOnceAndFreeAgainAfterwards() }
        try await onMariaDB { try await tests.aServerStartsFromAVolumeThatGoesWithIt() }
        try await onMariaDB { try await tests.diskWishesThatMakeNoSenseAreRefused() }
    }

    @Test func nonsenseMakesNoServiceFail() async throws {
        try await onMariaDB { try await MalformedTests.send(4_000) }
    }

    @Test func careAndWatching() async throws {
        let (care, watch) = (CareTests(), WatchTests())
        try await onMariaDB { try await care.storedSecretsOutliveTheKeysThatSealedThem() }
        try await onMariaDB { try await watch.whatWasChangedIsKeptWithWhoDidIt() }
        try await onMariaDB { try await watch.figuresCountRequestsByEndpointAndAreForThisMachineOnly() }
    }

    private func projects(_ cloud: RunningCloud) async throws -> Set<String> {
        let list = try await cloud.send("GET", "/identity/v3/projects").json["projects"]?.array ?? []
        return Set(list.compactMap { $0["name"]?.string })
    }

    /// Kept while others write, put into another database of the same kind and into one of the other, and back.
    @Test func aBackupIsTheCloudWhateverItsDatabaseIs() async throws {
        let base = FileManager.default.temporaryDirectory.path + "/kept-\(Foundation.UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: base) }
        try DataDirectory.make(base)
        let file = base + "/cloud.tar"
        try await onMariaDB {
            try await RunningCloud.with { running in
                try await running.send("POST", "/identity/v3/projects", ["project": ["name": "kept"]])
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        var number = 0
                        while !Task.isCancelled {
                            number += 1
                            let wish: JSON = ["project": ["name": .string("meanwhile \(number)")]]
                            try await running.send("POST", "/identity/v3/projects", wish)
                        }
                    }
                    try await Care(running.cloud.settings).backup(to: file) { _ in }
                    group.cancelAll()
                }
                try await running.send("POST", "/identity/v3/projects", ["project": ["name": "too late"]])
            }
        }
        try await MariaDB.running().withDatabase { address in
            var settings = CloudSettings(data: DataDirectory(base + "/server"))
            settings.database = address
            (settings.port, settings.hypervisor) = (0, .simulated)
            #expect(try await Care(settings).restore(from: file) { _ in } == nil)
            _ = try await Care(CloudSettings(data: DataDirectory(base + "/file"))).restore(from: file) { _ in }
            let (server, local) = (
                try Database(Database.Location(address)), try Database(.file(base + "/file/martlet.db"))
            )
            let count = try await KeptRows.keep(server, in: base + "/server.rows")
            #expect(try await KeptRows.keep(local, in: base + "/file.rows") == count)
            let (one, other) = (try Files.read(base + "/server.rows"), try Files.read(base + "/file.rows"))
            #expect(one == other, "every row is the same on both")
            for database in [server, local] { await database.close() }

            let cloud = try await Cloud(settings, log: .silent)
            try await cloud.prepare()
            let names = try await projects(RunningCloud(cloud: cloud, token: try await RunningCloud.login(cloud)))
            #expect(names.contains("kept") && !names.contains("too late"))
            await cloud.abandon()

            let twice = await #expect(throws: Failure.self) { try await Care(settings).restore(from: file) { _ in } }
            #expect(twice?.message.contains("isn't empty") == true)

            // And from a file to a server.
            try await Care(CloudSettings(data: DataDirectory(base + "/file"))).backup(to: file) { _ in }
            try await MariaDB.running().withDatabase { address in
                var settings = CloudSettings(data: DataDirectory(base + "/third"))
                settings.database = address
                _ = try await Care(settings).restore(from: file) { _ in }
                let database = try Database(Database.Location(address))
                #expect(try await KeptRows.keep(database, in: base + "/third.rows") == count)
                await database.close()
                let third = try Files.read(base + "/third.rows")
                #expect(third == one)
            }
        }
    }
}
