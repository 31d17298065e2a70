import API
import Base
import HTTP
import Policy
import SQL

/// A kind of thing that exists within another one: a rule of a policy, at `/qos/policies/{policy_id}/…_rules`.
struct Nested: Sendable {
    let resource: Resource
    /// The path of the collection; its variable is the parent's id.
    let path: String
    let variable: String
    /// How rules name it, where that isn't the resource's own name.
    let subject: String
    /// Narrows a table that several kinds share.
    let kind: (column: StaticString, value: String)?

    private var parent: Resource.Parent? { resource.parent }

    var endpoints: [Endpoint<Network>] {
        let rules = ["get", "create", "update", "delete"].flatMap { Rule.named("\($0)_\(subject)") }
        let access = Access.decided(by: rules)
        let item = path + "/{id}"
        let (one, many) = (resource.one, resource.many)
        return [
            Endpoint("GET", path, "List \(many)", access: access) { try await self.list($0) },
            Endpoint("POST", path, "Create a \(one)", access: access, body: .json(.any)) { try await self.post($0) },
            Endpoint("GET", item, "Show a \(one)", access: access) { try await self.show($0) },
            Endpoint("PUT", item, "Update a \(one)", access: access, body: .json(.any)) { try await self.put($0) },
            Endpoint("DELETE", item, "Delete a \(one)", access: access) { try await self.erase($0) },
        ]
    }

    private func own(_ call: Call<Network>) -> SQL {
        var condition: SQL = "\(SQL.raw(parent?.column ?? "id")) = \(call[variable])"
        if let kind { condition = "\(condition) AND \(SQL.raw(kind.column)) = \(kind.value)" }
        return condition
    }

    private func list(_ call: Call<Network>) async throws(Failure) -> Reply {
        let (documents, view) = try await call.service.database.read { tx in
            let desk = Desk(tx, call.service, call)
            if let parent { _ = try desk.visible(parent.resource, call[variable]) }
            let filters = resource.filters(call.query, desk.viewer)
            let documents = try desk.documents(
                resource, where: .all([own(call)] + filters), then: " ORDER BY id")
            return (documents, try View(resource, desk, of: documents))
        }
        return .json { json in json.array(resource.many, of: documents) { view.write($0, to: &$1) } }
    }

    private func find(_ call: Call<Network>, _ desk: Desk) throws(Failure) -> Document {
        if let parent { _ = try desk.visible(parent.resource, call[variable]) }
        let id = call["id"]
        guard let found = try desk.documents(resource, where: "id = \(id) AND \(own(call))").first else {
            throw resource.missing(id)
        }
        return found
    }

    private func show(_ call: Call<Network>) async throws(Failure) -> Reply {
        let (document, view) = try await call.service.database.read { tx in
            let desk = Desk(tx, call.service, call)
            let document = try find(call, desk)
            return (document, try View(resource, desk, of: [document]))
        }
        return resource.reply(document, view)
    }

    private func post(_ call: Call<Network>) async throws(Failure) -> Reply {
        guard let body = call.body[resource.one]?.object else {
            throw .wrong("HTTPBadRequest", "Unable to find '\(resource.one)' in request body")
        }
        let (document, view) = try await call.service.database.write { tx in
            let desk = Desk(tx, call.service, call)
            var draft = try Intake(resource: resource, call: call).draft(body).document
            if let parent {
                draft[parent.key] = .string(call[variable])
                // Who may not make one isn't told whether it would fit.
                try desk.require("create_\(subject)", of: try desk.target(resource, draft))
                _ = try desk.get(parent.resource, call[variable])
            }
            if let kind { draft[kind.column.description] = .string(kind.value) }
            try resource.insertion(&draft, desk)
            try touchParent(call, desk)
            let document = try desk.get(resource, draft.id)
            return (document, try View(resource, desk, of: [document]))
        }
        return resource.reply(document, view, status: 201)
    }

    private func put(_ call: Call<Network>) async throws(Failure) -> Reply {
        let changes = try Intake(resource: resource, call: call).changes()
        let (document, view) = try await call.service.database.write { tx in
            let desk = Desk(tx, call.service, call)
            let before = try find(call, desk)
            try desk.require("update_\(subject)", of: try desk.target(resource, before))
            var values = changes
            if let update = resource.update {
                try update(&values, before, desk)
            } else {
                try desk.change(resource, before.id, values)
            }
            try touchParent(call, desk)
            let document = try desk.get(resource, before.id)
            return (document, try View(resource, desk, of: [document]))
        }
        return resource.reply(document, view)
    }

    private func erase(_ call: Call<Network>) async throws(Failure) -> Reply {
        try await call.service.database.write { tx in
            let desk = Desk(tx, call.service, call)
            let document = try find(call, desk)
            try desk.require("delete_\(subject)", of: try desk.target(resource, document))
            if let delete = resource.delete {
                try delete(document, desk)
            } else {
                try desk.remove(resource, document.id)
            }
            try touchParent(call, desk)
        }
        return .noContent
    }

    private func touchParent(_ call: Call<Network>, _ desk: Desk) throws(Failure) {
        if let parent, parent.resource.isRevised { try desk.touch(parent.resource, call[variable]) }
    }
}

extension Resource {
    /// What a list's parameters ask of the things' own attributes.
    fileprivate func filters(_ query: Parameters, _ viewer: Viewer) -> [SQL] {
        attributes.compactMap { attribute in
            let values = query.all(attribute.name)
            return values.isEmpty ? nil : attribute.condition(values, viewer)
        }
    }
}
