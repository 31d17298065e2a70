import API
import Base
import HTTP
import Policy
import SQL

/// What this cloud offers for images, and how much of it a project has used.
enum Info {
    static let endpoints: [Endpoint<ImageService>] = [
        Endpoint("GET", "/info/import", "List import methods", access: .authenticated, importMethods),
        Endpoint("GET", "/info/stores", "List stores", access: .authenticated, stores),
        .get("/info/stores/detail", "List stores with what is inside", may: .storesDetail, storesDetail),
        Endpoint("GET", "/info/usage", "Show a project's usage and limits", access: .authenticated, usage),
    ]

    private static func importMethods(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        .json {
            $0.object("import-methods") {
                $0.put("description", "Import methods available.")
                $0.put("type", "array")
                $0.put("value", call.service.settings.importMethods)
            }
        }
    }

    private static func stores(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        .json { json in
            json.array("stores", of: call.service.stores) { store, json in
                json.object { write(store, to: &$0, call) }
            }
        }
    }

    private static func storesDetail(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        .json { json in
            json.array("stores", of: call.service.stores) { store, json in
                json.object {
                    write(store, to: &$0, call)
                    $0.put("type", store.kind)
                    $0.put("weight", 0)
                    $0.object("properties") { _ in }
                }
            }
        }
    }

    private static func write(_ store: any Store, to json: inout JSONWriter, _ call: Call<ImageService>) {
        json.put("id", store.id)
        if store.id == call.service.store.id { json.put("default", "true") }
        if store.isReadOnly { json.put("read-only", "true") }
    }

    private static func usage(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let settings = call.service.settings
        let project = call.caller.projectID
        let mebibyte = 1 << 20
        let used = try await call.service.database.read { tx in
            let images = "FROM image WHERE owner = \(project)" as SQL
            return (
                stored: try tx.projectBytes(project) / mebibyte,
                staged: try tx.count("SELECT COALESCE(SUM(size), 0) \(images) AND staged IS NOT NULL") / mebibyte,
                images: try tx.count("SELECT COUNT(*) \(images)"),
                uploads: try tx.count(
                    "SELECT COUNT(*) \(images) AND status IN ('saving', 'uploading', 'importing')")
            )
        }
        let bytes = settings.projectBytes.map { $0 / mebibyte } ?? -1
        return .json {
            $0.object("usage") {
                put("image_size_total", used.stored, bytes, &$0)
                put("image_stage_total", used.staged, bytes, &$0)
                put("image_count_total", used.images, settings.projectImages, &$0)
                put("image_count_uploading", used.uploads, settings.projectUploads, &$0)
            }
        }
    }

    private static func put(_ name: String, _ usage: Int, _ limit: Int, _ json: inout JSONWriter) {
        json.object(name) {
            $0.put("usage", usage)
            $0.put("limit", limit)
        }
    }
}

extension Rule {
    static let storesDetail = Rule.ofProjects(
        "stores_info_detail", "List stores with what is inside", "rule:context_is_admin or rule:service_api")
}
