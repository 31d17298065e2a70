import API
import Base
import HTTP
import SQL

/// One of the keys that a list is sorted by.
struct ImageOrder: Sendable {
    let key: Key
    let isDescending: Bool

    enum Key: String, CaseIterable {
        case name, status, size, id
        case containerFormat = "container_format"
        case diskFormat = "disk_format"
        case created = "created_at"
        case updated = "updated_at"

        /// Where nothing is said, it sorts as the least there is, on every engine.
        var column: SQL {
            switch self {
            case .name: "COALESCE(image.name, '')"
            case .status: "image.status"
            case .size: "COALESCE(image.size, -1)"
            case .id: "image.id"
            case .containerFormat: "COALESCE(image.container_format, '')"
            case .diskFormat: "COALESCE(image.disk_format, '')"
            case .created: "image.created_at"
            case .updated: "image.updated_at"
            }
        }

        func value(of image: Image) -> SQL.Value {
            switch self {
            case .name: (image.name ?? "").bound
            case .status: image.status.bound
            case .size: (image.size ?? -1).bound
            case .id: image.id.bound
            case .containerFormat: (image.containerFormat ?? "").bound
            case .diskFormat: (image.diskFormat ?? "").bound
            case .created: image.created.bound
            case .updated: image.updated.bound
            }
        }
    }

    var clause: SQL { isDescending ? "\(key.column) DESC" : "\(key.column) ASC" }

    /// `sort=name:asc,size`, or `sort_key=name&sort_dir=asc`. Creation and id come last, so that no two images are equal.
    static func read(_ query: Parameters) throws(Failure) -> [ImageOrder] {
        var order: [ImageOrder] = []
        var last = true
        if let text = query["sort"] {
            guard !query.has("sort_key"), !query.has("sort_dir") else {
                throw .invalid("Old and new sorting syntax cannot be combined")
            }
            for part in text.split(separator: ",", omittingEmptySubsequences: false) {
                let words = part.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(\.trimmed)
                order.append(
                    ImageOrder(key: try key(words[0]), isDescending: try descends(words.count > 1 ? words[1] : "desc")))
            }
        } else {
            var keys: [Key] = []
            for name in query.all("sort_key") { keys.append(try key(name.trimmed)) }
            var directions: [Bool] = []
            for name in query.all("sort_dir") { directions.append(try descends(name.trimmed)) }
            guard directions.count < 2 || directions.count == keys.count else {
                throw .invalid("Number of sort dirs does not match the number of sort keys")
            }
            if keys.isEmpty { keys = [.created] }
            last = directions.count == 1 ? directions[0] : true
            for (place, key) in keys.enumerated() {
                order.append(
                    ImageOrder(key: key, isDescending: directions.count > 1 ? directions[place] : last))
            }
        }
        for key in [Key.created, .id] where !order.contains(where: { $0.key == key }) {
            order.append(ImageOrder(key: key, isDescending: last))
        }
        return order
    }

    private static func key(_ name: String) throws(Failure) -> Key {
        guard let key = Key(rawValue: name) else {
            let available = Key.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid("Invalid sort key: \(name). It must be one of the following: \(available).")
        }
        return key
    }

    private static func descends(_ name: String) throws(Failure) -> Bool {
        guard name == "asc" || name == "desc" else { throw .invalid("Invalid sort direction: \(name)") }
        return name == "desc"
    }

    /// What comes behind an image: greater in the first key in which it differs.
    static func behind(_ image: Image, _ order: [ImageOrder]) throws(Failure) -> SQL {
        var cases: [SQL] = []
        for (place, last) in order.enumerated() {
            var parts = order[..<place].map { equal -> SQL in "\(equal.key.column) = \(equal.key.value(of: image))" }
            let value = last.key.value(of: image)
            parts.append(last.isDescending ? "\(last.key.column) < \(value)" : "\(last.key.column) > \(value)")
            cases.append(.all(parts))
        }
        return "(\(.joined(cases, by: " OR ")))"
    }
}
