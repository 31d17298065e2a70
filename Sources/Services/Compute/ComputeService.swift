package import API
package import Base
package import Bus
package import Contracts
import IO
package import SQL
package import Workflow

/// Servers: the Compute API 2.1 with its microversions, and the roles that make it true.
///
/// `compute-api` answers requests and writes down what is wanted; the conductor carries it out as workflows; the
/// scheduler chooses hosts; compute nodes, elsewhere in the tree, make guests so.
package final class Compute: Sendable {
    package let database: Database
    package let world: World
    let bus: any Bus
    let runner: WorkflowRunner
    let neighbours: Neighbours
    let tokens: any TokenIssuer
    let settings: ComputeSettings
    let keys = Pool(name: "keypairs", threads: 1)
    let documents = Documents<Server, ServerView.Kind>()

    /// The services that compute asks.
    package struct Neighbours: Sendable {
        let identity: Neighbour
        let image: Neighbour
        let network: Neighbour
        let volume: Neighbour
        let placement: Neighbour

        package init(
            identity: Neighbour, image: Neighbour, network: Neighbour, volume: Neighbour, placement: Neighbour
        ) {
            self.identity = identity
            self.image = image
            self.network = network
            self.volume = volume
            self.placement = placement
        }
    }

    package init(
        database: Database, world: World, bus: any Bus, runner: WorkflowRunner, neighbours: Neighbours,
        tokens: any TokenIssuer, settings: ComputeSettings = ComputeSettings()
    ) {
        self.database = database
        self.world = world
        self.bus = bus
        self.runner = runner
        self.neighbours = neighbours
        self.tokens = tokens
        self.settings = settings
    }

    /// No list is longer, whatever is asked for.
    static let greatestPage = 1_000

    package var api: ServiceAPI {
        ServiceAPI(
            "compute", port: 8774,
            versions: VersionRange("2.1", to: "2.104", header: "compute", olderHeader: "X-OpenStack-Nova-API-Version"),
            dialect: .compute, service: self, bases: ["/v2.1", "/v2"], definitions: Compute.definitions,
            innerRules: [
                .listAllServerGroups, .showServerSteps, .showStepDetails, .showOthersLimits, .seeServerHost,
                .seeServerFlavorSpecs, .forceHost, .removeFlavorAccess, .requestDestination, .unshelveToHost,
                .migrateToHost, .migrateLiveToHost,
            ],
            roots: Compute.discovery, endpoints: Compute.endpoints.map(\.strict), countsLastSlash: true)
    }

    /// The table of contents of the API reference.
    package static let endpoints: [Endpoint<Compute>] = [
        Flavor.endpoints, Keypair.endpoints, Server.endpoints, ServerMetadata.endpoints, ServerAction.endpoints,
        ServerInterfaces.endpoints, VolumeAttachments.endpoints, ServerSecurityGroups.endpoints,
        ServerMigration.endpoints, ServerInspection.endpoints, RemoteConsole.endpoints,
        ServerEvent.endpoints, ServerTags.endpoints, ServerGroup.endpoints, Aggregate.endpoints,
        AvailabilityZone.endpoints, HypervisorAPI.endpoints, ComputeServiceAPI.endpoints, HostAPI.endpoints,
        Quota.endpoints, QuotaClass.endpoints, Limits.endpoints, UsageAPI.endpoints, UsageAuditAPI.endpoints,
        ExternalEventAPI.endpoints, ExtensionAPI.endpoints, Proxy.endpoints, GoneAPI.endpoints,
    ].flatMap { $0 }

    package static let migrations: [Migration] = [
        Flavor.created, Keypair.created, ComputeHost.created, Server.created, Wishes.added, ComputeHost.countedOn,
        Quota.created, ServerGroup.created, Aggregate.created, ServerEvent.created,
        Server.grown, ServerMigration.created, ConsoleTicket.created, ComputeRole.created,
        Server.counted, Server.summed,
    ]

    /// What the conductor of this service can carry out.
    static func workflows(_ tools: ServerTools) -> [any RunnableKind] {
        [
            Runnable(BootServer.self, tools), Runnable(DeleteServer.self, tools), Runnable(PowerServer.self, tools),
            Runnable(RebuildServer.self, tools), Runnable(RescueServer.self, tools),
            Runnable(UnrescueServer.self, tools), Runnable(RestoreServer.self, tools),
            Runnable(SnapshotServer.self, tools), Runnable(ShelveServer.self, tools),
            Runnable(UnshelveServer.self, tools), Runnable(ResizeServer.self, tools),
            Runnable(ConfirmResize.self, tools), Runnable(RevertResize.self, tools),
            Runnable(MigrateServer.self, tools), Runnable(EvacuateServer.self, tools),
            Runnable(AttachInterface.self, tools), Runnable(DetachInterface.self, tools),
            Runnable(AttachVolume.self, tools), Runnable(DetachVolume.self, tools), Runnable(SwapVolume.self, tools),
            Runnable(GrowVolume.self, tools),
        ]
    }
}

/// What an operator may set.
package struct ComputeSettings: Sendable {
    package var keypairs = 100
    package var instances = 10
    package var cores = 20
    /// MB.
    package var memory = 51_200
    package var metadataItems = 128
    package var serverGroups = 10
    package var serverGroupMembers = 10
    package var defaultZone = "nova"
    package var scheduler = SchedulerSettings()
    /// What this machine is called.
    package var machine = "localhost"
    /// A node that says nothing for so long counts as down.
    package var nodePatience: Duration = .seconds(60)
    /// A build takes at most so long on a host.
    package var buildLimit: Duration = .seconds(600)

    /// Where users reach consoles, if not beside compute: `http://cloud.example:6080`.
    package var consoleAddress: String?

    package init() {}
}
