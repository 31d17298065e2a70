import API
import Base
import HTTP
import SQL

extension Resource {
    static var paging: [Parameter] { [Parameter("limit", .looseInteger(0...1_000_000)), Parameter("marker")] }
}

extension Transaction {
    /// A list, whole or from a marker on: in the order of ids, which is the only one that doesn't shift between pages.
    func page<Thing: Resource>(_ select: SQL, _ query: Parameters) throws(Failure) -> Page<Thing> {
        let limit = try query.integer("limit")
        if let limit, limit < 0 { throw .field("limit", "must not be negative") }
        let marker: SQL = query["marker"].map { " AND id > \($0)" } ?? ""
        guard let limit, limit > 0 else { return Page(things: try rows("\(select)\(marker) ORDER BY id")) }
        var things: [Thing] = try rows("\(select)\(marker) ORDER BY id LIMIT \(limit + 1)")
        guard things.count > limit else { return Page(things: things) }
        things.removeLast()
        return Page(things: things, next: things.last?.id.text)
    }
}
