import API
import Base
import HTTP
import Policy
import SQL

/// A server's tags, which have paths of their own: since 2.26.
enum ServerTags {
    static let endpoints: [Endpoint<Compute>] = [
        .get(path, "List a server's tags", may: .listServerTags, since: "2.26", list),
        .put(
            path, "Replace a server's tags", may: .replaceServerTags,
            takes: .object(Fields([.required("tags", .list(of: tag, count: 0...limit))])), since: "2.26", replace),
        .delete(path, "Remove a server's tags", may: .deleteServerTags, since: "2.26", removeAll),
        .get(path + "/{tag}", "Ask whether a server has a tag", may: .showServerTag, since: "2.26", show),
        .put(path + "/{tag}", "Give a server a tag", may: .updateServerTag, since: "2.26", add),
        .delete(path + "/{tag}", "Remove a server's tag", may: .deleteServerTag, since: "2.26", remove),
    ]

    private static let path = "/servers/{server_id}/tags"
    private static let limit = 50
    private static let tag: Shape = .text(1...60, format: .tag)
    private static let states: [ServerState] = [.active, .paused, .suspended, .stopped]
}

extension Rule {
    static let listServerTags = Rule("os_compute_api:os-server-tags:index", "List a server's tags", May.reader)
    static let replaceServerTags = Rule("os_compute_api:os-server-tags:update_all", "Replace tags", May.member)
    static let deleteServerTags = Rule("os_compute_api:os-server-tags:delete_all", "Remove all tags", May.member)
    static let showServerTag = Rule("os_compute_api:os-server-tags:show", "Ask for a tag", May.reader)
    static let updateServerTag = Rule("os_compute_api:os-server-tags:update", "Add a tag", May.member)
    static let deleteServerTag = Rule("os_compute_api:os-server-tags:delete", "Remove a tag", May.member)
}

// MARK: Handlers

extension ServerTags {
    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await call.service.database.read { try $0.server(call.id("server_id"), in: call.scope) }
        return .json { $0.put("tags", server.tags) }
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await call.service.database.read { try $0.server(call.id("server_id"), in: call.scope) }
        guard server.tags.contains(call["tag"]) else { throw .noTag(call["tag"], server) }
        return .noContent
    }

    private static func replace(_ call: Call<Compute>) async throws(Failure) -> Reply {
        var tags: [String] = []
        for tag in call.body["tags"]?.array?.compactMap(\.string) ?? [] where !tags.contains(tag) { tags.append(tag) }
        let wanted = tags
        let server = try await change("update tags", call) { $0.tags = wanted }
        return .json { $0.put("tags", server.tags) }
    }

    private static func removeAll(_ call: Call<Compute>) async throws(Failure) -> Reply {
        _ = try await change("delete tags", call) { $0.tags = [] }
        return .noContent
    }

    private static func add(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let name = call["tag"]
        do throws(Failure) { try tag.check(.string(name), at: "tag", version: call.version) } catch {
            throw .invalid(
                "Tag '\(name)' is invalid. It must be a non empty string without characters '/' and ','. \(error.message)"
            )
        }
        let had = try await call.service.database.read {
            try $0.server(call.id("server_id"), in: call.scope).tags.contains(name)
        }
        let server = try await change("update tag", call) { server in
            guard !server.tags.contains(name) else { return }
            guard server.tags.count < limit else {
                throw Failure.invalid("The number of tags exceeded the per-server limit \(limit)")
            }
            server.tags.append(name)
        }
        if had { return .noContent }
        return Reply(201, headers: ["Location": call.link("/v2.1/servers/\(server.id)/tags/\(name)")])
    }

    private static func remove(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let name = call["tag"]
        _ = try await change("delete tag", call) { server in
            guard let place = server.tags.firstIndex(of: name) else { throw Failure.noTag(name, server) }
            server.tags.remove(at: place)
        }
        return .noContent
    }

    private static func change(
        _ verb: String, _ call: Call<Compute>, _ body: @escaping @Sendable (inout Server) throws -> Void
    ) async throws(Failure) -> Server {
        let now = call.service.world.now
        return try await call.service.database.write { tx in
            try tx.change(call.id("server_id"), in: call.scope, at: now) { server in
                guard states.contains(server.state) else {
                    throw Failure.conflict(
                        "Cannot '\(verb)' instance \(server.id) while it is in vm_state \(server.state.rawValue)")
                }
                try body(&server)
            }
        }
    }
}

extension Failure {
    fileprivate static func noTag(_ tag: String, _ server: Server) -> Failure {
        Failure(.notFound, "Server \(server.id) has no tag '\(tag)'")
    }
}
