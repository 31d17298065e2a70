package import API
package import Base
import Bus
import Contracts
import Policy
package import SQL
import Workflow

/// Volumes: the Block Storage API 3 with its microversions, and the control plane that makes them true.
///
/// Handlers write down what is wanted; what takes long is carried out as workflows; volume nodes, elsewhere in the tree,
/// hold the bytes.
package final class BlockStorage: Sendable {
    package let database: Database
    package let world: World
    let runner: WorkflowRunner
    let tools: VolumeTools
    let documents = Documents<Volume, VolumeView.Kind>()

    var settings: BlockStorageSettings { tools.settings }

    /// The services that block storage asks.
    package struct Neighbours: Sendable {
        let image: Neighbour
        let compute: Neighbour

        package init(image: Neighbour, compute: Neighbour) {
            self.image = image
            self.compute = compute
        }
    }

    package init(_ control: VolumeControl) {
        database = control.tools.database
        world = control.tools.world
        runner = control.runner
        tools = control.tools
    }

    static let newest: Microversion = "3.71"

    package var api: ServiceAPI {
        ServiceAPI(
            "volume", types: ["block-storage", "volumev3", "volume"], port: 8776,
            versions: VersionRange("3.0", to: BlockStorage.newest, header: "volume"), dialect: .blockStorage,
            service: self, bases: ["/v3", "/v3/{tenant}"], definitions: BlockStorage.definitions,
            innerRules: BlockStorage.innerRules, roots: BlockStorage.discovery,
            endpoints: BlockStorage.endpoints.map(\.withTenantChecked), countsLastSlash: true)
    }

    /// The table of contents of the API reference.
    package static let endpoints: [Endpoint<BlockStorage>] = [
        Volume.endpoints, Metadata.endpoints, VolumeAction.endpoints, Snapshot.endpoints, Attachment.endpoints,
        VolumeType.endpoints, QuotaAPI.endpoints, Limits.endpoints, VolumeServiceRow.endpoints, UserMessage.endpoints,
        Zones.endpoints, Extensions.endpoints, QoSSpecs.endpoints, Backup.endpoints, Transfer.endpoints,
        GroupType.endpoints, VolumeGroup.endpoints, GroupSnapshot.endpoints, Pools.endpoints, Manageable.endpoints,
        DefaultTypes.endpoints, ResourceFilters.endpoints,
    ].flatMap { $0 }

    package static let migrations: [Migration] = [
        VolumeType.created, VolumeServiceRow.created, Volume.created, Snapshot.created, Attachment.created,
        QuotaLimit.created, UserMessage.created, Backup.created, VolumeGroup.created, QoSSpecs.created,
        Transfer.created, GroupType.created, GroupSnapshot.created, Backup.keepsMore, Volume.saysReadOnly,
        Volume.counted,
    ]

    /// Rules that no endpoint is let through by, but handlers ask.
    private static let innerRules: [Rule] = [
        .seeVolumeHost, .seeVolumeProject, .seeVolumeMigration, .createMultiattach, .forceDeleteVolume, .seeExtraSpecs,
        .seeQoSOfType, .readSensitiveSpecs, .seeTypeAccess, .seeSnapshotProgress, .multiattachBootable,
        .extendAttached, .uploadPublic, .reimageReserved, .seeBackupProject, .seeGroupProject, .seeGroupSnapshotProject,
        .seeGroupSpecs,
    ]

    static func workflows(_ tools: VolumeTools) -> [any RunnableKind] {
        [
            Runnable(CreateVolume.self, tools), Runnable(DeleteVolume.self, tools),
            Runnable(CreateSnapshot.self, tools), Runnable(DeleteSnapshot.self, tools),
            Runnable(ExtendVolume.self, tools), Runnable(RevertVolume.self, tools), Runnable(UploadVolume.self, tools),
            Runnable(ReimageVolume.self, tools), Runnable(ManageVolume.self, tools), Runnable(CreateBackup.self, tools),
            Runnable(DeleteBackup.self, tools), Runnable(RestoreBackup.self, tools),
            Runnable(ImportBackup.self, tools), Runnable(FollowGroup.self, tools), Runnable(MoveVolume.self, tools),
        ]
    }
}

/// What an operator may set.
package struct BlockStorageSettings: Sendable {
    package var volumes = 10
    package var snapshots = 10
    package var gigabytes = 1_000
    package var backups = 10
    package var backupGigabytes = 1_000
    package var groups = 10
    /// A volume's greatest size; -1 is none.
    package var perVolumeGigabytes = -1
    package var defaultZone = "nova"
    package var defaultType = "__DEFAULT__"
    /// A node that says nothing for so long counts as down.
    package var nodePatience: Duration = .seconds(60)

    package init() {}
}
