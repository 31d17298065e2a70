/// The members of an object as what they should be. What isn't there, or is something else, is nil: the shape of a body is
/// checked before anybody reads it.
extension JSON.Object {
    package func text(_ name: String) -> String? { self[name]?.string }

    package func boolean(_ name: String) -> Bool? { self[name]?.looseBool }

    package func integer(_ name: String) -> Int? { self[name]?.looseInteger.flatMap { Int(exactly: $0) } }

    package func id<Thing>(_ name: String) -> ID<Thing>? { text(name).map { ID($0) } }

    package func has(_ name: String) -> Bool { self[name] != nil }

    /// A text that the endpoint's shape requires.
    package func required(_ name: String) throws(Failure) -> String {
        guard let value = text(name) else { throw .field(name, "is required") }
        return value
    }
}

extension JSON {
    package var looseBool: Bool? {
        switch self {
        case .bool(let value): value
        case .integer(1): true
        case .integer(0): false
        case .string(let text): Bool(loose: text)
        default: nil
        }
    }

    package var looseNumber: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .string(let text): Double(text)
        default: nil
        }
    }

    package var looseInteger: Int64? {
        switch self {
        case .integer(let value): value
        case .string(let text): Int64(text)
        default: nil
        }
    }
}

extension Bool {
    /// The words that OpenStack's services take for true and false.
    package init?(loose text: some StringProtocol) {
        switch text.lowercased() {
        case "true", "t", "yes", "y", "on", "1": self = true
        case "false", "f", "no", "n", "off", "0": self = false
        default: return nil
        }
    }
}

extension Failure {
    /// "server.networks[0].uuid: must be a UUID"
    package static func field(_ path: String, _ complaint: String) -> Failure {
        .invalid(path.isEmpty ? "The body \(complaint)." : "\(path): \(complaint)")
    }
}
