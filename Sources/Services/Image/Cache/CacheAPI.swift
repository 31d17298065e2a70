import API
import Base
import HTTP
import Policy
import SQL

/// What administrators do with the copies on the machine that answers.
extension ImageCache {
    static let endpoints: [Endpoint<ImageService>] = [
        Endpoint("GET", "/cache", "List what is cached", access: .decided(by: [.listCache]), list),
        Endpoint("DELETE", "/cache", "Clear the cache", access: .decided(by: [.deleteCached]), clear),
        Endpoint("POST", "/cache/clean", "Bring the cache in order", access: .decided(by: [.cleanCache]), clean),
        Endpoint("POST", "/cache/prune", "Bring the cache to its size", access: .decided(by: [.pruneCache]), prune),
        Endpoint(
            "GET", "/cache/nodes/{image_id}", "List the machines that have an image cached",
            access: .decided(by: [.listCachedNodes]), nodes),
        Endpoint("PUT", "/cache/{image_id}", "Have an image cached", access: .decided(by: [.cacheImage]), enqueue),
        Endpoint(
            "DELETE", "/cache/{image_id}", "Take an image out of the cache", access: .decided(by: [.deleteCached]),
            delete),
    ]

    private static func cache(_ call: Call<ImageService>) throws(Failure) -> ImageCache {
        guard let cache = call.service.cache else {
            throw Failure(.notFound, "Caching via API is not supported at this site.")
        }
        return cache
    }

    private static func list(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        try call.require(.listCache)
        let node = try cache(call).node
        let copies = try await call.service.database.read { try $0.copies(on: node) }
        return .json { json in
            json.array("cached_images", of: copies.filter(\.isThere)) { copy, json in
                json.object {
                    $0.put("image_id", copy.image)
                    $0.put("hits", copy.hits)
                    $0.put("last_accessed", Double(copy.accessed.microseconds) / 1_000_000)
                    $0.put("last_modified", Double(copy.modified.microseconds) / 1_000_000)
                    $0.put("size", copy.size)
                }
            }
            json.put("queued_images", copies.filter { !$0.isThere }.map(\.image.text))
        }
    }

    private static func enqueue(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let image = try await call.image(may: .cacheImage)
        let cache = try cache(call)
        guard image.status == .active else {
            throw .invalid("Only images with status active can be targeted for queueing")
        }
        let (node, now) = (cache.node, call.service.world.now)
        try await call.service.database.write { try $0.enqueueCopy(of: image.id, on: node, at: now) }
        cache.enqueue(image.id)
        return Reply(202)
    }

    private static func delete(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let image = try await call.image(may: .deleteCached)
        try await call.service.forgetCopy(of: image.id, in: try cache(call))
        return .noContent
    }

    private static func clear(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        try call.require(.deleteCached)
        let cache = try cache(call)
        let target = call.request.headers["x-image-cache-clear-target"]?.lowercased() ?? ""
        guard ["", "cache", "queue"].contains(target) else {
            throw .invalid("If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string.")
        }
        let node = cache.node
        for copy in try await call.service.database.read({ try $0.copies(on: node) })
        where target.isEmpty || copy.isThere == (target == "cache") {
            try await call.service.forgetCopy(of: copy.image, in: cache)
        }
        return .noContent
    }

    private static func clean(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        try call.require(.cleanCache)
        _ = try cache(call)
        try await call.service.settleCache()
        return Reply(200)
    }

    private static func prune(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        try call.require(.pruneCache)
        let cache = try cache(call)
        let gone = try await call.service.prune(cache, to: cache.limit)
        return .json {
            $0.put("total_files_pruned", gone.files)
            $0.put("total_bytes_pruned", gone.bytes)
        }
    }

    private static func nodes(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let image = try await call.image(may: .listCachedNodes)
        _ = try cache(call)
        let nodes = try await call.service.database.read { try $0.nodes(withCopyOf: image.id) }
        var json = JSONWriter()
        json.array(of: nodes) { $1.value($0) }
        return Reply(200, headers: ["Content-Type": "application/json"], body: .bytes(json.finish()))
    }
}

extension Rule {
    static let listCache = ofProjects("cache_list", "List what is cached", May.admin)
    static let cacheImage = ofProjects("cache_image", "Have an image cached", May.admin)
    static let deleteCached = ofProjects("cache_delete", "Take images out of the cache", May.admin)
    static let cleanCache = ofProjects("cache_clean", "Bring the cache in order", May.admin)
    static let pruneCache = ofProjects("cache_prune", "Bring the cache to its size", May.admin)
    static let listCachedNodes = ofProjects(
        "list_cached_nodes", "List the machines that have an image cached", May.admin)
}
