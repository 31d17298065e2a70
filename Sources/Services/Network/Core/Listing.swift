import API
import Base
import HTTP
import SQL

/// What a list request asks for: which things, which of their members, in which order, from where on.
struct Listing {
    /// Parameters that say how to list, not what.
    private static let words: Set<String> = [
        "fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse", "changed_since", "verbose", "with_detail",
    ]

    struct Sorting {
        let attribute: Attribute
        let isAscending: Bool
    }

    let resource: Resource
    let query: Parameters
    let limit: Int?
    let isReverse: Bool
    let sorting: [Sorting]

    init(_ resource: Resource, _ query: Parameters) throws(Failure) {
        self.resource = resource
        self.query = query
        let text = query["limit"]
        let limit = text.flatMap { Int($0) }
        if let text, limit.map({ $0 < 0 }) ?? true {
            throw .badRequest("limit", "Limit must be an integer 0 or greater and not '\(text)'")
        }
        self.limit = limit == 0 ? nil : limit
        isReverse = query["page_reverse"].flatMap { Bool(loose: $0) } ?? false
        sorting = try Listing.sorting(resource, query)
    }

    private static func sorting(_ resource: Resource, _ query: Parameters) throws(Failure) -> [Sorting] {
        let keys = query.all("sort_key")
        let directions = query.all("sort_dir")
        guard keys.count == directions.count || directions.isEmpty else {
            throw .wrong("HTTPBadRequest", "The number of sort_keys and sort_dirs must be same")
        }
        var sorting: [Sorting] = []
        for (index, key) in keys.enumerated() {
            guard let attribute = resource.attribute(key), attribute.kept != nil, attribute.kept != .json else {
                throw .wrong("HTTPBadRequest", "['\(key)'] is invalid attribute for sort_keys")
            }
            let direction = directions.isEmpty ? "asc" : directions[index]
            guard direction == "asc" || direction == "desc" else {
                throw .wrong(
                    "HTTPBadRequest",
                    "['\(direction)'] is invalid value for sort_dirs, valid value is 'asc' and 'desc'")
            }
            sorting.append(Sorting(attribute: attribute, isAscending: direction == "asc"))
        }
        if let id = resource.attribute("id"), !keys.contains("id") {
            sorting.append(Sorting(attribute: id, isAscending: true))
        }
        return sorting
    }

    // MARK: Which

    func filters(_ viewer: Viewer) throws(Failure) -> [SQL] {
        var names: [String] = []
        for item in query.items where !Listing.words.contains(item.name) && !names.contains(item.name) {
            names.append(item.name)
        }
        guard !(names.contains("tenant_id") && names.contains("project_id")) else {
            throw .wrong("TenantIdProjectIdFilterConflict", "Both tenant_id and project_id passed as filters.")
        }
        var conditions: [SQL] = []
        var unknown: [String] = []
        for name in names {
            let values = query.all(name)
            if let condition = tagged(name, values) ?? resource.narrow(name, values, viewer) {
                conditions.append(condition)
            } else {
                unknown.append(name)
            }
        }
        guard unknown.isEmpty else {
            let list = unknown.map { "'\($0)'" }.joined(separator: ", ")
            throw .wrong("HTTPBadRequest", "[\(list)] is invalid attribute for filtering")
        }
        if let since = query["changed_since"] {
            guard let moment = Moment(iso8601: since), resource.isTimed else {
                throw .wrong("InvalidInput", "Invalid input for operation: changed_since '\(since)' is not a time.")
            }
            conditions.append("updated_at >= \(moment)")
        }
        return conditions
    }

    /// `tags`: all of them; `tags-any`: one of them; and the opposites of both.
    private func tagged(_ name: String, _ values: [String]) -> SQL? {
        guard resource.isTagged else { return nil }
        let tags = values.flatMap { $0.split(separator: ",").map(String.init) }
        let any: SQL = "id IN (SELECT object_id FROM network_tag WHERE tag IN \(.list(tags)))"
        let all = SQL.all(tags.map { "id IN (SELECT object_id FROM network_tag WHERE tag = \($0))" })
        switch name {
        case "tags": return all
        case "tags-any": return any
        case "not-tags": return "NOT (\(all))"
        case "not-tags-any": return "NOT (\(any))"
        default: return nil
        }
    }

    // MARK: Order and pages

    func order() -> SQL {
        let terms: [SQL] = sorting.map { term in
            let direction: SQL = term.isAscending != isReverse ? "ASC" : "DESC"
            return "\(SQL.raw(term.attribute.column)) \(direction)"
        }
        let limited: SQL = limit.map { " LIMIT \($0)" } ?? ""
        return terms.isEmpty ? limited : " ORDER BY \(SQL.joined(terms, by: ", "))\(limited)"
    }

    /// What stands behind the marker: later in the first key that differs.
    func after(_ marker: Document) -> SQL {
        var alternatives: [SQL] = []
        var equal: [SQL] = []
        for term in sorting {
            let column = SQL.raw(term.attribute.column)
            let value = term.attribute.bound(marker[term.attribute.name] ?? .null)
            let beyond: SQL = term.isAscending != isReverse ? "\(column) > \(value)" : "\(column) < \(value)"
            alternatives.append(SQL.all(equal + [beyond]))
            equal.append("\(column) = \(value)")
        }
        return "(\(SQL.joined(alternatives, by: " OR ")))"
    }

    /// Which things are on the page, without its order and length.
    func condition(_ desk: Desk) throws(Failure) -> SQL {
        var conditions = [desk.reach(resource)] + (try filters(desk.viewer))
        if let id = query["marker"] {
            let marker = try desk.rows(resource, where: "id = \(id)").first
            guard let marker else { throw resource.missing(id) }
            conditions.append(after(marker))
        }
        return SQL.all(conditions)
    }

    func page(_ desk: Desk) throws(Failure) -> [Document] {
        let documents = try desk.documents(resource, where: try condition(desk), then: order())
        return isReverse ? documents.reversed() : documents
    }

    /// Both ways from this page; not onward where a page that isn't full says that there is no more.
    func links(_ ids: [String], _ base: String) -> [(rel: String, href: String)] {
        guard let limit else { return [] }
        let rest = query.items.filter { $0.name != "marker" && $0.name != "page_reverse" }
        let href = { (more: [Parameters.Item]) in "\(base)?\(Parameters(rest + more).text)" }
        let mark = { (id: String?) in id.map { [Parameters.Item("marker", $0)] } ?? [] }
        let next = (rel: "next", href: href(mark(ids.last)))
        let previous = (rel: "previous", href: href(mark(ids.first) + [.init("page_reverse", "True")]))
        let isFull = ids.count == limit
        var links: [(rel: String, href: String)] = []
        if isReverse || isFull { links.append(next) }
        if !isReverse || isFull { links.append(previous) }
        return links
    }
}
