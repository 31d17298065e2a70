import Base

/// Pieces of JSON Schema, in which this API describes its documents to clients.
enum JSONSchema {
    static func text(_ description: String, longest: Int? = nil, nullable: Bool = false, readOnly: Bool = false) -> JSON
    {
        value("string", description, ["maxLength": longest.map { .integer(Int64($0)) }], nullable, readOnly)
    }

    static func integer(_ description: String, nullable: Bool = false, readOnly: Bool = false) -> JSON {
        value("integer", description, [:], nullable, readOnly)
    }

    static func boolean(_ description: String) -> JSON { value("boolean", description, [:], false, false) }

    static func choice(_ description: String, _ choices: [String], nullable: Bool = false, readOnly: Bool = false)
        -> JSON
    {
        let values = choices.map { JSON.string($0) }
        return value("string", description, ["enum": .array(nullable ? [.null] + values : values)], nullable, readOnly)
    }

    static func list(_ description: String, of items: JSON) -> JSON {
        value("array", description, ["items": items], false, false)
    }

    static let uuid: JSON = [
        "type": "string", "description": "An identifier",
        "pattern": "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$",
    ]

    private static func value(
        _ type: String, _ description: String, _ more: [String: JSON?], _ nullable: Bool, _ readOnly: Bool
    ) -> JSON {
        var object = JSON.Object()
        object["type"] = nullable ? ["null", .string(type)] : .string(type)
        object["description"] = .string(description)
        if readOnly { object["readOnly"] = true }
        for (name, value) in more { if let value { object[name] = value } }
        return .object(object)
    }

    static func links(_ links: KeyValuePairs<String, String>) -> JSON {
        .array(links.map { ["rel": .string($0.key), "href": .string($0.value)] })
    }
}

/// One kind of document: its name, and what is in it.
struct DocumentSchema: Sendable {
    let name: String
    let properties: JSON
    var required: [String] = []
    /// What may stand in it beyond that: nothing, or texts.
    var takesMore = false
    var links: JSON?

    var json: JSON {
        var object = JSON.Object()
        object["name"] = .string(name)
        object["properties"] = properties
        object["additionalProperties"] = takesMore ? ["type": "string"] : false
        if !required.isEmpty { object["required"] = .array(required.map { .string($0) }) }
        object["links"] = links
        return .object(object)
    }

    /// A list of such documents, as pages are made of it.
    func collection(_ name: String, isMap: Bool = false) -> JSON {
        let plain: JSON = ["type": "string"]
        var properties = JSON.Object()
        properties[name] =
            isMap ? ["type": "object", "additionalProperties": json] : ["type": "array", "items": json]
        for link in ["first", "next", "schema"] { properties[link] = plain }
        return [
            "name": .string(name), "properties": .object(properties),
            "links": JSONSchema.links(["first": "{first}", "next": "{next}", "describedby": "{schema}"]),
        ]
    }
}
