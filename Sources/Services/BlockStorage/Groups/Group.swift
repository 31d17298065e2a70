import API
import Base
import Policy
import SQL

/// Volumes that belong together, and are snapshot together.
struct VolumeGroup: Record {
    let id: ID<VolumeGroup>
    let project: String
    let user: String
    var name: String?
    var description: String?
    let type: ID<GroupType>
    let zone: String
    var status: GroupStatus
    /// The types that its volumes may have.
    let volumeTypes: [String]
    /// What it was made from.
    let source: String?
    let groupSnapshot: String?
    let created: Moment
}

enum GroupStatus: String, Sendable, SQL.Bindable, CaseIterable {
    case error, available, creating, deleting, deleted, updating
    case inUse = "in-use"
    case errorDeleting = "error_deleting"
}

extension VolumeGroup {
    static let created = Migration(
        "create volume group",
        """
        CREATE TABLE volume_group (
            position          \(.serial),
            id                VARCHAR(64)  NOT NULL,
            project_id        VARCHAR(255) NOT NULL,
            user_id           VARCHAR(255) NOT NULL,
            name              VARCHAR(255),
            description       VARCHAR(255),
            type_id           VARCHAR(64)  NOT NULL,
            zone              VARCHAR(255) NOT NULL,
            status            VARCHAR(32)  NOT NULL,
            volume_types      MEDIUMTEXT   NOT NULL,
            source_id         VARCHAR(64),
            group_snapshot_id VARCHAR(64),
            created_at        BIGINT       NOT NULL,
            UNIQUE (id)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), project: try row.text("project_id"), user: try row.text("user_id"),
            name: try row.optionalText("name"), description: try row.optionalText("description"),
            type: try row.id("type_id"), zone: try row.text("zone"), status: try row.value("status"),
            volumeTypes: try row.texts("volume_types"), source: try row.optionalText("source_id"),
            groupSnapshot: try row.optionalText("group_snapshot_id"), created: try row.moment("created_at"))
    }
}

extension Transaction {
    func group(_ id: ID<VolumeGroup>, in scope: Scope = .everywhere) throws(Failure) -> VolumeGroup {
        let reach = scope.within(project: "project_id", user: "user_id")
        let group: VolumeGroup? = try row("SELECT * FROM volume_group WHERE id = \(id) AND \(reach)")
        guard let group else { throw .noSuch("Group", id.text) }
        return group
    }

    /// A group that takes volumes of a type in.
    func group(_ id: ID<VolumeGroup>, in scope: Scope, admitting type: VolumeType) throws(Failure) -> String {
        let group = try group(id, in: scope)
        guard group.status == .available || group.status == .creating else {
            throw .invalidInput("Group \(id) is \(group.status.rawValue).")
        }
        guard group.volumeTypes.contains(type.id.text) else {
            throw .invalidInput(
                "Invalid volume_type provided: \(type.name). The type must be among those of the group \(id).")
        }
        return id.text
    }
}
