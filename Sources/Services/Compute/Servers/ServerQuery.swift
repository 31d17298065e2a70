import API
import Base
import HTTP
import Policy
import SQL

/// Which servers a list is to have, in which order.
struct ServerQuery: Sendable {
    var condition: SQL
    let sort: SQL
    let limit: Int
    let marker: String?
    let name: Pattern?
    let address: Pattern?

    /// Text to be found in a value: as it stands, or as a regular expression, which databases don't agree about.
    struct Pattern: Sendable {
        private let text: String

        init?(_ text: String?, _ parameter: String) throws(Failure) {
            guard let text, !text.isEmpty else { return nil }
            guard Pattern.isCheap(text), (try? Regex(text)) != nil else {
                throw .field(parameter, "is no regular expression that can be used here")
            }
            self.text = text
        }

        /// What repeats what repeats takes for ever on the wrong name; three repetitions of a name's length don't.
        private static func isCheap(_ text: String) -> Bool {
            let repeats = text.filter { "*+{".contains($0) }.count
            let repeatsGroups = [")*", ")+", "){"].contains { text.contains($0) }
            return text.utf8.count <= 255 && repeats <= 3 && !repeatsGroups
        }

        /// A point is mostly one, in names and in addresses.
        var plain: String? { text.contains { "^$*+?()[]{}|\\".contains($0) } ? nil : text }

        func matches(_ values: [String]) -> Bool {
            guard let regex = try? Regex(text) else { return false }
            return values.contains { $0.contains(regex) }
        }
    }

    /// What the database cannot narrow down.
    var needsReading: Bool { name.map { $0.plain == nil } ?? false || address.map { $0.plain == nil } ?? false }

    func matches(name value: String, addresses: [String]) -> Bool {
        (name?.matches([value]) ?? true) && (address?.matches(addresses) ?? true)
    }

    static let parameters: [Parameter] = [
        "name", "status", "image", "flavor", "host", "all_tenants", "changes-since", "changes-before", "marker",
        "limit",
        "sort_key", "sort_dir", "ip", "ip6", "tenant_id", "project_id", "user_id", "uuid", "tags", "tags-any",
        "not-tags",
        "not-tags-any", "deleted", "reservation_id", "availability_zone", "key_name", "vm_state", "task_state",
        "power_state", "config_drive", "description", "display_name", "hostname", "launched_at", "locked",
        "launch_index", "image_ref", "kernel_id", "ramdisk_id", "node", "terminated_at", "display_description",
        "locked_by", "root_device_name", "access_ip_v4", "access_ip_v6", "auto_disk_config", "progress", "soft_deleted",
        "created_at",
    ].map { Parameter($0) }

    private static let sortColumns: [String: StaticString] = [
        "created_at": "created_at", "updated_at": "updated_at", "display_name": "name", "uuid": "id", "host": "host",
        "vm_state": "state", "task_state": "task", "power_state": "power", "user_id": "user_id",
        "project_id": "project_id", "instance_type_id": "vcpus", "image_ref": "image_id", "hostname": "hostname",
        "launched_at": "launched_at", "terminated_at": "terminated_at", "locked": "locked", "key_name": "key_name",
        "availability_zone": "zone", "config_drive": "config_drive", "display_description": "description",
        "access_ip_v4": "access_v4", "access_ip_v6": "access_v6", "launch_index": "launch_index", "node": "host",
    ]

    init(_ call: Call<Compute>) throws(Failure) {
        var conditions: [SQL] = [try ServerQuery.reach(call), try ServerQuery.liveness(call)]
        let query = call.query
        let texts: [(String, SQL)] = [
            ("uuid", "id"), ("reservation_id", "reservation"), ("image", "image_id"), ("key_name", "key_name"),
            ("availability_zone", "zone"), ("vm_state", "state"), ("task_state", "task"),
        ]
        for (name, column) in texts { if let value = query[name] { conditions.append("\(column) = \(value)") } }
        if let host = query["host"], call.caller.isAdmin { conditions.append("host = \(host)") }
        if let user = query["user_id"], call.caller.isAdmin { conditions.append("user_id = \(user)") }
        name = try Pattern(query["name"] ?? query["display_name"], "name")
        if let flavor = query["flavor"] { conditions.append("flavor \(.like(.containing("\"id\":\"\(flavor)\"")))") }
        address = try Pattern(query["ip"] ?? query["ip6"], "ip")
        if let text = name?.plain { conditions.append("name \(.like(.containing(text)))") }
        if let text = address?.plain { conditions.append("interfaces \(.like(.containing(text)))") }
        let statuses = query.all("status").map(ServerQuery.status)
        if !statuses.isEmpty { conditions.append("(\(SQL.joined(statuses, by: " OR ")))") }
        // No server is what was asked for.
        if try query.integer("limit") == 0 { conditions.append("1 = 0") }
        conditions += try ServerQuery.times(query)
        conditions += ServerQuery.tags(query)
        condition = SQL.all(conditions)
        limit = try call.limit()
        marker = query["marker"]
        sort = try ServerQuery.sort(query)
    }

    /// A word that nobody knows finds nothing.
    private static func status(_ word: String) -> SQL {
        guard let states = Server.states(of: word) else { return "1 = 0" }
        let isIn: SQL = "state IN \(SQL.list(states.map(\.rawValue)))"
        let tasks = Server.tasks(of: word)
        return tasks.isEmpty ? isIn : "(\(isIn) AND task IN \(SQL.list(tasks.map(\.rawValue))))"
    }

    /// One's own project, or all of them for who may and asks.
    private static func reach(_ call: Call<Compute>) throws(Failure) -> SQL {
        let asksForAll = try call.query.boolean("all_tenants") ?? false
        if asksForAll {
            guard call.caller.isAdmin else {
                throw .forbidden("Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.")
            }
            guard let project = call.query["project_id"] ?? call.query["tenant_id"] else { return "1 = 1" }
            return "project_id = \(project)"
        }
        return "project_id = \(call.caller.projectID ?? "")"
    }

    private static func liveness(_ call: Call<Compute>) throws(Failure) -> SQL {
        let asksForDeleted = try call.query.boolean("deleted") ?? false
        let wantsDeleted = asksForDeleted && call.caller.isAdmin || call.query["status"]?.uppercased() == "DELETED"
        if call.query.has("changes-since") || call.query.has("changes-before") { return "1 = 1" }
        return wantsDeleted ? "state = 'deleted'" : "state <> 'deleted'"
    }

    static func times(_ query: Parameters, column: SQL = "updated_at") throws(Failure) -> [SQL] {
        var conditions: [SQL] = []
        if let text = query["changes-since"] {
            guard let moment = Moment(iso8601: text) else {
                throw .field("changes-since", "must be a time, not '\(text)'")
            }
            conditions.append("\(column) >= \(moment)")
        }
        if let text = query["changes-before"] {
            guard let moment = Moment(iso8601: text) else {
                throw .field("changes-before", "must be a time, not '\(text)'")
            }
            conditions.append("\(column) <= \(moment)")
        }
        return conditions
    }

    private static func tags(_ query: Parameters) -> [SQL] {
        let has = { (tag: Substring) -> SQL in "tags \(.like(.containing("\"\(tag)\"")))" }
        let conditions = { (name: String) in query[name]?.split(separator: ",").map(has) ?? [] }
        var all = conditions("tags")
        let any = conditions("tags-any")
        if !any.isEmpty { all.append("(\(SQL.joined(any, by: " OR ")))") }
        let none = conditions("not-tags")
        if !none.isEmpty { all.append("NOT \(SQL.all(none))") }
        let noneOf = conditions("not-tags-any")
        if !noneOf.isEmpty { all.append("NOT (\(SQL.joined(noneOf, by: " OR ")))") }
        return all
    }

    private static func sort(_ query: Parameters) throws(Failure) -> SQL {
        var parts: [SQL] = []
        let directions = query.all("sort_dir")
        for (index, key) in query.all("sort_key").enumerated() {
            guard let column = sortColumns[key] else { throw .field("sort_key", "cannot be \(key)") }
            let isDescending = index >= directions.count || directions[index] == "desc"
            parts.append(isDescending ? "\(SQL.raw(column)) DESC" : "\(SQL.raw(column)) ASC")
        }
        parts.append(directions.first == "asc" ? "position ASC" : "position DESC")
        return SQL.joined(parts, by: ", ")
    }
}

/// As much of a server's row as somebody needs.
protocol ServerPart: Record {
    static var columns: SQL { get }
    var id: ID<Server> { get }
}

extension Stamp<Server>: ServerPart {
    static var columns: SQL { "id, revision" }
}

/// What a server is called.
struct ServerName: ServerPart {
    static let columns: SQL = "id, name"

    let id: ID<Server>
    let name: String

    init(_ row: borrowing Row) throws(Failure) {
        id = try row.id("id")
        name = try row.text("name")
    }
}

extension Transaction {
    func servers<Part: ServerPart>(_ query: ServerQuery) throws(Failure) -> Page<Part> {
        var query = query
        if query.needsReading {
            let found = try rows("SELECT id, name, interfaces FROM compute_server WHERE \(query.condition)") {
                row throws(Failure) -> String? in
                let addresses = try row.list("interfaces", of: Interface.init).flatMap { $0.addresses.map(\.address) }
                return query.matches(name: try row.text("name"), addresses: addresses) ? try row.text("id") : nil
            }
            let ids = found.compactMap { $0 }
            guard !ids.isEmpty else { return Page(things: [], next: nil) }
            query.condition = "id IN \(SQL.list(ids))"
        }
        let limit: SQL = query.marker == nil ? "LIMIT \(query.limit + 1)" : ""
        var parts: [Part] = try rows(
            "SELECT \(Part.columns) FROM compute_server WHERE \(query.condition) ORDER BY \(query.sort) \(limit)")
        if let marker = query.marker {
            guard let place = parts.firstIndex(where: { $0.id.text == marker }) else {
                throw .invalid("marker [\(marker)] not found")
            }
            parts.removeSubrange(...place)
        }
        let things = Array(parts.prefix(query.limit))
        return Page(things: things, next: parts.count > query.limit ? things.last?.id.text : nil)
    }
}
