package import API
package import Base
package import SQL

/// What resources there are, who holds them and where more would fit: the Placement API, 1.0 to 1.39.
package final class Placement: Sendable {
    package let database: Database
    package let world: World

    package init(database: Database, world: World) {
        self.database = database
        self.world = world
    }

    static let versions = VersionRange("1.0", to: "1.39", header: "placement")

    package var api: ServiceAPI {
        ServiceAPI(
            "placement", port: 8778, versions: Placement.versions,
            dialect: .placement, service: self, bases: [""], definitions: Placement.definitions,
            roots: Placement.discovery,
            endpoints: Placement.endpoints)
    }

    /// The table of contents of the API reference.
    package static let endpoints: [Endpoint<Placement>] = [
        Provider.endpoints, Inventory.endpoints, Aggregates.endpoints, Trait.endpoints, ProviderTraits.endpoints,
        ResourceClass.endpoints, Allocations.endpoints, Usages.endpoints, CandidateSearch.endpoints, Reshape.endpoints,
    ].flatMap { $0 }

    package static let migrations: [Migration] = [
        Provider.created, ResourceClass.created, Inventory.created, Trait.created, Aggregates.created,
        Allocations.created,
    ]
}
