import API
import Base
import HTTP
import Policy
import SQL

/// The tags of a project, which have paths of their own.
enum ProjectTags {
    static let endpoints: [Endpoint<Identity>] = [
        .get("/projects/{project_id}/tags", "List a project's tags", may: .listProjectTags, list),
        .put(
            "/projects/{project_id}/tags", "Replace a project's tags", may: .updateProjectTags,
            takes: .object(Fields([.required("tags", Project.tagsShape)])), replace),
        .delete("/projects/{project_id}/tags", "Remove all of a project's tags", may: .deleteProjectTags, removeAll),
        .get("/projects/{project_id}/tags/{value}", "Check whether a project has a tag", may: .getProjectTag, check),
        .put("/projects/{project_id}/tags/{value}", "Add a tag to a project", may: .createProjectTag, add),
        .delete("/projects/{project_id}/tags/{value}", "Remove a tag from a project", may: .deleteProjectTag, remove),
    ]

    private static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        reply(try await call.service.database.read { try $0.project(call.id("project_id"), in: call.scope) }, call)
    }

    private static func check(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let project = try await call.service.database.read { try $0.project(call.id("project_id"), in: call.scope) }
        guard project.tags.contains(call["value"]) else { throw .notFound("project tag", call["value"]) }
        return .noContent
    }

    private static func replace(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let tags = call.body.object?.texts("tags") ?? []
        return reply(try await change(call) { $0 = tags }, call)
    }

    private static func removeAll(_ call: Call<Identity>) async throws(Failure) -> Reply {
        _ = try await change(call) { $0 = [] }
        return .noContent
    }

    private static func add(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let tag = call["value"]
        try Project.tagShape.check(.string(tag), at: "tag", version: call.version)
        _ = try await change(call) { tags in if !tags.contains(tag) { tags.append(tag) } }
        return Reply(201, headers: ["Location": call.ownLink])
    }

    private static func remove(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let tag = call["value"]
        _ = try await change(call) { tags in
            guard let place = tags.firstIndex(of: tag) else { throw Failure.notFound("project tag", tag) }
            tags.remove(at: place)
        }
        return .noContent
    }

    private static func change(
        _ call: Call<Identity>, _ change: @escaping @Sendable (inout [String]) throws -> Void
    ) async throws(Failure) -> Project {
        try await call.service.database.write { tx in
            var project = try tx.project(call.id("project_id"), in: call.scope)
            try change(&project.tags)
            try Project.tagsShape.check(.array(project.tags.map { .string($0) }), at: "tags", version: call.version)
            try tx.update(project)
            return project
        }
    }

    private static func reply(_ project: Project, _ call: Call<Identity>) -> Reply {
        .json {
            $0.put("tags", project.tags)
            $0.object("links") { $0.put("self", call.ownLink) }
        }
    }
}
