import Base

/// A thing of the API as its attributes: names and values, whether they came from a body, a row, or were worked out.
typealias Document = JSON.Object

extension JSON.Object {
    var id: String { text("id") ?? "" }
    var project: String { text("tenant_id") ?? "" }

    /// A list of texts; empty when it isn't one.
    func texts(_ name: String) -> [String] { self[name]?.array?.compactMap(\.string) ?? [] }

    func objects(_ name: String) -> [JSON.Object] { self[name]?.array?.compactMap(\.object) ?? [] }

    func flag(_ name: String) -> Bool { boolean(name) ?? false }

    /// Whether something was said other than null.
    func says(_ name: String) -> Bool { self[name].map { !$0.isNull } ?? false }

    mutating func fill(_ name: String, _ value: JSON) { if !has(name) { self[name] = value } }

    func merging(_ changes: JSON.Object) -> JSON.Object {
        var merged = self
        for member in changes.members { merged[member.name] = member.value }
        return merged
    }

    /// An attribute in the words of rules. `device_owner=~^network:` asks whether it starts so.
    func attribute(_ name: String) -> String? {
        if let pattern = name.firstRange(of: "=~^") {
            let value = text(String(name[..<pattern.lowerBound])) ?? ""
            return value.hasPrefix(name[pattern.upperBound...]) ? "True" : "False"
        }
        switch self[name == "project_id" ? "tenant_id" : name == "target_project" ? "target_tenant" : name] {
        case .string(let text): return text
        case .bool(let flag): return flag ? "True" : "False"
        case .integer(let number): return String(number)
        default: return nil
        }
    }
}

extension JSON {
    static func strings(_ texts: some Sequence<String>) -> JSON { .array(texts.map { .string($0) }) }
    static func optional(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }
    static func number(_ value: Int) -> JSON { .integer(Int64(value)) }
}
