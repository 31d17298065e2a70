import API
import Base
import HTTP
import Policy
import SQL

extension Namespace {
    static let endpoints: [Endpoint<ImageService>] = [
        .get(
            "/metadefs/namespaces", "List namespaces of metadata", may: .getNamespaces,
            query: ["limit", "marker", "visibility", "resource_types", "sort_key", "sort_dir"].map { Parameter($0) },
            list),
        .post("/metadefs/namespaces", "Create a namespace of metadata", may: .addNamespace, takes: shape, create),
        Endpoint(
            "GET", "/metadefs/namespaces/{namespace}", "Show a namespace of metadata",
            access: .decided(by: [.getNamespace]), query: [Parameter("resource_type")], show),
        Endpoint(
            "PUT", "/metadefs/namespaces/{namespace}", "Update a namespace of metadata",
            access: .decided(by: [.modifyNamespace]), body: .json(shape), update),
        Endpoint(
            "DELETE", "/metadefs/namespaces/{namespace}", "Delete a namespace of metadata",
            access: .decided(by: [.deleteNamespace]), delete),
    ]

    private static let shape: Shape = .object(
        Fields([
            .required("namespace", .text(1...80)), .optional("display_name", .nullable(.text(0...80))),
            .optional("description", .nullable(.text(0...500))),
            .optional("visibility", .choice(Visibility.allCases.map(\.rawValue))),
            .optional("protected", .boolean), .optional("owner", .nullable(.text(0...255))),
            .optional("objects", .list(of: Definition.Kind.object.shape)),
            .optional("tags", .list(of: Definition.Kind.tag.shape)),
            .optional("resource_type_associations", .list(of: Definition.Kind.association.shape)),
            .optional("properties", .map(name: 1...80, value: .object(Fields([], others: .allowed)))),
        ]))
}

extension Rule {
    static let getNamespaces = Rule.ofProjects(
        "get_metadef_namespaces", "List namespaces of metadata",
        "rule:context_is_admin or (role:reader and project_id:%(project_id)s)")
    static let getNamespace = Rule.ofProjects(
        "get_metadef_namespace", "Show a namespace of metadata", May.readingDefinitions)
    static let addNamespace = Rule.ofProjects(
        "add_metadef_namespace", "Create a namespace of metadata", May.definingMetadata)
    static let modifyNamespace = Rule.ofProjects(
        "modify_metadef_namespace", "Update a namespace of metadata", May.definingMetadata)
    static let deleteNamespace = Rule.ofProjects(
        "delete_metadef_namespace", "Delete a namespace of metadata", May.definingMetadata)
}

extension Call<ImageService> {
    /// Finds the namespace of the path, for those whom all of the rules let. Others learn that it exists if they may
    /// see it.
    func namespace(may rules: Rule...) -> @Sendable (Transaction) throws(Failure) -> Namespace {
        let seeing = scope(under: .getNamespace)
        let scopes = rules.map { (scope(under: $0), exchange.refusal($0)) }
        return { tx throws(Failure) in
            let namespace = try tx.namespace(self["namespace"])
            guard seeing.covers(namespace.attribute) else { throw Namespace.notFound(namespace.name) }
            for (scope, refusal) in scopes where !scope.covers(namespace.attribute) { throw refusal }
            return namespace
        }
    }
}

// MARK: Handlers

extension Namespace {
    private static func list(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let settings = call.service.settings
        let limit = min(try call.query.integer("limit") ?? settings.pageDefault, settings.pageLimit)
        guard limit >= 0 else { throw .invalid("limit param must be positive") }
        let filters = try filters(call.query)
        let scope = call.scope(under: .getNamespace)
        let found = try await call.service.database.read { tx in
            let namespaces = try tx.namespaces(in: scope, filters, behind: call.query["marker"], limit: limit)
            return try namespaces.map { (namespace: $0, types: try tx.definitions(.association, in: $0)) }
        }
        return .json { json in
            json.array("namespaces", of: found) { one, json in
                json.object {
                    one.namespace.write(to: &$0)
                    write(.association, one.types, to: &$0)
                }
            }
            json.put("first", "/v2/metadefs/namespaces")
            if found.count == limit, let last = found.last {
                json.put("next", "/v2/metadefs/namespaces?marker=" + PercentCoding.encode(last.namespace.name))
            }
            json.put("schema", "/v2/schemas/metadefs/namespaces")
        }
    }

    private static func filters(_ query: Parameters) throws(Failure) -> [SQL] {
        var filters: [SQL] = []
        if let text = query["visibility"] {
            guard let visibility = Visibility(rawValue: text) else {
                throw .invalid("Invalid visibility value: \(text)")
            }
            filters.append("visibility = \(visibility)")
        }
        if let types = query["resource_types"] {
            let names = types.split(separator: ",").map(\.trimmed)
            filters.append(
                """
                EXISTS (SELECT 1 FROM image_definition WHERE image_definition.namespace = image_namespace.name
                    AND image_definition.kind = 'resource_type' AND image_definition.name IN \(.list(names)))
                """)
        }
        return filters
    }

    private static func show(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let find = call.namespace(may: .getNamespace)
        let (namespace, definitions) = try await call.service.database.read { tx in
            let namespace = try find(tx)
            let definitions = try Definition.Kind.allCases.map { ($0, try tx.definitions($0, in: namespace)) }
            return (namespace, Dictionary(uniqueKeysWithValues: definitions))
        }
        let type = call.query["resource_type"]
        let association = definitions[.association]?.first { $0.name == type }
        return .json { json in
            namespace.write(to: &json)
            for kind in Definition.Kind.allCases {
                write(kind, definitions[kind] ?? [], to: &json, prefix: association?.document.text("prefix") ?? "")
            }
        }
    }

    /// The definitions of one kind, left out where there are none.
    private static func write(
        _ kind: Definition.Kind, _ definitions: [Definition], to json: inout JSONWriter, prefix: String = ""
    ) {
        guard !definitions.isEmpty else { return }
        guard kind == .property else {
            return json.array(kind.collection, of: definitions) { definition, json in
                json.object { definition.write(to: &$0, inList: true, prefix: prefix) }
            }
        }
        json.object(kind.collection) { json in
            for definition in definitions {
                json.object(prefix + definition.name) { definition.write(to: &$0, inList: true) }
            }
        }
    }

    private static func create(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let body = call.body.object ?? JSON.Object()
        let now = call.service.world.now
        var namespace = Namespace(
            name: "", visibility: .private, isProtected: false, created: now, updated: now)
        namespace.set(body, owner: call.caller.projectID)
        let definitions = try definitions(body, in: namespace, at: now)
        let made = namespace
        try await call.service.database.write { tx in
            try tx.insert(made)
            for definition in definitions { try tx.insert(definition) }
        }
        let location = made.path
        return .json(201, headers: ["Location": location]) { json in
            made.write(to: &json)
            for kind in Definition.Kind.allCases { write(kind, definitions.filter { $0.kind == kind }, to: &json) }
        }
    }

    /// What a body defines at once.
    private static func definitions(
        _ body: JSON.Object, in namespace: Namespace, at now: Moment
    ) throws(Failure) -> [Definition] {
        var definitions: [Definition] = []
        for kind in Definition.Kind.allCases where kind != .property {
            for object in (body[kind.collection]?.array ?? []).compactMap(\.object) {
                definitions.append(try Definition(object, kind, in: namespace, at: now))
            }
        }
        for member in body["properties"]?.object?.members ?? [] {
            var object = member.value.object ?? JSON.Object()
            object["name"] = .string(member.name)
            try Definition.Kind.property.shape.check(.object(object), at: member.name, version: "2.17")
            definitions.append(try Definition(object, .property, in: namespace, at: now))
        }
        return definitions
    }

    private static func update(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let find = call.namespace(may: .modifyNamespace)
        let body = call.body.object ?? JSON.Object()
        let now = call.service.world.now
        let namespace = try await call.service.database.write { tx in
            var namespace = try find(tx)
            let old = namespace.name
            namespace.set(body, owner: call.caller.projectID)
            namespace.updated = now
            try tx.update(namespace, named: old)
            return namespace
        }
        return .json { namespace.write(to: &$0) }
    }

    private static func delete(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let find = call.namespace(may: .deleteNamespace)
        try await call.service.database.write { tx in
            let namespace = try find(tx)
            try namespace.requireDeletable()
            try tx.delete(namespace)
        }
        return .noContent
    }
}
