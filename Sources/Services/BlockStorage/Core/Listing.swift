import API
import Base
import HTTP
import Policy
import SQL

/// What the lists of one resource know: their table, what they can be sorted and narrowed by.
struct Listing: Sendable {
    /// `volumes`: in the path, and as the name of the list.
    let name: String
    /// `Volume`, for who names a marker that isn't there.
    let noun: String
    let table: StaticString
    /// What is selected of the table, with what belongs to it.
    var select: SQL
    let sorts: [String: StaticString]
    let filters: [Field]
    /// Whether an administrator who doesn't ask for all projects sees the own one only.
    var isByProject = true

    struct Field: Sendable {
        enum Kind: Sendable { case text, flag, number, time, pairs, ignored }

        let name: String
        let column: StaticString
        let kind: Kind
        let since: Microversion

        static func text(_ name: String, _ column: StaticString, since: Microversion = "3.0") -> Field {
            Field(name: name, column: column, kind: .text, since: since)
        }
        static func flag(_ name: String, _ column: StaticString, since: Microversion = "3.0") -> Field {
            Field(name: name, column: column, kind: .flag, since: since)
        }
        static func number(_ name: String, _ column: StaticString) -> Field {
            Field(name: name, column: column, kind: .number, since: "3.0")
        }
        static func time(_ name: String, _ column: StaticString, since: Microversion) -> Field {
            Field(name: name, column: column, kind: .time, since: since)
        }
        /// What is no condition but may be said with them.
        static func ignored(_ name: String) -> Field { Field(name: name, column: "id", kind: .ignored, since: "3.0") }
        static func pairs(_ name: String, _ column: StaticString, since: Microversion = "3.0") -> Field {
            Field(name: name, column: column, kind: .pairs, since: since)
        }
    }

    /// No list is longer, whatever is asked for.
    static let greatestPage = 1_000

    var parameters: [Parameter] {
        let common = [
            "limit", "marker", "offset", "sort", "sort_key", "sort_dir", "all_tenants", "project_id", "with_count",
        ]
        return (common + filters.map(\.name)).map { Parameter($0) }
    }
}

/// What a request asks of a list.
struct ListQuery: Sendable {
    let listing: Listing
    let condition: SQL
    let order: SQL
    let limit: Int
    let isLimited: Bool
    let offset: Int
    let marker: String?
    let wantsCount: Bool

    init(_ listing: Listing, _ call: Call<BlockStorage>, also more: [SQL] = []) throws(Failure) {
        self.listing = listing
        let query = call.query
        var conditions = more
        if listing.isByProject { conditions.append(try ListQuery.reach(listing, call)) }
        conditions += try ListQuery.conditions(listing, call)
        condition = SQL.all(conditions)
        order = try ListQuery.order(listing, query)
        isLimited = query.has("limit")
        limit = try ListQuery.number(query, "limit").map { min($0, Listing.greatestPage) } ?? Listing.greatestPage
        offset = try ListQuery.number(query, "offset") ?? 0
        marker = query["marker"]
        wantsCount = call.version >= "3.45" ? try query.boolean("with_count") ?? false : false
    }

    private static func number(_ query: Parameters, _ name: String) throws(Failure) -> Int? {
        guard let text = query[name] else { return nil }
        guard let number = Int(text) else { throw .invalid("\(name) param must be an integer") }
        guard number >= 0 else { throw .invalid("\(name) param must be positive") }
        guard number <= Int(Int32.max) else { throw .invalid("\(name) param must be at most \(Int32.max)") }
        return number
    }

    /// One's own project; all of them, or one that is named, for administrators who ask for all.
    private static func reach(_ listing: Listing, _ call: Call<BlockStorage>) throws(Failure) -> SQL {
        let project: SQL = "\(SQL.raw(listing.table)).project_id"
        let asksForAll = try call.query.boolean("all_tenants") ?? false
        guard asksForAll, call.caller.isAdmin else { return "\(project) = \(call.project)" }
        guard let named = call.query["project_id"] else { return "1 = 1" }
        return "\(project) = \(named)"
    }

    private static func conditions(_ listing: Listing, _ call: Call<BlockStorage>) throws(Failure) -> [SQL] {
        var conditions: [SQL] = []
        let known = [
            "limit", "marker", "offset", "sort", "sort_key", "sort_dir", "all_tenants", "project_id", "with_count",
        ]
        for item in call.query.items where !known.contains(item.name) {
            let isLike = item.name.hasSuffix("~") && call.version >= "3.34"
            let name = isLike ? String(item.name.dropLast()) : item.name
            guard let field = listing.filters.first(where: { $0.name == name && $0.since <= call.version }) else {
                // Since filters are configured, what isn't among them is an error; administrators may try anything.
                guard call.version < "3.31" || call.caller.isAdmin else {
                    throw .invalid("Invalid filters \(item.name) are found in query options.")
                }
                continue
            }
            conditions.append(try field.condition(item.value ?? "", isLike: isLike, listing.table))
        }
        return conditions
    }

    /// `sort=name:asc,size` or `sort_key=name&sort_dir=asc`; the newest first without either.
    private static func order(_ listing: Listing, _ query: Parameters) throws(Failure) -> SQL {
        var keys: [(key: String, direction: String)] = []
        if let sort = query["sort"] {
            guard !query.has("sort_key"), !query.has("sort_dir") else {
                throw .invalid("The 'sort_key' and 'sort_dir' parameters cannot be used with the 'sort' parameter.")
            }
            for part in sort.split(separator: ",") {
                let words = part.split(separator: ":", maxSplits: 1).map { String($0).trimmed }
                keys.append((key: words.first ?? "", direction: words.count > 1 ? words[1] : "desc"))
            }
        } else {
            keys = [(key: query["sort_key"] ?? "created_at", direction: query["sort_dir"] ?? "desc")]
        }
        var parts: [SQL] = []
        var last = "desc"
        for (key, direction) in keys {
            guard let column = listing.sorts[key] else { throw .invalid("Sort key '\(key)' is invalid.") }
            guard direction == "asc" || direction == "desc" else {
                throw .invalid("Unknown sort direction, must be 'desc' or 'asc'.")
            }
            last = direction
            parts.append(direction == "asc" ? "\(SQL.raw(column)) ASC" : "\(SQL.raw(column)) DESC")
        }
        let position: SQL = "\(SQL.raw(listing.table)).position"
        parts.append(last == "asc" ? "\(position) ASC" : "\(position) DESC")
        return SQL.joined(parts, by: ", ")
    }
}

extension Listing.Field {
    fileprivate func condition(_ value: String, isLike: Bool, _ table: StaticString) throws(Failure) -> SQL {
        let column: SQL = "\(SQL.raw(table)).\(SQL.raw(self.column))"
        if isLike, kind == .text { return "\(column) \(.like(.containing(value)))" }
        switch kind {
        case .text: return value == "None" ? "\(column) IS NULL" : "\(column) = \(value)"
        case .flag:
            guard let flag = Bool(loose: value) else { throw .invalid("\(name)={'\(value)'} is not true or false") }
            return "\(column) = \(flag)"
        case .number:
            guard let number = Int(value) else { throw .invalid("\(name) must be an integer") }
            return "\(column) = \(number)"
        case .time: return try times(value, column)
        case .ignored: return "1 = 1"
        case .pairs:
            let conditions = try Pairs.read(value).map { pair in
                "\(column) \(.like(.containing(Pairs.text(pair.name, pair.value))))" as SQL
            }
            return SQL.all(conditions)
        }
    }

    /// `gt:2026-11-21T00:00:00,lt:…`
    private func times(_ value: String, _ column: SQL) throws(Failure) -> SQL {
        let operators: [String: SQL] = ["gt": ">", "gte": ">=", "eq": "=", "neq": "<>", "lt": "<", "lte": "<="]
        var conditions: [SQL] = []
        for part in value.split(separator: ",") {
            let words = part.split(separator: ":", maxSplits: 1)
            guard words.count == 2 else { throw .invalid("Invalid \(name) value") }
            guard let sign = operators[String(words[0])] else { throw .invalid("Invalid \(words[0]) operator") }
            guard let moment = Moment(iso8601: String(words[1])) else { throw .invalid("Invalid \(words[1]) value") }
            conditions.append("\(column) \(sign) \(moment)")
        }
        return SQL.all(conditions)
    }
}

/// A piece of a list.
struct Page<Thing: Sendable>: Sendable {
    let things: [Thing]
    let count: Int?
    let isCut: Bool
}

extension Transaction {
    func page<Thing: Record>(_ query: ListQuery) throws(Failure) -> Page<Thing> {
        let (listing, table) = (query.listing, SQL.raw(query.listing.table))
        let count = query.wantsCount ? try count("SELECT COUNT(*) FROM \(table) WHERE \(query.condition)") : nil
        guard query.limit > 0 else { return Page(things: [], count: count, isCut: false) }
        guard let marker = query.marker else {
            let things: [Thing] = try rows(
                """
                \(listing.select) WHERE \(query.condition) ORDER BY \(query.order)
                LIMIT \(query.limit) OFFSET \(query.offset)
                """)
            return Page(things: things, count: count, isCut: things.count == query.limit)
        }
        let ids = try rows("SELECT \(table).id AS id FROM \(table) WHERE \(query.condition) ORDER BY \(query.order)") {
            row throws(Failure) in try row.text("id")
        }
        guard let place = ids.firstIndex(of: marker) else { throw .noSuch(listing.noun, marker) }
        let wanted = Array(ids.dropFirst(place + 1 + query.offset).prefix(query.limit))
        let things: [Thing] = try rows(
            "\(listing.select) WHERE \(table).id IN \(SQL.list(wanted)) ORDER BY \(query.order)")
        return Page(things: things, count: count, isCut: things.count == query.limit)
    }
}

extension Call<BlockStorage> {
    /// The link to what comes behind a full page, and the count where it was asked for.
    func writeEnd<Thing>(
        of page: Page<Thing>, _ listing: Listing, at path: String, last: String?, to json: inout JSONWriter
    ) {
        if page.isCut, let last {
            var items = query.items.filter { $0.name != "marker" && $0.name != "offset" }
            items.append(.init("marker", last))
            json.array(listing.name + "_links") { json in
                json.object {
                    $0.put("rel", "next")
                    $0.put("href", home + path + "?" + Parameters(items).text)
                }
            }
        }
        if let count = page.count { json.put("count", count) }
    }
}
