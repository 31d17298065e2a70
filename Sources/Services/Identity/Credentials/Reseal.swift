package import Base
package import SQL

extension Identity {
    /// Where secrets are kept sealed.
    private static let sealed: [(table: StaticString, column: StaticString)] = [
        (table: "credential", column: "sealed"), (table: "oauth_consumer", column: "secret"),
        (table: "oauth_request_token", column: "secret"), (table: "oauth_access_token", column: "secret"),
    ]
    /// Few enough that others don't wait for the transaction.
    private static let resealedAtOnce = 200

    /// Seals every stored secret with the key that seals now, so that older keys may go. Answers how many there were;
    /// those that none of the keys opens stay as they are.
    package static func reseal(
        in database: Database, with keys: any TokenKeys, world: World
    ) async throws(Failure) -> Int {
        let (seal, now) = (CredentialSeal(keys: keys, chance: world.chance), world.now)
        var count = try await database.write { try $0.resealConfigurations(by: seal, now: now) }
        for place in sealed {
            var last = ""
            while true {
                let after = last
                let ids = try await database.write { tx in
                    let rows: [SealedRow] = try tx.rows(
                        """
                        SELECT id, \(.raw(place.column)) AS secret FROM \(.raw(place.table))
                        WHERE id > \(after) ORDER BY id LIMIT \(resealedAtOnce)
                        """)
                    for row in rows {
                        guard let secret = seal.open(row.sealed) else { continue }
                        try tx.run(
                            """
                            UPDATE \(.raw(place.table)) SET \(.raw(place.column)) = \(seal.seal(secret, now: now))
                            WHERE id = \(row.id)
                            """)
                    }
                    return rows.map(\.id)
                }
                count += ids.count
                guard let id = ids.last else { break }
                last = id
            }
        }
        return count
    }
}

private struct SealedRow: Record {
    let id: String
    let sealed: Sealed

    init(_ row: borrowing Row) throws(Failure) {
        id = try row.text("id")
        sealed = try row.sealed("secret")
    }
}
