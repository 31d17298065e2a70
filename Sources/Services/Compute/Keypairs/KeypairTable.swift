import API
import Base
import Policy
import SQL

extension Keypair: Record {
    static let created = Migration(
        "create keypair",
        """
        CREATE TABLE compute_keypair (
            position    \(.serial),
            user_id     VARCHAR(64)  NOT NULL,
            name        VARCHAR(255) NOT NULL,
            kind        VARCHAR(16)  NOT NULL,
            public_key  MEDIUMTEXT   NOT NULL,
            fingerprint VARCHAR(255) NOT NULL,
            created_at  BIGINT       NOT NULL,
            UNIQUE (user_id, name)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            name: try row.text("name"), user: try row.text("user_id"), kind: try row.value("kind"),
            publicKey: try row.text("public_key"), fingerprint: try row.text("fingerprint"),
            created: try row.moment("created_at"))
    }
}

extension Transaction {
    func keypairs(of user: String, limit: Int, marker: String?) throws(Failure) -> Page<Keypair> {
        if let marker { _ = try keypair(marker, of: user, absent: .invalid("marker [\(marker)] not found")) }
        let things: [Keypair] = try rows(
            """
            SELECT * FROM compute_keypair WHERE user_id = \(user) AND name > \(marker ?? "") ORDER BY name LIMIT \(limit + 1)
            """)
        let page = Array(things.prefix(limit))
        return Page(things: page, next: things.count > limit ? page.last?.name : nil)
    }

    func keypair(_ name: String, of user: String, absent: Failure? = nil) throws(Failure) -> Keypair {
        let found: Keypair? = try row("SELECT * FROM compute_keypair WHERE user_id = \(user) AND name = \(name)")
        guard let found else { throw absent ?? Failure(.notFound, "Keypair \(name) not found for user \(user)") }
        return found
    }

    func insert(_ keypair: Keypair, quota: Int) throws(Failure) {
        let count = try count("SELECT COUNT(*) FROM compute_keypair WHERE user_id = \(keypair.user)")
        guard quota < 0 || count < quota else { throw .forbidden("Quota exceeded, too many key pairs.") }
        do throws(Failure) {
            try insert(
                into: "compute_keypair",
                [
                    "user_id": keypair.user, "name": keypair.name, "kind": keypair.kind.rawValue,
                    "public_key": keypair.publicKey, "fingerprint": keypair.fingerprint, "created_at": keypair.created,
                ])
        } catch  where error.kind == .conflict {
            throw .conflict("Key pair '\(keypair.name)' already exists.")
        }
    }

    func deleteKeypair(_ name: String, of user: String) throws(Failure) {
        _ = try keypair(name, of: user)
        try run("DELETE FROM compute_keypair WHERE user_id = \(user) AND name = \(name)")
    }

    /// A number of its own: what a keypair has for an id on the wire.
    func keypairNumber(_ name: String, of user: String) throws(Failure) -> Int {
        try count("SELECT position FROM compute_keypair WHERE user_id = \(user) AND name = \(name)")
    }
}
