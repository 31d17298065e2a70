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
        let names = image.storeNames(call.service.store.id)
        var json = JSONWriter()
        json.array { json in
            guard image.hasLocation, let key = image.data else { return }
            for store in call.service.stores where names.contains(store.id) {
                json.object {
                    $0.put("url", store.url(of: key))
                    $0.object("metadata") { $0.put("store", store.id) }
                }
            }
        }
        return Reply(200, headers: ["Content-Type": "application/json"], body: .bytes(json.finish()))
    }

    /// What lies in the web can be named by its address; other stores hold what was put into them.
    private static func add(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let (service, url) = (call.service, call.body["url"]?.string ?? "")
        let location = NamedLocation(url: url, promise: try NamedLocation.Promise(call.body["validation_data"]))
        let image = try await call.image(may: .addLocation)
        guard image.status == .queued else {
            throw .conflict("It's not allowed to add locations if image status is \(image.status.rawValue).")
        }
        guard let store = service.stores.first(where: { $0.isReadOnly }) else {
            throw .forbidden("http store must be enabled to use location API by normal user.")
        }
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
            throw .invalid("The Store URI was malformed or names a store that is not known here.")
        }
        _ = try service.settings.webRules.check(url)
        let begun = Import.task(call, .location, into: [store])
        let intake = try await Intake.begin(call, may: .addLocation, as: .importing) { image, tx in
            try tx.insert(begun)
            try tx.noteImport(of: image.id, into: [store.id])
        }
        try await Import.enqueue(
            Imports.Order(task: begun, stores: [store], isAllOrNothing: true, source: .named(intake, location)), service
        )
        return Reply(202)
    }

    private static func delete(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let (service, name) = (call.service, call["store_id"])
        guard let store = service.stores.first(where: { $0.id == name }) else {
            throw .conflict("The selected store \(name) is not available on this node.")
        }
        let image = try await call.image(may: .getLocation)
        guard call.permit(.deleteLocation).allows(image) else { throw call.exchange.refusal(.deleteLocation) }
        let key = try await service.database.write { tx -> StoreKey in
            let image = try tx.image(image.id, in: call.sight)
            guard image.status == .active, let key = image.data else {
                throw Failure.conflict(
                    "It's not allowed to remove image data from store if image status is not 'active'")
            }
            let names = image.storeNames(service.store.id)
            guard names.contains(name) else {
                throw Failure(.notFound, "Image \(image.id) is not stored in store \(name).")
            }
            let rest = names.filter { $0 != name }
            guard !rest.isEmpty else {
                throw Failure.forbidden(
                    "Cannot delete image data from the only store containing it. Consider deleting the image instead.")
            }
            try tx.run("UPDATE image SET stores = \(rest.joined(separator: ",")) WHERE id = \(image.id)")
            return key
        }
        try await store.remove(key)
        return .noContent
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
