import API
import Base
import Crypto
import SQL

/// The right to see one server's console once, until it expires. Its secret is known to whoever asked for it; the table
/// has only its digest.
struct ConsoleTicket: Record {
    enum Kind: String, Sendable {
        case novnc, serial
    }

    let digest: String
    let server: ID<Server>
    let kind: Kind
    let host: String
    let expires: Moment

    static let lifetime = Duration.seconds(600)

    static func digest(of secret: String) -> String { Digest.sha256.hex(secret) }

    static let created = Migration(
        "create console ticket",
        """
        CREATE TABLE compute_console_ticket (
            digest     VARCHAR(64)  NOT NULL PRIMARY KEY,
            server_id  VARCHAR(64)  NOT NULL,
            kind       VARCHAR(16)  NOT NULL,
            host       VARCHAR(255) NOT NULL,
            expires_at BIGINT       NOT NULL
        )
        """)

    init(digest: String, server: ID<Server>, kind: Kind, host: String, expires: Moment) {
        self.digest = digest
        self.server = server
        self.kind = kind
        self.host = host
        self.expires = expires
    }

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            digest: try row.text("digest"), server: try row.id("server_id"), kind: try row.value("kind"),
            host: try row.text("host"), expires: try row.moment("expires_at"))
    }
}

extension Transaction {
    func insert(_ ticket: ConsoleTicket) throws(Failure) {
        try insert(
            into: "compute_console_ticket",
            [
                "digest": ticket.digest, "server_id": ticket.server, "kind": ticket.kind.rawValue, "host": ticket.host,
                "expires_at": ticket.expires,
            ])
    }

    func consoleTicket(_ secret: String, at now: Moment) throws(Failure) -> ConsoleTicket? {
        try row(
            """
            SELECT * FROM compute_console_ticket
            WHERE digest = \(ConsoleTicket.digest(of: secret)) AND expires_at > \(now)
            """)
    }

    /// What is used is used up; what has expired goes with it.
    func spend(_ ticket: ConsoleTicket, at now: Moment) throws(Failure) -> Bool {
        try run("DELETE FROM compute_console_ticket WHERE expires_at <= \(now)")
        return try run("DELETE FROM compute_console_ticket WHERE digest = \(ticket.digest)") == 1
    }
}
