import Base
import SQL
import Synchronization

/// A counter in the store, by which processes on one database notice that another has changed what they remember.
final class Changes: Sendable {
    /// The last count of which everything is known here.
    private let seen = Mutex(0)

    static let created = Migration(
        "create identity_change",
        "CREATE TABLE identity_change (id BIGINT NOT NULL PRIMARY KEY, number BIGINT NOT NULL)",
        "INSERT INTO identity_change (id, number) VALUES (1, 0) \(.onConflict(["id"]))")

    /// To be said first in a transaction: from then on others who have something to say wait, so that what they write
    /// comes into the store in the order of the count.
    func note(_ tx: Transaction) throws(Failure) {
        try tx.run("UPDATE identity_change SET number = number + 1 WHERE id = 1")
        let number = try tx.changes()
        tx.afterCommit { [self] in seen.withLock { if $0 == number - 1 { $0 = number } } }
    }

    /// The count, if it says that somebody else changed something since it was last accepted.
    func news(_ database: Database) async throws(Failure) -> Int? {
        let number = try await database.read { try $0.changes() }
        return number == seen.withLock({ $0 }) ? nil : number
    }

    func accept(_ number: Int) { seen.withLock { $0 = max($0, number) } }
}

extension Transaction {
    func changes() throws(Failure) -> Int { try count("SELECT number FROM identity_change WHERE id = 1") }
}
