import API
import Base
import HTTP
import Policy
import SQL

/// Which images a list asks for, in which order, and from where on.
struct ImageQuery: Sendable {
    let limit: Int
    private let marker: ID<Image>?
    private let membership: Member.Status?
    private let visibility: String?
    private let filters: [SQL]
    private let order: [ImageOrder]

    /// What is no filter by itself.
    private static let others: Set<String> = [
        "limit", "marker", "member_status", "sort", "sort_key", "sort_dir", "visibility", "os_hidden", "tag",
    ]

    static let parameters: [Parameter] = [
        "limit", "marker", "member_status", "sort", "sort_key", "sort_dir", "visibility", "os_hidden", "tag", "name",
        "id", "status", "container_format", "disk_format", "created_at", "updated_at", "size_min", "size_max", "owner",
        "protected", "checksum", "os_hash_value",
    ].map { Parameter($0) }

    init(_ query: Parameters, _ settings: ImageSettings) throws(Failure) {
        limit = min(try ImageQuery.limit(query) ?? settings.pageDefault, settings.pageLimit)
        marker = query["marker"].map { ID($0) }
        membership = try ImageQuery.membership(query["member_status"] ?? "accepted")
        visibility = query["visibility"].flatMap { $0.isEmpty ? nil : $0 }
        if let visibility, visibility != "all", Image.Visibility(rawValue: visibility) == nil {
            throw .invalid("Invalid visibility value: \(visibility)")
        }
        order = try ImageOrder.read(query)
        let isHidden = try ImageFilter.boolean("os_hidden", query["os_hidden"] ?? "false")
        var filters: [SQL] = ["image.is_hidden = \(isHidden)"]
        for tag in query.all("tag") {
            filters.append(
                """
                EXISTS (SELECT 1 FROM image_tag WHERE image_tag.image_id = image.id
                    AND image_tag.value = \(tag.trimmed))
                """)
        }
        for item in query.items where !ImageQuery.others.contains(item.name) {
            filters.append(try ImageFilter.condition(item.name, item.value ?? ""))
        }
        self.filters = filters
    }

    private static func limit(_ query: Parameters) throws(Failure) -> Int? {
        guard let text = query["limit"] else { return nil }
        guard let limit = Int(text) else { throw .invalid("limit param must be an integer") }
        guard limit >= 0 else { throw .invalid("limit param must be positive") }
        return limit
    }

    private static func membership(_ text: String) throws(Failure) -> Member.Status? {
        guard text != "all" else { return nil }
        guard let status = Member.Status(rawValue: text) else { throw .invalid("Invalid status: \(text)") }
        return status
    }

    /// What others offer to everybody is listed only for those who ask for it.
    private func visible(to sight: Sight) -> SQL {
        switch visibility {
        case "all": "1 = 1"
        case let visibility?: "image.visibility = \(visibility)"
        case nil: "(image.visibility <> 'community' OR image.owner = \(sight.project ?? ""))"
        }
    }

    fileprivate func images(_ tx: Transaction, _ sight: Sight, _ seeing: Scope) throws(Failure) -> [Image] {
        guard limit > 0 else { return [] }
        let columns: [String: StaticString] = [
            "project_id": "image.owner", "tenant_id": "image.owner", "owner": "image.owner",
            "member_id": "image_member.member", "visibility": "image.visibility",
        ]
        var conditions = filters
        conditions += [sight.condition(membership: membership), seeing.condition(columns), visible(to: sight)]
        if let marker { conditions.append(try ImageOrder.behind(try tx.image(marker, in: sight), order)) }
        let rest: SQL = "ORDER BY \(.joined(order.map(\.clause), by: ", ")) LIMIT \(limit)"
        return try tx.images(sight, conditions, then: rest)
    }

    /// The link to the same list, from its beginning or behind an image.
    static func link(_ query: Parameters, from marker: ID<Image>?) -> String {
        var items = query.items.filter { $0.name != "marker" }
        if let marker { items.append(HTTPQuery.Item("marker", marker.text)) }
        return items.isEmpty ? "/v2/images" : "/v2/images?" + HTTPQuery(items).text
    }
}

extension Transaction {
    func images(_ query: ImageQuery, _ sight: Sight, _ seeing: Scope) throws(Failure) -> [Image] {
        do throws(Failure) { return try query.images(self, sight, seeing) } catch  where error.kind == .notFound {
            throw .invalid(error.message)
        }
    }
}
