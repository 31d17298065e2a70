import API
import Base
import HTTP
import Policy
import SQL

extension ImageTask {
    static let endpoints: [Endpoint<ImageService>] = [
        .get("/tasks", "List tasks", may: .accessTasks, query: parameters, list),
        .get("/tasks/{task_id}", "Show a task", may: .accessTasks, show),
        .post(
            "/tasks", "Create a task", may: .accessTasks,
            takes: .object(
                Fields([.required("type", .text(1...255)), .required("input", .object(Fields([], others: .allowed)))])),
            create),
        .delete("/tasks/{task_id}", "Delete a task", may: .accessTasks, delete),
        Endpoint(
            "GET", "/images/{image_id}/tasks", "List the tasks of an image", access: .decided(by: [.getImage]),
            listOfImage),
    ]

    private static let parameters: [Parameter] = [
        "limit", "marker", "sort_key", "sort_dir", "type", "status",
    ].map { Parameter($0) }
}

extension Rule {
    static let accessTasks = Rule.ofProjects("tasks_api_access", "List and show tasks", May.admin)
}

// MARK: Handlers

extension ImageTask {
    static func list(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let settings = call.service.settings
        let limit = min(try call.query.integer("limit") ?? settings.pageDefault, settings.pageLimit)
        guard limit >= 0 else { throw .invalid("limit param must be positive") }
        var conditions: [SQL] = []
        if let kind = call.query["type"] { conditions.append("kind = \(kind)") }
        if let status = call.query["status"] { conditions.append("status = \(status)") }
        let narrowed = conditions
        let marker: ID<ImageTask>? = call.query["marker"].map { ID($0) }
        let tasks: [ImageTask] = try await call.service.database.read { tx in
            var conditions = narrowed
            if let marker {
                let last = try tx.task(marker)
                conditions.append(
                    "created_at < \(last.created) OR (created_at = \(last.created) AND id < \(last.id))")
            }
            return try tx.rows(
                "SELECT * FROM image_task WHERE \(.all(conditions)) ORDER BY created_at DESC, id DESC LIMIT \(limit)")
        }
        return .json { json in
            json.array("tasks", of: tasks) { task, json in json.object { task.write(to: &$0, whole: false) } }
            if tasks.count == limit, let last = tasks.last { json.put("next", "/v2/tasks?marker=\(last.id)") }
            json.put("first", "/v2/tasks")
            json.put("schema", "/v2/schemas/tasks")
        }
    }

    static func show(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let task = try await call.service.database.read { try $0.task(call.id("task_id")) }
        return .json { task.write(to: &$0, whole: true) }
    }

    static func listOfImage(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let image = try await call.image(may: .getImage)
        let tasks = try await call.service.database.read { try $0.tasks(of: image.id) }
        return .json { json in
            json.array("tasks", of: tasks) { task, json in json.object { task.write(to: &$0, whole: true) } }
        }
    }

    /// Images are imported through their own paths; the older way, by a task, imports from elsewhere only.
    static func create(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let kind = call.body["type"]?.string ?? ""
        guard kind == "import" else { throw .invalid("Provided type of task is unsupported: \(kind)") }
        let uri = call.body["input"]?["import_from"]?.string ?? ""
        throw .invalid("Task was not configured properly: nothing can be imported from '\(uri)' here.")
    }

    static func delete(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        _ = try await call.service.database.read { try $0.task(call.id("task_id")) }
        throw Failure(.methodNotAllowed, "Tasks expire by themselves and cannot be deleted.", name: "GET")
    }
}
