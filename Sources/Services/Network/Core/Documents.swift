import API
import Base
import HTTP
import SQL
import Synchronization

/// Things as they were last written out. Most of a long list is what it was when it was last asked for, and a dashboard
/// asks every few seconds.
///
/// What is remembered carries the sum of all that was read for it: its own row, and the rows of others that are shown
/// with it. Rows that say the same make the same document; whoever has changed one of them, and by which way, doesn't
/// matter, so nobody has to say so.
final class Documents: Sendable {
    /// All that makes one caller's view differ from another's.
    struct Kind: Hashable, Sendable {
        let resource: String
        let names: [String]
        let project: String
    }

    private struct Document {
        let sum: Int
        let bytes: [UInt8]
    }

    private let state = Mutex<[Kind: [String: Document]]>([:])

    /// A few megabytes. More than that is forgotten as a whole, which costs no more than one list written anew.
    private static let limit = 8_192

    func recall(_ stamps: [Stamp], as kind: Kind) -> [[UInt8]?] {
        state.withLock { kinds in
            guard let known = kinds[kind] else { return stamps.map { _ in nil } }
            return stamps.map { stamp in
                guard let document = known[stamp.id], document.sum == stamp.sum else { return nil }
                return document.bytes
            }
        }
    }

    func keep(_ written: [(stamp: Stamp, bytes: [UInt8])], as kind: Kind) {
        guard !written.isEmpty else { return }
        state.withLock { kinds in
            let held = kinds.reduce(0) { $0 + $1.value.count }
            if held + written.count > Documents.limit { kinds = [:] }
            for (stamp, bytes) in written {
                kinds[kind, default: [:]][stamp.id] = Document(sum: stamp.sum, bytes: bytes)
            }
        }
    }
}

/// Which thing, and all that there is to be seen of it, in a number.
struct Stamp: Sendable {
    let id: String
    let sum: Int
}

extension Resource {
    /// The rows of others from which its documents are made, each with the thing that it is about as `owner`.
    typealias Sources = @Sendable (_ things: SQL, _ viewer: Viewer) -> [SQL]
}

/// A list, as far as it is known, and the things that have to be written anew.
struct Sheet: Sendable {
    let stamps: [Stamp]
    let known: [[UInt8]?]
    let changed: [String: Document]
    let kind: Documents.Kind
    let view: View

    /// The documents in their order, each as it is sent.
    func pieces(keepingIn documents: Documents) -> [[UInt8]] {
        var written: [(stamp: Stamp, bytes: [UInt8])] = []
        var pieces: [[UInt8]] = []
        pieces.reserveCapacity(stamps.count)
        for (stamp, bytes) in zip(stamps, known) {
            if let bytes {
                pieces.append(bytes)
            } else if let document = changed[stamp.id] {
                var json = JSONWriter(capacity: 1_024)
                view.write(document, to: &json)
                let bytes = json.finish()
                written.append((stamp, bytes))
                pieces.append(bytes)
            }
        }
        documents.keep(written, as: kind)
        return pieces
    }
}

extension Listing {
    /// The page by what is remembered of it; nil where not everybody in it is seen alike, or nothing is remembered.
    func sheet(_ desk: Desk) throws(Failure) -> Sheet? {
        guard let sources = resource.sources, let view = View(alike: resource, desk) else { return nil }
        let stamps = try stamps(desk, sources)
        let kind = Documents.Kind(resource: resource.one, names: view.names, project: desk.viewer.project)
        let known = desk.service.documents.recall(stamps, as: kind)
        let missing = zip(stamps, known).filter { $0.1 == nil }.map(\.0.id)
        let changed = missing.isEmpty ? [] : try desk.documents(resource, where: "id IN \(.list(missing))")
        return Sheet(
            stamps: stamps, known: known,
            changed: Dictionary(changed.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first }), kind: kind,
            view: view)
    }

    private func stamps(_ desk: Desk, _ sources: Resource.Sources) throws(Failure) -> [Stamp] {
        var ids: [String] = []
        var sums: [Hasher] = []
        let own: SQL = "SELECT * FROM \(SQL.raw(resource.table)) WHERE \(try condition(desk))\(order())"
        try desk.tx.each(own) { row in
            var sum = Hasher()
            row.feed(&sum)
            ids.append(try row.text("id"))
            sums.append(sum)
        }
        guard !ids.isEmpty else { return [] }
        let places = Dictionary(zip(ids, ids.indices), uniquingKeysWith: { first, _ in first })
        for source in sources(.list(ids), desk.viewer) {
            // One source's rows are not another's, also where they say the same.
            for index in sums.indices { sums[index].combine(0 as UInt8) }
            try desk.tx.each(source) { row in
                if let place = places[try row.text("owner")] { row.feed(&sums[place]) }
            }
        }
        var stamps = zip(ids, sums).map { Stamp(id: $0, sum: $1.finalize()) }
        if isReverse { stamps.reverse() }
        return stamps
    }
}
