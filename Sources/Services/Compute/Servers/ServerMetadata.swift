import API
import Base
import Policy
import SQL

/// A server's metadata, which have paths of their own.
enum ServerMetadata {
    static let endpoints: [Endpoint<Compute>] = [
        .get(path, "List a server's metadata", may: .listServerMetadata, list),
        .post(path, "Add to a server's metadata", may: .createServerMetadata, takes: wrapped, add),
        .put(path, "Replace a server's metadata", may: .replaceServerMetadata, takes: wrapped, replace),
        .get(path + "/{key}", "Show one of a server's metadata", may: .showServerMetadata, show),
        .put(
            path + "/{key}", "Set one of a server's metadata", may: .updateServerMetadata,
            takes: .object(Fields([.required("meta", .map(name: 1...255, value: .text(0...255), count: 1...1))])), set),
        .delete(path + "/{key}", "Remove one of a server's metadata", may: .deleteServerMetadata, remove),
    ]

    private static let path = "/servers/{server_id}/metadata"
    private static let wrapped: Shape = .object(Fields([.required("metadata", CreateServer.metadata)]))

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        reply(try await call.service.database.read { try $0.server(call.id("server_id"), in: call.scope) })
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await call.service.database.read { try $0.server(call.id("server_id"), in: call.scope) }
        let key = call["key"]
        guard let value = server.metadata[key] else { throw .noMetadata }
        return .json { $0.object("meta") { $0.put(key, value) } }
    }

    private static func add(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let given = try call.fields("metadata")
        return reply(
            try await change(call) { metadata in for member in given.members { metadata[member.name] = member.value } })
    }

    private static func replace(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let given = try call.fields("metadata")
        return reply(try await change(call) { $0 = given })
    }

    private static func set(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (given, key) = (try call.fields("meta"), call["key"])
        guard given.names == [key], let value = given[key] else {
            throw .invalid("Request body and URI mismatch: the body must have \(key) and nothing else.")
        }
        _ = try await change(call) { $0[key] = value }
        return .json { $0.object("meta") { $0.put(key, value) } }
    }

    private static func remove(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let key = call["key"]
        _ = try await change(call) { metadata in
            guard metadata[key] != nil else { throw Failure.noMetadata }
            metadata[key] = nil
        }
        return .noContent
    }

    private static func change(
        _ call: Call<Compute>, _ change: @escaping @Sendable (inout JSON.Object) throws -> Void
    ) async throws(Failure) -> Server {
        let (now, settings) = (call.service.world.now, call.service.settings)
        return try await call.service.database.write { tx in
            let limit = try tx.limits(of: call.caller.projectID ?? "", settings)["metadata_items"]
            return try tx.change(call.id("server_id"), in: call.scope, at: now) { server in
                try server.allowWhenLocked(call)
                try change(&server.metadata)
                guard limit < 0 || server.metadata.members.count <= limit else {
                    throw Failure.forbidden("Maximum number of metadata items exceeds \(limit)")
                }
            }
        }
    }

    private static func reply(_ server: Server) -> Reply { .json { $0.put("metadata", .object(server.metadata)) } }
}

extension Failure {
    fileprivate static let noMetadata = Failure(.notFound, "Metadata item was not found")
}

extension Rule {
    static let listServerMetadata = Rule("os_compute_api:server-metadata:index", "List a server's metadata", May.reader)
    static let showServerMetadata = Rule("os_compute_api:server-metadata:show", "Show a metadata item", May.reader)
    static let createServerMetadata = Rule("os_compute_api:server-metadata:create", "Add metadata", May.member)
    static let replaceServerMetadata = Rule("os_compute_api:server-metadata:update_all", "Replace metadata", May.member)
    static let updateServerMetadata = Rule("os_compute_api:server-metadata:update", "Set a metadata item", May.member)
    static let deleteServerMetadata = Rule(
        "os_compute_api:server-metadata:delete", "Remove a metadata item", May.member)
}
