import Base
import SQL

/// A volume as it was at a moment.
struct Snapshot: Sendable {
    let id: ID<Snapshot>
    let volume: ID<Volume>
    let project: String
    let user: String
    var name: String?
    var description: String?
    var status: SnapshotStatus
    /// The volume's, in GB, at that moment.
    let size: Int
    var progress: String
    var metadata: JSON.Object
    var groupSnapshot: String?
    var countsForQuota: Bool
    let created: Moment
    var updated: Moment?
}

enum SnapshotStatus: String, Sendable, SQL.Bindable, CaseIterable {
    case error, available, creating, deleting, deleted, updating, unmanaging, restoring
    case errorDeleting = "error_deleting"
    case backingUp = "backing-up"
}
