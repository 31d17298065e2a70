import API
import Base
import HTTP
import Policy
import SQL

extension ResourceClass {
    static let endpoints: [Endpoint<Placement>] = [
        .get("/resource_classes", "List resource classes", may: .listResourceClasses, since: "1.2", list),
        .post(
            "/resource_classes", "Create a resource class", may: .createResourceClass, takes: named, since: "1.2",
            create),
        .get("/resource_classes/{name}", "Show a resource class", may: .showResourceClass, since: "1.2", show),
        .put(
            "/resource_classes/{name}", "Rename a resource class", may: .updateResourceClass, takes: named,
            since: "1.2", until: "1.6", rename),
        .put(
            "/resource_classes/{name}", "Make sure of a resource class", may: .updateResourceClass, since: "1.7",
            ensure),
        .delete("/resource_classes/{name}", "Delete a resource class", may: .deleteResourceClass, since: "1.2", delete),
    ]

    static let customName: Shape = .text(0...255, format: .customConstant)
    private static let named: Shape = .object(Fields([.required("name", customName)]))
}

extension Rule {
    static let listResourceClasses = Rule("placement:resource_classes:list", "List resource classes", May.operate)
    static let createResourceClass = Rule("placement:resource_classes:create", "Create a resource class", May.operate)
    static let showResourceClass = Rule("placement:resource_classes:show", "Show a resource class", May.operate)
    static let updateResourceClass = Rule("placement:resource_classes:update", "Update a resource class", May.operate)
    static let deleteResourceClass = Rule("placement:resource_classes:delete", "Delete a resource class", May.operate)
}

// MARK: Handlers

extension ResourceClass {
    static func list(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let classes = try await call.service.database.read { try $0.resourceClasses() }
        return .json(headers: call.fresh(nil)) {
            $0.array("resource_classes", of: classes) { known, json in json.object { known.write(to: &$0, call) } }
        }
    }

    static func show(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let found = try await call.service.database.read { try $0.resourceClass(call["name"]) }
        return .json(headers: call.fresh(found.created)) { found.write(to: &$0, call) }
    }

    static func create(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let name = call.body["name"]?.string ?? ""
        let now = call.service.world.now
        let isNew = try await call.service.database.write { try $0.ensureResourceClass(name, now: now) }
        guard isNew else { throw .conflict("Conflicting resource class already exists: \(name)") }
        return .made(at: call.link(ResourceClass(name: name).path))
    }

    static func rename(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let new = call.body["name"]?.string ?? ""
        try await call.service.database.write { try $0.renameResourceClass(call["name"], to: new) }
        return .json { ResourceClass(name: new).write(to: &$0, call) }
    }

    static func ensure(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let name = call["name"]
        do throws(Complaint) {
            try customName.check(.string(name), at: [.member("name")], version: call.version)
        } catch {
            throw .invalid(error.schemaWords)
        }
        let now = call.service.world.now
        let isNew = try await call.service.database.write { try $0.ensureResourceClass(name, now: now) }
        var reply = Reply.made(at: call.link(ResourceClass(name: name).path))
        reply.status = isNew ? 201 : 204
        return reply
    }

    static func delete(_ call: Call<Placement>) async throws(Failure) -> Reply {
        try await call.service.database.write { try $0.deleteResourceClass(call["name"]) }
        return .noContent
    }
}
