import API
import Base
import HTTP
import Policy

/// `/images/{id}/metadata`: the properties that users give images. Until 2.38.
enum ImageMetadataProxy {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint("GET", path, "List an image's metadata", access: .authenticated, until: last, list),
        Endpoint(
            "POST", path, "Add to an image's metadata", access: .authenticated, body: .json(wrapped), until: last, add),
        Endpoint(
            "PUT", path, "Replace an image's metadata", access: .authenticated, body: .json(wrapped), until: last,
            replace),
        Endpoint("GET", path + "/{key}", "Show one of an image's metadata", access: .authenticated, until: last, show),
        Endpoint(
            "PUT", path + "/{key}", "Set one of an image's metadata", access: .authenticated, body: .json(single),
            until: last, set),
        Endpoint(
            "DELETE", path + "/{key}", "Remove one of an image's metadata", access: .authenticated, until: last, remove),
    ]

    private static let path = "/images/{image_id}/metadata"
    private static let last: Microversion = "2.38"
    private static let wrapped: Shape = .object(Fields([.required("metadata", CreateServer.metadata)]))
    private static let single: Shape = .object(
        Fields([.required("meta", .map(name: 1...255, value: .text(0...255), count: 1...1))]))

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        reply(try await call.imageOfPath().imageProperties)
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (properties, key) = (try await call.imageOfPath().imageProperties, call["key"])
        guard let value = properties[key] else { throw Failure(.notFound, "The resource could not be found.") }
        return .json { $0.object("meta") { $0.put(key, value) } }
    }

    private static func add(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let given = try call.fields("metadata")
        return reply(
            try await change(call) { properties throws(Failure) in
                for member in given.members { properties[member.name] = member.value }
            })
    }

    private static func replace(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let given = try call.fields("metadata")
        return reply(try await change(call) { properties throws(Failure) in properties = given })
    }

    private static func set(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (given, key) = (try call.fields("meta"), call["key"])
        guard given.names == [key], let value = given[key] else { throw .invalid("Request body and URI mismatch") }
        _ = try await change(call) { properties throws(Failure) in properties[key] = value }
        return .json { $0.object("meta") { $0.put(key, value) } }
    }

    private static func remove(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let key = call["key"]
        _ = try await change(call) { properties throws(Failure) in
            guard let place = properties.names.firstIndex(of: key) else {
                throw Failure(.notFound, "Invalid metadata key")
            }
            properties.members.remove(at: place)
        }
        return .noContent
    }

    /// Makes an image's properties be others, by a patch that names the differences.
    private static func change(
        _ call: Call<Compute>, _ change: (inout JSON.Object) throws(Failure) -> Void
    ) async throws(Failure) -> JSON.Object {
        let image = try await call.imageOfPath()
        let before = image.imageProperties
        var after = before
        try change(&after)
        let limit = call.service.settings.metadataItems
        guard after.members.count <= limit else { throw .forbidden("Image metadata limit exceeded") }
        var patch: [JSON] = []
        for name in before.names where !after.has(name) {
            patch.append(["op": "remove", "path": .string("/" + pointer(name))])
        }
        for member in after.members where before[member.name] != member.value {
            let verb: JSON = before.has(member.name) ? "replace" : "add"
            patch.append(["op": verb, "path": .string("/" + pointer(member.name)), "value": member.value])
        }
        guard !patch.isEmpty else { return after }
        let id = try call.uuid("image_id", absent: .noImage)
        _ = try await call.service.neighbours.image.ask(
            "PATCH", "/v2/images/\(id)", .array(patch), token: call.caller.token,
            headers: ["Content-Type": "application/openstack-images-v2.1-json-patch"])
        return after
    }

    /// A name as a patch's path has it.
    private static func pointer(_ name: String) -> String {
        name.replacing("~", with: "~0").replacing("/", with: "~1")
    }

    private static func reply(_ properties: JSON.Object) -> Reply { .json { $0.put("metadata", .object(properties)) } }
}
