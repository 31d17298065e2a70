package import Base
package import SQL
import Synchronization

/// Things as they were last written out. Most of a long list is what it was when it was last asked for, so that a
/// dashboard that asks every few seconds has only the changes read and written again.
///
/// What is remembered carries the revision of its row: a thing that has changed since is found by its other number.
///
/// - Parameter View: all that makes one way of writing a thing differ from another.
package final class Documents<Thing, View: Hashable & Sendable>: Sendable {
    private struct Document {
        let revision: Int
        let bytes: [UInt8]
    }

    private struct State {
        var views: [View: [ID<Thing>: Document]] = [:]
        var count = 0
    }

    private let state = Mutex(State())

    /// A few megabytes. More than that is forgotten as a whole, which costs no more than one list written anew.
    private static var limit: Int { 4_096 }

    package init() {}

    package func recall(_ stamps: [Stamp<Thing>], as view: View) -> [[UInt8]?] {
        state.withLock { state in
            let known = state.views[view] ?? [:]
            return stamps.map { stamp in
                let document = known[stamp.id]
                return document?.revision == stamp.revision ? document?.bytes : nil
            }
        }
    }

    package func keep(_ documents: [(stamp: Stamp<Thing>, bytes: [UInt8])], as view: View) {
        guard !documents.isEmpty else { return }
        state.withLock { state in
            if state.count + documents.count > Documents.limit { state = State() }
            state.count += documents.count
            for (stamp, bytes) in documents {
                state.views[view, default: [:]][stamp.id] = Document(revision: stamp.revision, bytes: bytes)
            }
        }
    }
}

/// Which thing, and which state of it. Every update of its row counts one up.
package struct Stamp<Thing>: Record, Hashable {
    package let id: ID<Thing>
    package let revision: Int

    package init(_ row: borrowing Row) throws(Failure) {
        id = try row.id("id")
        revision = try row.integer("revision")
    }
}

/// A list of things: those that are known as documents, and the rows of the others.
package struct DocumentList<Thing: Record>: Sendable {
    private let stamps: [Stamp<Thing>]
    private let known: [[UInt8]?]
    private let changed: [ID<Thing>: Stamped]

    private struct Stamped: Record {
        let stamp: Stamp<Thing>
        let thing: Thing

        init(_ row: borrowing Row) throws(Failure) {
            stamp = try Stamp(row)
            thing = try Thing(row)
        }
    }

    /// - Parameter select: reads the rows of those with the ids of a list.
    package init<View>(
        _ stamps: [Stamp<Thing>], _ documents: Documents<Thing, View>, as view: View, _ tx: Transaction,
        _ select: (_ ids: SQL) -> SQL
    ) throws(Failure) {
        self.stamps = stamps
        known = documents.recall(stamps, as: view)
        let missing = zip(stamps, known).filter { $0.1 == nil }.map(\.0.id)
        let rows: [Stamped] = missing.isEmpty ? [] : try tx.rows(select(SQL.list(missing)))
        changed = Dictionary(rows.map { ($0.stamp.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// What had to be read.
    package var fresh: [Thing] { changed.values.map(\.thing) }

    /// Writes all of them, and remembers those that weren't known.
    package func write<View>(
        to json: inout JSONWriter, _ documents: Documents<Thing, View>, as view: View,
        _ write: (Thing, inout JSONWriter) -> Void
    ) {
        var learned: [(stamp: Stamp<Thing>, bytes: [UInt8])] = []
        for (stamp, known) in zip(stamps, known) {
            if let known {
                json.raw(known)
            } else if let row = changed[stamp.id] {
                var document = JSONWriter(capacity: 2_048)
                document.object { write(row.thing, &$0) }
                let bytes = document.finish()
                learned.append((stamp: row.stamp, bytes: bytes))
                json.raw(bytes)
            }
        }
        documents.keep(learned, as: view)
    }
}
