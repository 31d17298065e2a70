import API
import Base
import Policy
import SQL

/// Which type a project's volumes have where nobody says.
enum DefaultTypes {
    static let endpoints: [Endpoint<BlockStorage>] = [
        .get("/default-types", "List projects' default types", may: .listDefaultTypes, since: "3.62", list),
        .get(
            "/default-types/{project_id}", "Show a project's default type", may: .showDefaultType, since: "3.62", show),
        .put(
            "/default-types/{project_id}", "Set a project's default type", may: .setDefaultType,
            takes: .wrapped("default_type", [.required("volume_type", .name)]), since: "3.62", set),
        .delete(
            "/default-types/{project_id}", "Give a project the usual default type", may: .unsetDefaultType,
            since: "3.62",
            unset),
    ]

    /// What a project chose.
    private struct Choice: Record {
        let project: String
        let type: String

        init(_ row: borrowing Row) throws(Failure) {
            project = try row.text("project_id")
            type = try row.text("type_id")
        }
    }

    private static func write(_ project: String, _ type: String, to json: inout JSONWriter) {
        json.put("project_id", project)
        json.put("volume_type_id", type)
    }

    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let all: [Choice] = try await call.service.database.read { tx in
            try tx.rows("SELECT * FROM volume_default_type ORDER BY project_id")
        }
        return .json { json in
            json.array("default_types", of: all) { one, json in json.object { write(one.project, one.type, to: &$0) } }
        }
    }

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let project = call["project_id"]
        let choice: Choice? = try await call.service.database.read { tx in
            try tx.row("SELECT * FROM volume_default_type WHERE project_id = \(project)")
        }
        guard let choice else { throw Failure(.notFound, "Default type for project \(project) not found.") }
        return .json { json in json.object("default_type") { write(project, choice.type, to: &$0) } }
    }

    private static func set(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (project, wanted) = (call["project_id"], try call.fields("default_type").text("volume_type") ?? "")
        let type = try await call.service.database.write { tx in
            let type: VolumeType
            do throws(Failure) { type = try tx.volumeType(named: wanted, .everything) } catch {
                throw Failure.invalid(error.message)
            }
            try tx.run(
                """
                INSERT INTO volume_default_type (project_id, type_id) VALUES (\(project), \(type.id))
                \(.onConflict(["project_id"], update: ["type_id"]))
                """)
            return type
        }
        return .json { json in json.object("default_type") { write(project, type.id.text, to: &$0) } }
    }

    private static func unset(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let project = call["project_id"]
        _ = try await call.service.database.write {
            try $0.run("DELETE FROM volume_default_type WHERE project_id = \(project)")
        }
        return .noContent
    }
}

extension Rule {
    static let setDefaultType = Rule(
        "volume_extension:default_set_or_update", "Set a project's default type", May.admin)
    static let showDefaultType = Rule("volume_extension:default_get", "Show a project's default type", May.admin)
    static let listDefaultTypes = Rule("volume_extension:default_get_all", "List default types", May.admin)
    static let unsetDefaultType = Rule("volume_extension:default_unset", "Unset a default type", May.admin)
}
