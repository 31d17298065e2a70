import Base
import SQL

/// A named collection of definitions: which properties, objects and tags mean what, and for which kinds of things.
struct Namespace: Record {
    var name: String
    var displayName: String?
    var description: String?
    var visibility: Visibility
    var isProtected: Bool
    var owner: String?
    let created: Moment
    var updated: Moment

    enum Visibility: String, SQL.Bindable, CaseIterable {
        case `public`, `private`
    }
}

extension Namespace {
    func attribute(_ name: String) -> String? {
        switch name {
        case "project_id", "tenant_id", "owner": owner
        case "visibility": visibility.rawValue
        default: nil
        }
    }

    /// What a body says; an update says all of it anew.
    mutating func set(_ body: JSON.Object, owner project: String?) {
        name = body.text("namespace") ?? name
        displayName = body.text("display_name")
        description = body.text("description")
        visibility = body.text("visibility").flatMap { Visibility(rawValue: $0) } ?? .private
        isProtected = body.boolean("protected") ?? false
        owner = body.text("owner") ?? project
    }

    func requireDeletable() throws(Failure) {
        guard !isProtected else {
            throw .forbidden("Metadata definition namespace \(name) is protected and cannot be deleted.")
        }
    }

    static func notFound(_ name: String) -> Failure { Failure(.notFound, "Namespace \(name) not found") }

    var path: String { "/v2/metadefs/namespaces/\(name)" }

    func write(to json: inout JSONWriter) {
        json.put("namespace", name)
        if let displayName { json.put("display_name", displayName) }
        if let description { json.put("description", description) }
        json.put("visibility", visibility.rawValue)
        json.put("protected", isProtected)
        json.put("owner", owner)
        json.put("self", path)
        json.put("schema", "/v2/schemas/metadefs/namespace")
        json.put("created_at", created, as: .seconds)
        json.put("updated_at", updated, as: .seconds)
    }
}
