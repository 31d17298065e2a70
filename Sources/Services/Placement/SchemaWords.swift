import API
import Base

/// Placement's clients have always been told of wrong bodies in the words of JSON Schema, and some look for them.
extension Complaint {
    var schemaWords: String {
        if case .unreadable(let why) = reason { return "Malformed JSON: \(why)" }
        return "JSON does not validate: \(schemaFinding)"
    }

    /// What is wrong, which keyword of a schema says so, and where.
    var schemaFinding: String {
        let (words, keyword) = finding
        let place = holder.map(\.inSchema).joined()
        let instance = holder.map(\.inInstance).joined()
        return "\(words)\n\nFailed validating '\(keyword)' in schema\(place)\n\nOn instance\(instance):\n    \(shown)"
    }

    private var finding: (words: String, keyword: String) {
        switch reason {
        case .unreadable(let why): (why, "type")
        case .type(let type): ("\(shown) is not of type '\(type.split(separator: " ").last ?? "")'", "type")
        case .choice(let choices):
            ("\(shown) is not one of [\(choices.map { "'\($0)'" }.joined(separator: ", "))]", "enum")
        case .minimum(let least): ("\(shown) is less than the minimum of \(least)", "minimum")
        case .maximum(let most): ("\(shown) is greater than the maximum of \(most)", "maximum")
        case .shortest: ("\(shown) is too short", "minLength")
        case .longest: ("\(shown) is too long", "maxLength")
        case .nulCharacter: ("\(shown) holds a NUL character", "pattern")
        case .format(let format):
            format.pattern.map { ("\(shown) does not match '\($0)'", "pattern") } ?? (
                "\(shown) is not a 'uuid'", "format"
            )
        case .above(let most): ("\(shown) is greater than the maximum of \(most)", "maximum")
        case .fewest(1):
            ("\(shown) should be non-empty", value.array == nil ? "minProperties" : "minItems")
        case .fewest: ("\(shown) is too short", value.array == nil ? "minProperties" : "minItems")
        case .most: ("\(shown) is too long", value.array == nil ? "maxProperties" : "maxItems")
        case .twice: ("\(shown) has non-unique elements", "uniqueItems")
        case .required(let name): ("'\(name)' is a required property", "required")
        case .unknown(let names): (Complaint.unexpected(names), "additionalProperties")
        case .name(let name, let format):
            ("'\(name)' does not match any of the regexes: '\(format.pattern ?? "")'", "additionalProperties")
        }
    }

    private static func unexpected(_ names: [String]) -> String {
        let list = names.map { "'\($0)'" }.joined(separator: ", ")
        return "Additional properties are not allowed (\(list) \(names.count == 1 ? "was" : "were") unexpected)"
    }

    /// JSON Schema speaks of a member that is missing or unknown as its object's fault.
    private var holder: [Step] {
        switch reason {
        case .required, .unknown: path.dropLast()
        default: path
        }
    }

    private var shown: String { value.string.map { "'\($0)'" } ?? value.text }
}

extension Complaint.Step {
    fileprivate var inSchema: String {
        switch self {
        case .member(let name): "['properties']['\(name)']"
        case .element: "['items']"
        }
    }

    fileprivate var inInstance: String {
        switch self {
        case .member(let name): "['\(name)']"
        case .element(let index): "[\(index)]"
        }
    }
}

extension Shape.Format {
    fileprivate var pattern: String? {
        switch self {
        case .constant: "^[A-Z0-9_]+$"
        case .customConstant: "^CUSTOM_[A-Z0-9_]+$"
        case .count: "^[1-9][0-9]*$"
        case .uuid: "^[0-9a-fA-F-]{36}$"
        case .suffix: "[a-zA-Z0-9_-]{1,64}"
        default: nil
        }
    }
}
