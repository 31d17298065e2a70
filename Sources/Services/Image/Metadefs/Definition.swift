import API
import Base
import Policy
import SQL

/// One thing that a namespace defines.
struct Definition: Record {
    let namespace: String
    let kind: Kind
    var name: String
    /// What is said of it, besides its name.
    var document: JSON.Object
    let created: Moment
    var updated: Moment

    enum Kind: String, SQL.Bindable, CaseIterable {
        case object, property, tag
        /// The link to a kind of things that the namespace is good for.
        case association = "resource_type"
    }
}

extension Definition {
    init(_ body: JSON.Object, _ kind: Kind, in namespace: Namespace, at now: Moment) throws(Failure) {
        var document = body
        document["name"] = nil
        self.init(
            namespace: namespace.name, kind: kind, name: try body.required("name"), document: document, created: now,
            updated: now)
    }

    /// `inList` where less is shown.
    func write(to json: inout JSONWriter, inList: Bool = false, prefix: String = "") {
        if kind != .property || !inList { json.put("name", name) }
        guard kind == .object else {
            for member in document.members { json.put(member.name, member.value) }
            if kind == .association || (kind == .tag && !inList) { writeTimes(to: &json) }
            return
        }
        json.put("description", document.text("description") ?? "")
        json.put("required", (document["required"]?.array ?? []).compactMap(\.string).map { prefix + $0 })
        json.object("properties") {
            for member in document["properties"]?.object?.members ?? [] { $0.put(prefix + member.name, member.value) }
        }
        json.put("self", "/v2/metadefs/namespaces/\(namespace)/objects/\(name)")
        json.put("schema", "/v2/schemas/metadefs/object")
        writeTimes(to: &json)
    }

    private func writeTimes(to json: inout JSONWriter) {
        json.put("created_at", created, as: .seconds)
        json.put("updated_at", updated, as: .seconds)
    }
}

extension Definition.Kind {
    /// What its collection is called, in paths and documents.
    var collection: String {
        switch self {
        case .object: "objects"
        case .property: "properties"
        case .tag: "tags"
        case .association: "resource_type_associations"
        }
    }

    var segment: String { self == .association ? "resource_types" : collection }

    var parameter: String {
        switch self {
        case .object: "object_name"
        case .property: "property_name"
        case .tag: "tag_name"
        case .association: "resource_type"
        }
    }

    /// What a body may say of it.
    var shape: Shape {
        let name = Field.required("name", .text(1...80))
        switch self {
        case .object:
            return .object(
                Fields([
                    name, .optional("description", .nullable(.text)), .optional("required", .list(of: .text(1...255))),
                    .optional("properties", .map(name: 1...255, value: .object(Fields([], others: .allowed)))),
                ]))
        case .property:
            return .object(
                Fields(
                    [
                        name, .required("title", .text),
                        .required(
                            "type", .choice(["array", "boolean", "integer", "number", "object", "string"])),
                    ], others: .allowed))
        case .tag: return .object(Fields([name]))
        case .association:
            return .object(
                Fields([
                    name, .optional("prefix", .nullable(.text(0...80))),
                    .optional("properties_target", .nullable(.text(0...80))),
                ]))
        }
    }

    struct Rules: Sendable {
        let list: Rule
        let show: Rule
        let add: Rule
        let modify: Rule
        let remove: Rule
    }

    var rules: Rules {
        switch self {
        case .object: Rules("object", list: "get_metadef_objects")
        case .property: Rules("property", list: "get_metadef_properties", remove: "remove_metadef_property")
        case .tag: Rules("tag", list: "get_metadef_tags")
        case .association:
            Rules(
                "resource_type", list: "list_metadef_resource_types", add: "add_metadef_resource_type_association",
                remove: "remove_metadef_resource_type_association")
        }
    }
}

extension Definition.Kind.Rules {
    fileprivate init(_ noun: String, list: String, add: String? = nil, remove: String? = nil) {
        let words = noun.split(separator: "_").joined(separator: " ")
        self.init(
            list: Rule.ofProjects(list, "List what a namespace defines as \(words)", May.readingDefinitions),
            show: Rule.ofProjects("get_metadef_\(noun)", "Show the definition of a \(words)", May.readingDefinitions),
            add: Rule.ofProjects(add ?? "add_metadef_\(noun)", "Define a \(words)", May.definingMetadata),
            modify: Rule.ofProjects("modify_metadef_\(noun)", "Define a \(words) anew", May.definingMetadata),
            remove: Rule.ofProjects(
                remove ?? "delete_metadef_\(noun)", "Delete the definition of a \(words)", May.definingMetadata))
    }
}
