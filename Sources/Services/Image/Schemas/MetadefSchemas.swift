import Base

/// The documents in which metadata is defined.
extension Schemas {
    private static let times: [(String, JSON)] = [
        ("created_at", JSONSchema.text("Date and time of creation", readOnly: true)),
        ("updated_at", JSONSchema.text("Date and time of the last modification", readOnly: true)),
    ]

    private static func properties(_ named: KeyValuePairs<String, JSON>, withTimes: Bool = true) -> JSON {
        var object = JSON.Object()
        for (name, schema) in named { object[name] = schema }
        if withTimes { for (name, schema) in times { object[name] = schema } }
        return .object(object)
    }

    static let namespace = DocumentSchema(
        name: "namespace",
        properties: properties([
            "namespace": JSONSchema.text("The unique namespace text.", longest: 80),
            "display_name": JSONSchema.text("The user friendly name for the namespace.", longest: 80),
            "description": JSONSchema.text("Provides a user friendly description of the namespace.", longest: 500),
            "visibility": JSONSchema.choice("Scope of namespace accessibility.", ["public", "private"]),
            "protected": JSONSchema.boolean("If true, namespace will not be deletable."),
            "owner": JSONSchema.text("Owner of the namespace.", longest: 255),
            "resource_type_associations": JSONSchema.list("Types it applies to", of: ["type": "object"]),
            "properties": ["type": "object"],
            "objects": JSONSchema.list("Objects of the namespace", of: ["type": "object"]),
            "tags": JSONSchema.list("Tags of the namespace", of: ["type": "object"]),
            "self": ["type": "string", "readOnly": true],
            "schema": ["type": "string", "readOnly": true],
        ]), required: ["namespace"])

    static let association = DocumentSchema(
        name: "resource_type_association",
        properties: properties([
            "name": JSONSchema.text("Resource type names should be aligned with Heat resource types", longest: 80),
            "prefix": JSONSchema.text("The prefix to use for the properties of this resource type.", longest: 80),
            "properties_target": JSONSchema.text("Which of a type's several kinds of metadata is meant", longest: 80),
        ]), required: ["name"])

    /// What a property may be, in the part of JSON Schema that clients know how to ask for.
    private static let propertyFields: KeyValuePairs<String, JSON> = [
        "name": JSONSchema.text("The name of the property", longest: 255),
        "title": ["type": "string"],
        "description": ["type": "string"],
        "operators": JSONSchema.list("How it may be compared", of: ["type": "string"]),
        "type": JSONSchema.choice(
            "The type of its value", ["array", "boolean", "integer", "number", "object", "string"]),
        "required": JSONSchema.list("Names that must be there", of: ["type": "string"]),
        "minimum": ["type": "number"],
        "maximum": ["type": "number"],
        "maxLength": ["type": "integer", "minimum": 0],
        "minLength": ["type": "integer", "minimum": 0],
        "pattern": ["type": "string"],
        "enum": ["type": "array"],
        "readonly": ["type": "boolean"],
        "default": JSON.object(JSON.Object()),
        "items": ["type": "object"],
        "maxItems": ["type": "integer", "minimum": 0],
        "minItems": ["type": "integer", "minimum": 0],
        "uniqueItems": ["type": "boolean"],
        "additionalItems": ["type": "boolean"],
    ]

    static let property = DocumentSchema(
        name: "property", properties: properties(propertyFields, withTimes: false), required: ["name", "title", "type"])

    static let object = DocumentSchema(
        name: "object",
        properties: properties([
            "name": JSONSchema.text("The name of the object", longest: 255),
            "description": ["type": "string"],
            "required": JSONSchema.list("Properties that must be there", of: ["type": "string"]),
            "properties": ["type": "object"],
            "schema": ["type": "string", "readOnly": true],
            "self": ["type": "string", "readOnly": true],
        ]), required: ["name"])

    static let tag = DocumentSchema(
        name: "tag", properties: properties(["name": JSONSchema.text("The name of the tag", longest: 255)]),
        required: ["name"])
}
