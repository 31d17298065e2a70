import API
import Base
import HTTP
import Policy
import SQL

extension Definition {
    /// The same for each kind, where it has them.
    static let endpoints: [Endpoint<ImageService>] =
        Kind.allCases.flatMap { kind in common(kind) + replacing(kind) } + tagsByName

    private static func base(_ kind: Kind) -> String { "/metadefs/namespaces/{namespace}/\(kind.segment)" }

    private static func common(_ kind: Kind) -> [Endpoint<ImageService>] {
        let base = base(kind)
        let rules = kind.rules
        return [
            Endpoint("GET", base, "List the \(kind.segment) of a namespace", access: .decided(by: [rules.list])) {
                try await list(kind, $0)
            },
            Endpoint(
                "POST", base, "Add to the \(kind.segment) of a namespace",
                access: .decided(by: [kind == .tag ? .addTags : rules.add]),
                body: .json(kind == .tag ? severalTags : kind.shape)
            ) { try await kind == .tag ? addTags($0) : create(kind, $0) },
            Endpoint(
                "DELETE", "\(base)/{\(kind.parameter)}", "Delete one of the \(kind.segment) of a namespace",
                access: .decided(by: [rules.remove])
            ) { try await delete(kind, $0) },
        ]
    }

    /// A link to a kind of things is there or not: nothing of it is shown or changed by itself.
    private static func replacing(_ kind: Kind) -> [Endpoint<ImageService>] {
        guard kind != .association else { return [] }
        let base = base(kind)
        let rules = kind.rules
        return [
            Endpoint(
                "GET", "\(base)/{\(kind.parameter)}", "Show one of the \(kind.segment) of a namespace",
                access: .decided(by: [rules.show])
            ) { try await show(kind, $0) },
            Endpoint(
                "PUT", "\(base)/{\(kind.parameter)}", "Update one of the \(kind.segment) of a namespace",
                access: .decided(by: [rules.modify]), body: .json(kind.shape)
            ) { try await update(kind, $0) },
            Endpoint(
                "DELETE", base, "Delete all \(kind.segment) of a namespace",
                access: .decided(by: kind == .tag ? [.deleteNamespace, .deleteTags] : [.deleteNamespace])
            ) { try await deleteAll(kind, $0) },
        ]
    }

    private static let tagsByName: [Endpoint<ImageService>] = [
        Endpoint(
            "POST", "\(base(.tag))/{tag_name}", "Add a tag to a namespace",
            access: .decided(by: [Kind.tag.rules.add]), addTag)
    ]

    private static let severalTags: Shape = .object(
        Fields([.required("tags", .list(of: Kind.tag.shape, unique: true))]))
}

extension Rule {
    static let deleteTags = Rule.ofProjects(
        "delete_metadef_tags", "Delete all tags of a namespace", May.definingMetadata)
    static let addTags = Rule.ofProjects("add_metadef_tags", "Add several tags to a namespace", May.definingMetadata)
}

// MARK: Handlers

extension Definition {
    private static func list(_ kind: Kind, _ call: Call<ImageService>) async throws(Failure) -> Reply {
        let find = call.namespace(may: kind.rules.list)
        let definitions = try await call.service.database.read { try $0.definitions(kind, in: try find($0)) }
        return .json { json in
            if kind == .property {
                json.object("properties") { json in
                    for definition in definitions {
                        json.object(definition.name) { definition.write(to: &$0, inList: true) }
                    }
                }
            } else {
                json.array(kind.collection, of: definitions) { definition, json in
                    json.object { definition.write(to: &$0, inList: true) }
                }
            }
            guard kind == .object || kind == .tag else { return }
            json.put("first", "/v2/metadefs/namespaces/\(call["namespace"])/\(kind.segment)")
            json.put("schema", "/v2/schemas/metadefs/\(kind.segment)")
        }
    }

    private static func show(_ kind: Kind, _ call: Call<ImageService>) async throws(Failure) -> Reply {
        let find = call.namespace(may: kind.rules.show)
        let definition = try await call.service.database.read { tx in
            let namespace = try find(tx)
            var name = call[kind.parameter]
            if kind == .property, let type = call.query["resource_type"] {
                let association = try tx.definition(.association, type, in: namespace)
                let prefix = association.document.text("prefix") ?? ""
                guard name.hasPrefix(prefix) else {
                    throw Failure(
                        .notFound,
                        "Property \(name) does not start with the expected resource type association prefix of '\(prefix)'."
                    )
                }
                name = String(name.dropFirst(prefix.count))
            }
            return try tx.definition(kind, name, in: namespace)
        }
        return .json { definition.write(to: &$0) }
    }

    private static func create(_ kind: Kind, _ call: Call<ImageService>) async throws(Failure) -> Reply {
        try await add(call.body.object ?? JSON.Object(), kind, call)
    }

    private static func addTag(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let body: JSON = ["name": .string(call["tag_name"])]
        try Kind.tag.shape.check(body, at: "tag", version: call.version)
        return try await add(body.object ?? JSON.Object(), .tag, call)
    }

    private static func add(
        _ body: JSON.Object, _ kind: Kind, _ call: Call<ImageService>
    ) async throws(Failure) -> Reply {
        let find = call.namespace(may: kind.rules.add)
        let now = call.service.world.now
        let definition = try await call.service.database.write { tx in
            let definition = try Definition(body, kind, in: try find(tx), at: now)
            try tx.insert(definition)
            return definition
        }
        return .json(201) { definition.write(to: &$0) }
    }

    /// Several at once, in place of all that are there unless the client says that they come in addition.
    private static func addTags(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let find = call.namespace(may: .addTags)
        let now = call.service.world.now
        let appends = call.request.headers["x-openstack-append"].flatMap { Bool(loose: $0) } ?? false
        let bodies = (call.body["tags"]?.array ?? []).compactMap(\.object)
        let tags = try await call.service.database.write { tx in
            let namespace = try find(tx)
            if !appends { try tx.deleteDefinitions(.tag, in: namespace) }
            let tags = try bodies.map { try Definition($0, .tag, in: namespace, at: now) }
            for tag in tags { try tx.insert(tag) }
            return tags
        }
        return .json(201) { json in
            json.array("tags", of: tags) { tag, json in json.object { tag.write(to: &$0, inList: true) } }
        }
    }

    private static func update(_ kind: Kind, _ call: Call<ImageService>) async throws(Failure) -> Reply {
        let find = call.namespace(may: kind.rules.modify)
        let now = call.service.world.now
        let body = call.body.object ?? JSON.Object()
        let definition = try await call.service.database.write { tx in
            let namespace = try find(tx)
            let old = try tx.definition(kind, call[kind.parameter], in: namespace)
            let named = try Definition(body, kind, in: namespace, at: now)
            let new = Definition(
                namespace: old.namespace, kind: kind, name: named.name, document: named.document,
                created: old.created, updated: now)
            try tx.delete(old)
            try tx.insert(new)
            return new
        }
        return .json { definition.write(to: &$0) }
    }

    private static func delete(_ kind: Kind, _ call: Call<ImageService>) async throws(Failure) -> Reply {
        let find = call.namespace(may: kind.rules.remove)
        try await call.service.database.write { tx in
            try tx.delete(try tx.definition(kind, call[kind.parameter], in: try find(tx)))
        }
        return .noContent
    }

    private static func deleteAll(_ kind: Kind, _ call: Call<ImageService>) async throws(Failure) -> Reply {
        let find =
            kind == .tag
            ? call.namespace(may: .deleteNamespace, .deleteTags) : call.namespace(may: .deleteNamespace)
        try await call.service.database.write { tx in
            let namespace = try find(tx)
            try namespace.requireDeletable()
            try tx.deleteDefinitions(kind, in: namespace)
        }
        return .noContent
    }
}
