import API
import Base
import HTTP
import Policy
import SQL

/// Where the data of images lies: for services that fetch it there by themselves. Users neither see it nor say it.
enum Locations {
    static let endpoints: [Endpoint<ImageService>] = [
        Endpoint(
            "GET", "/images/{image_id}/locations", "Show where an image's data is",
            access: .decided(by: [.fetchLocation]), show),
        Endpoint(
            "POST", "/images/{image_id}/locations", "Say where an image's data is",
            access: .decided(by: [.addLocation]),
            body: .json(.object(Fields([.required("url", .text(1...2_048))], others: .allowed))), add),
        Endpoint(
            "DELETE", "/stores/{store_id}/{image_id}", "Delete an image's data from a store",
            access: .decided(by: [.getLocation, .deleteLocation]), delete),
    ]

    private static func show(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let image = try await call.image(may: .fetchLocation)
        let store = call.service.store
        var json = JSONWriter()
        json.array { json in
            guard image.hasLocation, let key = image.data else { return }
            json.object {
                $0.put("url", store.url(of: key))
                $0.object("metadata") { $0.put("store", store.id) }
            }
        }
        return Reply(200, headers: ["Content-Type": "application/json"], body: .bytes(json.finish()))
    }

    /// There is no store here that data could be left in by its address alone.
    private static func add(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let image = try await call.image(may: .addLocation)
        guard image.status == .queued else {
            throw .conflict("It's not allowed to add locations if image status is \(image.status.rawValue).")
        }
        guard call.caller.has(role: "service") || call.caller.serviceRoles.contains("service") else {
            throw .forbidden("http store must be enabled to use location API by normal user.")
        }
        throw .invalid("The Store URI was malformed or names a store that is not known here.")
    }

    private static func delete(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let store = call["store_id"]
        guard store == call.service.store.id else {
            throw .conflict("The selected store \(store) is not available on this node.")
        }
        let image = try await call.image(may: .getLocation)
        guard call.permit(.deleteLocation).allows(image) else { throw call.exchange.refusal(.deleteLocation) }
        guard image.status == .active else {
            throw .conflict("It's not allowed to remove image data from store if image status is not 'active'")
        }
        throw .forbidden(
            "Cannot delete image data from the only store containing it. Consider deleting the image instead.")
    }
}

extension Rule {
    static let getLocation = Rule.ofProjects(
        "get_image_location", "Show where an image's data is",
        "rule:context_is_admin or (role:reader and project_id:%(project_id)s)")
    static let deleteLocation = Rule.ofProjects(
        "delete_image_location", "Delete an image's data from a store", May.admin)
    static let fetchLocation = Rule.ofProjects(
        "fetch_image_location", "Fetch where an image's data is", "rule:service_api")
    static let addLocation = Rule.ofProjects(
        "add_image_location", "Add where an image's data is",
        "rule:service_api or (role:member and project_id:%(project_id)s and project_id:%(owner)s)")
}
