import API
import Base
import HTTP

/// `/images`: the image service's images, as compute has always shown them.
enum ImageProxy {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint(
            "GET", "/images", "List images", access: .authenticated, query: parameters, until: Proxy.last, list),
        Endpoint(
            "GET", "/images/detail", "List images with details", access: .authenticated, query: parameters,
            until: Proxy.last, listDetailed),
        Endpoint("GET", "/images/{image_id}", "Show an image", access: .authenticated, until: Proxy.last, show),
        Endpoint("DELETE", "/images/{image_id}", "Delete an image", access: .authenticated, until: Proxy.last, delete),
    ]

    private static let parameters: [Parameter] = [
        "changes-since", "limit", "marker", "minDisk", "minRam", "name", "server", "status", "type",
    ].map { Parameter($0) }

    // MARK: Handlers

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try await reply(call, at: "/images", writeBrief)
    }

    private static func listDetailed(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try await reply(call, at: "/images/detail", write)
    }

    private static func reply(
        _ call: Call<Compute>, at path: String, _ write: (JSON, inout JSONWriter, Call<Compute>) -> Void
    ) async throws(Failure) -> Reply {
        let limit = try call.limit()
        let images = try await call.image("GET", "/images?" + filters(call, limit).text)["images"]?.array ?? []
        return .json { json in
            json.array("images", of: images) { image, json in json.object { write(image, &$0, call) } }
            let isFull = call.query.has("limit") && images.count == limit
            call.writeNext("images", isFull ? images.last?["id"]?.string : nil, at: path, to: &json)
        }
    }

    private static func filters(_ call: Call<Compute>, _ limit: Int) throws(Failure) -> Parameters {
        var items: [Parameters.Item] = [.init("limit", "\(limit)")]
        for (name, theirs) in [("marker", "marker"), ("name", "name"), ("type", "image_type")] {
            if let value = call.query[name] { items.append(.init(theirs, value)) }
        }
        for (name, theirs) in [("minDisk", "min_disk"), ("minRam", "min_ram")] {
            if let value = try call.query.integer(name) { items.append(.init(theirs, "\(value)")) }
        }
        if let server = call.query["server"]?.split(separator: "/").last {
            items.append(.init("instance_uuid", String(server)))
        }
        if let status = call.query["status"] { items.append(.init("status", theirStatus(status))) }
        if let since = try call.moment("changes-since") {
            items.append(.init("updated_at", "gte:" + Timestamp.seconds.text(since)))
        }
        return Parameters(items)
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let image = try await call.imageOfPath()
        return .json { $0.object("image") { write(image, to: &$0, call) } }
    }

    private static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let id = try call.uuid("image_id", absent: .noImage)
        do throws(Failure) { _ = try await call.image("DELETE", "/images/\(id)") } catch  where error.kind == .notFound
        {
            throw .noImage
        } catch  where error.kind == .forbidden {
            throw .forbidden("You are not allowed to delete the image.")
        }
        return .noContent
    }

    // MARK: On the wire

    private static let words: [(theirs: String, ours: String, progress: Int)] = [
        ("active", "ACTIVE", 100), ("queued", "SAVING", 25), ("saving", "SAVING", 50), ("deleted", "DELETED", 0),
        ("pending_delete", "DELETED", 0), ("killed", "ERROR", 0),
    ]

    private static func theirStatus(_ status: String) -> String {
        let known = words.filter { $0.ours == status.uppercased() }.map(\.theirs)
        return known.isEmpty ? status.lowercased() : known.count == 1 ? known[0] : "in:" + known.joined(separator: ",")
    }

    private static func writeBrief(_ image: JSON, to json: inout JSONWriter, _ call: Call<Compute>) {
        let id = image["id"]?.string ?? ""
        json.put("id", id)
        json.put("name", image["name"]?.string)
        writeLinks(id, to: &json, call)
    }

    private static func writeLinks(_ id: String, to json: inout JSONWriter, _ call: Call<Compute>) {
        let links = [("self", call.link("/v2.1/images/\(id)"), ""), ("bookmark", call.link("/images/\(id)"), "")]
        let elsewhere = ("alternate", call.link("/images/\(id)"), "application/vnd.openstack.image")
        json.array("links", of: links + [elsewhere]) { link, json in
            json.object {
                $0.put("rel", link.0)
                $0.put("href", link.1)
                if !link.2.isEmpty { $0.put("type", link.2) }
            }
        }
    }

    private static func write(_ image: JSON, to json: inout JSONWriter, _ call: Call<Compute>) {
        writeBrief(image, to: &json, call)
        let word = words.first { $0.theirs == image["status"]?.string }
        let properties = image.imageProperties
        json.put("status", word?.ours ?? "UNKNOWN")
        json.put("progress", word?.progress ?? 0)
        json.put("minRam", image["min_ram"]?.integer ?? 0)
        json.put("minDisk", image["min_disk"]?.integer ?? 0)
        json.put("created", image["created_at"]?.string)
        json.put("updated", image["updated_at"]?.string)
        json.put("OS-EXT-IMG-SIZE:size", image["size"]?.integer)
        json.put("metadata", .object(properties))
        if let server = properties.text("instance_uuid") {
            json.object("server") {
                $0.put("id", server)
                Links(call).write(to: &$0, "servers", server)
            }
        }
        if let isAutomatic = properties.boolean("auto_disk_config") {
            json.put("OS-DCF:diskConfig", isAutomatic ? "AUTO" : "MANUAL")
        }
    }
}

extension JSON {
    /// What the image service gives every image; the rest are properties that somebody has given this one.
    private static let imageFields: Set<String> = [
        "id", "name", "status", "visibility", "protected", "checksum", "os_hash_algo", "os_hash_value", "os_hidden",
        "owner", "size", "virtual_size", "container_format", "disk_format", "created_at", "updated_at", "min_disk",
        "min_ram", "tags", "self", "file", "schema", "locations", "direct_url", "stores",
    ]

    var imageProperties: JSON.Object {
        JSON.Object((object?.members ?? []).filter { !JSON.imageFields.contains($0.name) })
    }
}

extension Call<Compute> {
    func imageOfPath() async throws(Failure) -> JSON {
        let id = try uuid("image_id", absent: .noImage)
        do throws(Failure) { return try await image("GET", "/images/\(id)") } catch  where error.kind == .notFound {
            throw .noImage
        }
    }
}

extension Failure {
    static let noImage = Failure(.notFound, "Image not found.")
}
