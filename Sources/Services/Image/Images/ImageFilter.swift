import Base
import SQL

/// A condition as lists write it: `name=in:a,"b,c"`, `size_min=5`, `created_at=gt:2026-01-01T00:00:00Z`, or any property.
enum ImageFilter {
    private static let operators: Set<String> = ["gt", "gte", "lt", "lte", "neq", "eq", "in"]

    static func condition(_ name: String, _ value: String) throws(Failure) -> SQL {
        if name.hasSuffix("_min") || name.hasSuffix("_max"), let column = number(String(name.dropLast(4))) {
            guard let bound = Int(value) else {
                throw .invalid("Unable to filter on a range with a non-numeric value.")
            }
            return name.hasSuffix("_min") ? "\(column) >= \(bound)" : "\(column) <= \(bound)"
        }
        if let column = number(name) { return "\(column) = \(Int(value) ?? -1)" }
        if let column = time(name) { return try compared(name, column, value) }
        if let column = listed(name) { return try among(column, value) }
        switch name {
        case "owner": return "image.owner = \(value)"
        case "checksum": return "image.checksum = \(value)"
        case "os_hash_algo": return "image.hash_algorithm = \(value)"
        case "os_hash_value": return "image.hash = \(value)"
        case "protected": return "image.is_protected = \(try boolean(name, value))"
        case "changes-since": throw .invalid("The \"changes-since\" filter is no longer available on v2.")
        default:
            return """
                EXISTS (SELECT 1 FROM image_property WHERE image_property.image_id = image.id
                    AND image_property.name = \(name) AND image_property.value = \(value))
                """
        }
    }

    static func boolean(_ name: String, _ value: String) throws(Failure) -> Bool {
        switch (name, value, value.lowercased()) {
        case (_, "true", _), ("os_hidden", _, "true"): return true
        case (_, "false", _), ("os_hidden", _, "false"): return false
        default:
            throw .invalid("Invalid value '\(value)' for '\(name)' filter. Valid values are 'true' or 'false'.")
        }
    }

    private static func number(_ name: String) -> SQL? {
        switch name {
        case "size": "image.size"
        case "virtual_size": "image.virtual_size"
        case "min_ram": "image.min_ram"
        case "min_disk": "image.min_disk"
        default: nil
        }
    }

    private static func time(_ name: String) -> SQL? {
        switch name {
        case "created_at": "image.created_at"
        case "updated_at": "image.updated_at"
        default: nil
        }
    }

    private static func listed(_ name: String) -> SQL? {
        switch name {
        case "name": "image.name"
        case "id": "image.id"
        case "status": "image.status"
        case "container_format": "image.container_format"
        case "disk_format": "image.disk_format"
        default: nil
        }
    }

    /// `gt:value` as its operator and value; without an operator that is known, it is all value.
    private static func split(_ text: String) -> (String, String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, operators.contains(String(parts[0])) else { return ("eq", text) }
        return (String(parts[0]), String(parts[1]))
    }

    private static func compared(_ name: String, _ column: SQL, _ text: String) throws(Failure) -> SQL {
        let (operation, value) = split(text)
        guard let moment = Moment(iso8601: value) else {
            throw .invalid("Bad \"\(name)\" query filter format. Use ISO 8601 DateTime notation.")
        }
        // Clients know times to the second, in which they were shown to them.
        let seconds: SQL = "(\(column) / 1000000)"
        let bound = Int(moment.seconds)
        switch operation {
        case "gt": return "\(seconds) > \(bound)"
        case "gte": return "\(seconds) >= \(bound)"
        case "lt": return "\(seconds) < \(bound)"
        case "lte": return "\(seconds) <= \(bound)"
        case "neq": return "\(seconds) <> \(bound)"
        case "eq": return "\(seconds) = \(bound)"
        default: throw .invalid("Unable to filter by unknown operator '\(operation)'.")
        }
    }

    private static func among(_ column: SQL, _ text: String) throws(Failure) -> SQL {
        let (operation, value) = split(text)
        switch operation {
        case "eq": return "\(column) = \(value)"
        case "in": return "\(column) IN \(.list(try quoted(value)))"
        default: throw .invalid("Unable to filter by unknown operator '\(operation)'.")
        }
    }

    /// Values between commas, where those with commas of their own stand in quotes: `a,"b,c"`.
    static func quoted(_ text: String) throws(Failure) -> [String] {
        var values: [String] = []
        var value = ""
        var isQuoted = false
        var wasQuoted = false
        for character in text {
            switch character {
            case "\"":
                guard isQuoted || (value.isEmpty && !wasQuoted) else { throw malformed(text) }
                isQuoted.toggle()
                wasQuoted = true
            case "," where !isQuoted:
                values.append(value)
                value = ""
                wasQuoted = false
            default:
                guard isQuoted || !wasQuoted else { throw malformed(text) }
                value.append(character)
            }
        }
        guard !isQuoted else { throw malformed(text) }
        return values + [value]
    }

    private static func malformed(_ text: String) -> Failure {
        .invalid("Invalid filter value \(text). The quote is not closed or not followed by a comma.")
    }
}
