package import API
package import Base
package import SQL

/// What servers boot from: the Image API, version 2.
package final class ImageService: Sendable {
    package let database: Database
    package let world: World
    package let settings: ImageSettings
    /// Where images' data can lie.
    let stores: [any Store]
    /// Knows where other regions have their images.
    let identity: Neighbour?
    let imports = Imports()
    /// What this machine keeps copies in, where it does.
    let cache: ImageCache?

    /// - Parameters:
    ///   - stores: where data can lie; it goes into the first when nobody says where.
    ///   - identity: knows the catalog.
    package init(
        database: Database, world: World, stores: [any Store], identity: Neighbour? = nil,
        cache: ImageCache? = nil, settings: ImageSettings = ImageSettings()
    ) {
        self.database = database
        self.world = world
        self.stores = stores
        self.identity = identity
        self.cache = cache
        self.settings = settings
    }

    var store: any Store { stores[0] }

    package var api: ServiceAPI {
        ServiceAPI(
            "image", port: 9292, versions: .only("2.17"), dialect: .image, service: self, bases: ["/v2"],
            definitions: ImageService.definitions,
            roots: ImageService.discovery, endpoints: ImageService.endpoints, countsLastSlash: true)
    }

    /// The table of contents of the API reference.
    package static let endpoints: [Endpoint<ImageService>] = [
        Image.endpoints, ImageData.endpoints, ImageTags.endpoints, Member.endpoints, Import.endpoints,
        Locations.endpoints, ImageTask.endpoints, Info.endpoints, Schemas.endpoints, Namespace.endpoints,
        Definition.endpoints, ResourceType.endpoints, ImageCache.endpoints,
    ].flatMap { $0 }

    package static let migrations: [Migration] = [
        Image.created, Image.placed, Member.created, ImageTask.created, Namespace.created, Definition.created,
        ResourceType.created, CachedImage.created,
    ]
}
