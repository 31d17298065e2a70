package import Base
import Policy

/// A service's endpoints as OpenAPI 3.1, from the same lists that requests are checked by.
package struct OpenAPI: Sendable {
    private let service: ServiceAPI
    private let version: Microversion

    /// As of the newest version of the service.
    package init(_ service: ServiceAPI) {
        self.service = service
        version = service.versions.newest
    }

    /// One path with what can be done there. Two paths that differ in the names of their parts only are one.
    private struct Place {
        let path: String
        let names: [String]
        var operations: [ServiceAPI.Entry]
    }

    package func write(to json: inout JSONWriter) {
        json.put("openapi", "3.1.0")
        json.object("info") {
            $0.put("title", service.name)
            $0.put("version", version.description)
        }
        json.array("servers") { json in json.object { $0.put("url", "/" + service.name) } }
        json.object("components") {
            $0.object("securitySchemes") {
                $0.object("token") {
                    $0.put("type", "apiKey")
                    $0.put("in", "header")
                    $0.put("name", "X-Auth-Token")
                }
            }
        }
        json.array("security") { json in json.object { $0.put("token", [String]()) } }
        json.object("paths") { json in
            for place in places {
                json.object(place.path) { json in
                    for entry in place.operations {
                        json.object(entry.method.lowercased()) { write(entry, place, to: &$0) }
                    }
                }
            }
        }
    }

    private var places: [Place] {
        var places: [Place] = []
        var known: [String: Int] = [:]
        for entry in service.endpoints where entry.exists(at: version) {
            let names = entry.path.names
            let form = entry.path.segments.map { $0.first == "{" ? "{}" : $0 }.joined(separator: "/")
            guard let index = known[form] else {
                known[form] = places.count
                places.append(Place(path: entry.path, names: names, operations: [entry]))
                continue
            }
            guard !places[index].operations.contains(where: { $0.method == entry.method }) else { continue }
            places[index].operations.append(entry)
        }
        return places
    }

    private func write(_ entry: ServiceAPI.Entry, _ place: Place, to json: inout JSONWriter) {
        // A hyphen stays: `security-groups` and `security_groups` are two places.
        let name = place.path.map { $0.isLetter || $0.isNumber || $0 == "-" ? $0 : "_" }
        json.put("operationId", entry.method.lowercased() + name)
        json.put("summary", entry.summary)
        if case .open = entry.access { json.put("security", JSON.array([])) }
        let rules = entry.access.rules.map(\.name)
        if !rules.isEmpty { json.put("x-policy", rules) }
        if let since = entry.since { json.put("x-since", since.description) }
        writeParameters(of: entry, place, to: &json)
        switch entry.body {
        case .none: break
        case .json(let shape, _):
            json.object("requestBody") {
                $0.put("required", true)
                $0.object("content") {
                    $0.object("application/json") { json in
                        json.object("schema") { shape.writeSchema(version, to: &$0) }
                    }
                }
            }
        case .stream:
            json.object("requestBody") {
                $0.object("content") { $0.object("application/octet-stream") { _ in } }
            }
        }
        json.object("responses") { json in
            json.object("default") { $0.put("description", "What came of it") }
        }
    }

    private func writeParameters(of entry: ServiceAPI.Entry, _ place: Place, to json: inout JSONWriter) {
        var seen: Set<String> = []
        let query = entry.query.filter { parameter in
            (parameter.since.map { $0 <= version } ?? true) && seen.insert(parameter.name).inserted
        }
        guard !place.names.isEmpty || !query.isEmpty || service.versions.headerName != nil else { return }
        json.array("parameters") { json in
            for name in place.names {
                json.object {
                    $0.put("name", name)
                    $0.put("in", "path")
                    $0.put("required", true)
                    $0.object("schema") { json in
                        json.put("type", "string")
                        json.put("minLength", 1)
                    }
                }
            }
            for parameter in query {
                json.object {
                    $0.put("name", parameter.name)
                    $0.put("in", "query")
                    $0.object("schema") { parameter.shape.writeSchema(version, to: &$0) }
                }
            }
            if let name = service.versions.headerName {
                json.object { json in
                    json.put("name", "OpenStack-API-Version")
                    json.put("in", "header")
                    json.object("schema") {
                        $0.put("type", "string")
                        $0.put("enum", ["\(name) \(version)"])
                    }
                }
            }
        }
    }
}

extension String {
    fileprivate var segments: [String] { split(separator: "/").map(String.init) }

    /// `["user_id"]` of `/users/{user_id}`.
    fileprivate var names: [String] { segments.filter { $0.first == "{" }.map { String($0.dropFirst().dropLast()) } }
}

extension Shape {
    /// The members of a JSON Schema that admits what this shape admits, as nearly as a schema can say it.
    func writeSchema(_ version: Microversion, to json: inout JSONWriter) {
        switch self {
        case .any: break
        case .text(let length, let format):
            json.put("type", "string")
            if length.lowerBound > 0 { json.put("minLength", length.lowerBound) }
            json.put("maxLength", length.upperBound)
            format?.writeSchema(to: &json)
        case .choice(let choices): json.put("enum", choices)
        case .boolean: json.put("type", "boolean")
        case .looseBoolean: json.put("enum", [true, false, "true", "false", "True", "False", "1", "0"] as JSON)
        case .integer(let range):
            json.put("type", "integer")
            json.put("minimum", range.lowerBound)
            json.put("maximum", range.upperBound)
        case .looseInteger(let range):
            json.put("type", ["integer", "string"])
            json.put("minimum", range.lowerBound)
            json.put("maximum", range.upperBound)
            json.put("pattern", "^-?[0-9]+$")
        case .number: json.put("type", "number")
        case .limitedNumber(let most):
            json.put("type", "number")
            json.put("maximum", most)
        case .nullable(let shape):
            json.array("anyOf") { json in
                json.object { shape.writeSchema(version, to: &$0) }
                json.object { $0.put("type", "null") }
            }
        case .list(let shape, let count, let unique):
            json.put("type", "array")
            json.object("items") { shape.writeSchema(version, to: &$0) }
            json.put("minItems", count.lowerBound)
            json.put("maxItems", count.upperBound)
            if unique { json.put("uniqueItems", true) }
        case .object(let fields): fields.writeSchema(version, to: &json)
        case .map(let name, let shape, let count):
            Shape.writeMap(shape, count, version, to: &json) {
                $0.put("minLength", name.lowerBound)
                $0.put("maxLength", name.upperBound)
            }
        case .keyed(let format, let shape, let count):
            Shape.writeMap(shape, count, version, to: &json) { format.writeSchema(to: &$0) }
        case .either(let shapes):
            json.array("anyOf", of: shapes) { shape, json in json.object { shape.writeSchema(version, to: &$0) } }
        }
    }

    private static func writeMap(
        _ shape: Shape, _ count: ClosedRange<Int>, _ version: Microversion, to json: inout JSONWriter,
        names: (inout JSONWriter) -> Void
    ) {
        json.put("type", "object")
        json.object("propertyNames", names)
        json.object("additionalProperties") { shape.writeSchema(version, to: &$0) }
        json.put("minProperties", count.lowerBound)
        json.put("maxProperties", count.upperBound)
    }
}

extension Fields {
    fileprivate func writeSchema(_ version: Microversion, to json: inout JSONWriter) {
        let here = fields.filter { $0.exists(at: version) }
        json.put("type", "object")
        json.object("properties") { json in
            var seen: Set<String> = []
            for field in here where seen.insert(field.name).inserted {
                json.object(field.name) { field.shape.writeSchema(version, to: &$0) }
            }
        }
        let required = here.filter(\.isRequired).map(\.name)
        if !required.isEmpty { json.put("required", required) }
        json.put("additionalProperties", others == .allowed)
    }
}

extension Shape.Format {
    fileprivate func writeSchema(to json: inout JSONWriter) {
        switch self {
        case .uuid: json.put("format", "uuid")
        case .dateTime: json.put("format", "date-time")
        case .email: json.put("format", "email")
        case .url: json.put("format", "uri")
        case .hex: json.put("pattern", "^[0-9a-fA-F]{32}$")
        case .uuidOrHex: json.put("pattern", "^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$")
        case .ipAddress:
            json.array("anyOf") { json in
                json.object { $0.put("format", "ipv4") }
                json.object { $0.put("format", "ipv6") }
            }
        case .cidr: json.put("pattern", "^[0-9a-fA-F.:]+/[0-9]{1,3}$")
        case .macAddress: json.put("pattern", "^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$")
        case .name: json.put("pattern", "\\S")
        case .tag: json.put("pattern", "^[^,/]*$")
        case .constant: json.put("pattern", "^[A-Z0-9_]+$")
        case .customConstant: json.put("pattern", "^CUSTOM_[A-Z0-9_]+$")
        case .suffix: json.put("pattern", "^[a-zA-Z0-9_-]{1,64}$")
        case .count: json.put("pattern", "^[1-9][0-9]*$")
        }
    }
}
