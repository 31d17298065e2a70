import API
import Base
import SQL
import Synchronization

/// Servers as they were last written out. Most of a long list is what it was when it was last asked for, so that a
/// dashboard that asks every few seconds has only the changes read and written again.
///
/// What is remembered carries the revision of its row: a server that has changed since is found by its other number.
final class ServerDocuments: Sendable {
    private struct Document {
        let revision: Int
        let bytes: [UInt8]
    }

    private struct Key: Hashable {
        let server: ID<Server>
        let view: ServerView.Kind
    }

    private let state = Mutex<[Key: Document]>([:])

    /// A few megabytes. More than that is forgotten as a whole, which costs no more than one list written anew.
    private static let limit = 4_096

    func recall(_ stamps: [ServerStamp], as view: ServerView.Kind) -> [[UInt8]?] {
        state.withLock { documents in
            stamps.map { stamp in
                let known = documents[Key(server: stamp.server, view: view)]
                return known?.revision == stamp.revision ? known?.bytes : nil
            }
        }
    }

    func keep(_ bytes: [UInt8], of stamp: ServerStamp, as view: ServerView.Kind) {
        state.withLock { documents in
            if documents.count >= ServerDocuments.limit { documents = [:] }
            documents[Key(server: stamp.server, view: view)] = Document(revision: stamp.revision, bytes: bytes)
        }
    }
}

/// Which server, and which state of it.
struct ServerStamp: ServerPart, Hashable {
    static let columns: SQL = "id, revision"

    let server: ID<Server>
    let revision: Int

    /// Every update of a server counts one up.
    static let counted = Migration(
        "count the changes of servers", "ALTER TABLE compute_server ADD COLUMN revision BIGINT NOT NULL DEFAULT 0")

    init(_ row: borrowing Row) throws(Failure) {
        server = try row.id("id")
        revision = try row.integer("revision")
    }
}

/// A list of servers: those that are known as documents, and the rows of the others.
struct ServerList: Sendable {
    let stamps: [ServerStamp]
    let documents: [[UInt8]?]
    let changed: [ID<Server>: ChangedServer]
    let next: String?

    struct ChangedServer: Record {
        let server: Server
        let stamp: ServerStamp

        init(_ row: borrowing Row) throws(Failure) {
            server = try Server(row)
            stamp = try ServerStamp(row)
        }
    }
}

extension Transaction {
    func serverList(
        _ query: ServerQuery, _ documents: ServerDocuments, as view: ServerView.Kind
    ) throws(Failure) -> ServerList {
        let page: Page<ServerStamp> = try servers(query)
        let known = documents.recall(page.things, as: view)
        let missing = zip(page.things, known).filter { $0.1 == nil }.map(\.0.server)
        let rows: [ServerList.ChangedServer] =
            missing.isEmpty ? [] : try rows("SELECT * FROM compute_server WHERE id IN \(SQL.list(missing))")
        return ServerList(
            stamps: page.things, documents: known,
            changed: Dictionary(rows.map { ($0.server.id, $0) }, uniquingKeysWith: { first, _ in first }),
            next: page.next)
    }
}
