import API
import Base
import Policy
import SQL

/// Which projects may use a type that isn't public.
enum TypeAccess {
    static let endpoints: [Endpoint<BlockStorage>] = [
        .get("/types/{type_id}/os-volume-type-access", "List who may use a type", may: .listTypeAccess, list),
        Endpoint(
            "POST", "/types/{type_id}/action", "Give or take access to a type",
            access: .decided(by: [.addTypeAccess, .removeTypeAccess]), body: .json(shape), act),
    ]

    private static let project: Shape = .object(Fields([.required("project", .text(1...255))]))
    private static let shape: Shape = .object(
        Fields([.optional("addProjectAccess", project), .optional("removeProjectAccess", project)]))

    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (type, projects) = try await call.service.database.read { tx in
            let type = try tx.volumeType(call.id("type_id"))
            return (type, try tx.projects(of: type.id))
        }
        guard !type.isPublic else {
            throw Failure(.notFound, "Access list not available for public volume types.")
        }
        return .json { json in
            json.array("volume_type_access", of: projects) { project, json in
                json.object {
                    $0.put("volume_type_id", type.id)
                    $0.put("project_id", project)
                }
            }
        }
    }

    private static func act(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let adding = call.body["addProjectAccess"]?["project"]?.string
        let removing = call.body["removeProjectAccess"]?["project"]?.string
        try call.require(adding == nil ? .removeTypeAccess : .addTypeAccess)
        try await call.service.database.write { tx in
            let type = try tx.volumeType(call.id("type_id"))
            if let adding {
                guard !type.isPublic else {
                    throw Failure.invalid("Type access modification is not applicable to public volume type.")
                }
                guard try !tx.projects(of: type.id).contains(adding) else {
                    throw Failure.conflict("Volume type access for \(type.id) / \(adding) combination already exists.")
                }
                try tx.insert(into: "volume_type_access", ["type_id": type.id, "project_id": adding])
            } else if let removing {
                let met = try tx.run(
                    "DELETE FROM volume_type_access WHERE type_id = \(type.id) AND project_id = \(removing)")
                guard met == 1 else {
                    throw Failure(
                        .notFound, "Volume type access not found for \(type.id) / \(removing) combination.")
                }
            } else {
                throw Failure.invalid("There is no such action.")
            }
        }
        return Reply(202)
    }
}

extension Rule {
    static let listTypeAccess = Rule(
        "volume_extension:volume_type_access:get_all_for_type", "List who may use a type", May.admin)
    static let addTypeAccess = Rule(
        "volume_extension:volume_type_access:addProjectAccess", "Let a project use a type", May.admin)
    static let removeTypeAccess = Rule(
        "volume_extension:volume_type_access:removeProjectAccess", "Keep a project from using a type", May.admin)
}
