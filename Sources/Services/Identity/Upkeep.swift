package import Base
import Crypto
import IO
import SQL

/// What has to be looked after while a process lives: that others on the same database and with the same keys stay in
/// step with it, and that what is past doesn't pile up.
extension Identity {
    private static let lookEvery: Duration = .milliseconds(500)
    /// In looks: a minute, ten minutes.
    private static let refreshKeysEvery = 120
    private static let tidyEvery = 1_200

    /// Runs until it is cancelled.
    ///
    /// - Parameter report: hears of what went wrong; it is tried again the next time.
    package func run(report: @Sendable (Failure) -> Void) async throws(CancellationError) {
        let pool = Pool(name: "keys", threads: 1)
        var looks = 0
        while true {
            try await world.clock.sleep(for: Identity.lookEvery)
            looks += 1
            do throws(Failure) {
                try await follow()
                if looks % Identity.refreshKeysEvery == 0 { try await refreshKeys(on: pool) }
                if looks % Identity.tidyEvery == 0 { try await tidy() }
            } catch {
                report(error)
            }
        }
    }

    private func tidy() async throws(Failure) {
        try await tokens.tidy()
        let now = world.now
        try await database.write { try $0.deleteOAuthTokens(endingBefore: now) }
    }

    /// Takes in what other processes have changed, if anything. One read of one row when nothing has.
    func follow() async throws(Failure) {
        guard let number = try await changes.news(database) else { return }
        catalog.forget()
        try await tokens.catchUp()
        changes.accept(number)
    }

    private func refreshKeys(on pool: Pool) async throws(Failure) {
        let all = keys
        let isNew = try await pool.run { () throws(Failure) in
            var isNew = false
            for keys in all where try keys.refresh() { isNew = true }
            return isNew
        }
        // A key that is gone takes with it what it sealed.
        if isNew { tokens.dropAll() }
    }
}
