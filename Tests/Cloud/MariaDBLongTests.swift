import TestServers
import Testing

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
}
