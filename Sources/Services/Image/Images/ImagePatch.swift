import Base
import HTTP

/// A change that a client asks for: one operation of a JSON patch.
struct ImageChange: Sendable {
    enum Operation: String, CaseIterable { case add, remove, replace }

    /// The two kinds of documents differ in how an operation is written, and in whether adding replaces.
    enum Draft: String, CaseIterable {
        /// `{"replace": "/name", "value": "x"}`; what is there already cannot be added.
        case old = "application/openstack-images-v2.0-json-patch"
        /// `{"op": "replace", "path": "/name", "value": "x"}`
        case current = "application/openstack-images-v2.1-json-patch"

        init(contentType: String?) throws(Failure) {
            let name = (contentType ?? "").prefix { $0 != ";" }.trimmed.lowercased()
            guard let draft = Draft(rawValue: name) else {
                let allowed = Draft.allCases.map(\.rawValue).joined(separator: ", ")
                throw Failure(.unsupportedMediaType, "Image PATCH expects Content-Type one of: \(allowed)")
            }
            self = draft
        }
    }

    let operation: Operation
    let field: String
    /// Null where something is removed.
    let value: JSON
    let draft: Draft
}

extension ImageChange {
    static func read(_ body: JSON, _ draft: Draft, _ settings: ImageSettings) throws(Failure) -> [ImageChange] {
        guard let documents = body.array else {
            throw .invalid("Request body must be a JSON array of operation objects.")
        }
        var changes: [ImageChange] = []
        for document in documents {
            guard let object = document.object else { throw .invalid("Operations must be JSON objects.") }
            changes.append(try ImageChange(object, draft, settings))
        }
        return changes
    }

    private init(_ object: JSON.Object, _ draft: Draft, _ settings: ImageSettings) throws(Failure) {
        let (operation, pointer) = try ImageChange.operation(object, draft)
        let path = try ImageChange.path(pointer)
        let depth = path[0] == "locations" && operation != .replace ? 2 : 1
        guard path.count == depth else {
            throw .invalid("Invalid JSON pointer for this resource: '/\(path.joined(separator: "/"))'")
        }
        if operation != .remove, !object.has("value") {
            throw .invalid("Operation \"\(operation.rawValue)\" requires a member named \"value\".")
        }
        let value = object["value"] ?? .null
        try ImageFields.requireWritable(path[0])
        if operation != .remove, path[0] != "locations" { try ImageFields.check(path[0], value, settings) }
        self.init(operation: operation, field: path[0], value: value, draft: draft)
    }

    private static func operation(
        _ object: JSON.Object, _ draft: Draft
    ) throws(Failure) -> (Operation, String) {
        let available = Operation.allCases.map(\.rawValue).joined(separator: ", ")
        switch draft {
        case .old:
            let named = Operation.allCases.filter { object.has($0.rawValue) }
            guard named.count == 1 else {
                throw .invalid(
                    "Operation objects must contain exactly one member named \"add\", \"remove\", or \"replace\".")
            }
            return (named[0], object.text(named[0].rawValue) ?? "")
        case .current:
            guard let name = object.text("op") else {
                throw .invalid("Unable to find `op` in JSON Schema change. It must be one of: \(available).")
            }
            guard let operation = Operation(rawValue: name) else {
                throw .invalid("Invalid operation: `\(name)`. It must be one of the following: \(available).")
            }
            guard let path = object.text("path") else {
                throw .invalid("Unable to find 'path' in JSON Schema change")
            }
            return (operation, path)
        }
    }

    /// The parts of a JSON pointer: `/a~1b` is `a/b`.
    private static func path(_ pointer: String) throws(Failure) -> [String] {
        guard pointer.hasPrefix("/") else { throw .invalid("Pointer `\(pointer)` does not start with \"/\".") }
        var parts: [String] = []
        for part in pointer.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard !part.trimmed.isEmpty else { throw .invalid("Pointer `\(pointer)` contains adjacent \"/\".") }
            parts.append(try unescaped(part, in: pointer).trimmed)
        }
        return parts
    }

    private static func unescaped(_ part: Substring, in pointer: String) throws(Failure) -> String {
        var text = ""
        var rest = part.makeIterator()
        while let character = rest.next() {
            guard character == "~" else {
                text.append(character)
                continue
            }
            switch rest.next() {
            case "0": text.append("~")
            case "1": text.append("/")
            default:
                throw .invalid(
                    "Pointer `\(pointer)` contains \"~\" not part of a recognized escape sequence.")
            }
        }
        return text
    }
}

extension Image {
    /// Applies a change; who may make it has been found out before.
    mutating func apply(_ change: ImageChange) throws(Failure) {
        guard change.field != "locations" else {
            throw .forbidden("It's not allowed to \(change.operation.rawValue) locations if locations are invisible.")
        }
        let isCore = ImageFields.isCore(change.field)
        let isThere = isCore || properties[change.field] != nil
        switch change.operation {
        case .remove:
            guard !isCore else { throw .forbidden("Property \(change.field) may not be removed.") }
            guard isThere else { throw .conflict("Property \(change.field) does not exist.") }
            properties[change.field] = nil
        case .replace:
            guard isThere else { throw .conflict("Property \(change.field) does not exist.") }
            try put(change)
        case .add:
            guard !isThere || change.draft == .current else {
                throw .conflict("Property \(change.field) already present.")
            }
            try put(change)
        }
    }

    private mutating func put(_ change: ImageChange) throws(Failure) {
        let describesData = change.field == "disk_format" || change.field == "container_format"
        guard !describesData || status == .queued || status == .importing else {
            throw .forbidden("Attribute \(change.field) can be only replaced for a queued image.")
        }
        set(change.field, change.value)
    }
}
