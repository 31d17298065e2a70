import Base
import SQL

/// A block device of a project's: what it is, where it lies and what is being done with it.
struct Volume: Sendable {
    let id: ID<Volume>
    var project: String
    var user: String
    var name: String?
    var description: String?
    /// In GB, and never smaller.
    var size: Int
    /// What counts against the quota: the new size as soon as it is promised.
    var quotaSize: Int
    var status: VolumeStatus
    /// To what it goes back when what is being done is done.
    var previousStatus: VolumeStatus?
    var migrationStatus: String?
    var attachStatus: AttachStatus
    var zone: String
    var type: ID<VolumeType>
    var typeName: String
    /// `node@backend#pool`; nil until the scheduler has chosen.
    var host: String?
    var snapshot: String?
    var source: String?
    var isBootable: Bool
    var isMultiattach: Bool
    var isReadOnly: Bool
    /// Whether anybody ever said so or otherwise.
    var isReadOnlySaid = false
    var countsForQuota: Bool
    var metadata: JSON.Object
    /// What the image that it was made from says of itself; nil where there was none.
    var imageMetadata: JSON.Object?
    var group: String?
    var created: Moment
    var updated: Moment?
}

enum VolumeStatus: String, Sendable, SQL.Bindable, CaseIterable {
    case creating, downloading, available, reserved, attaching, detaching, deleting, error, maintenance, managing
    case extending, uploading, retyping, reverting
    case inUse = "in-use"
    case errorDeleting = "error_deleting"
    case errorExtending = "error_extending"
    case errorManaging = "error_managing"
    case errorRestoring = "error_restoring"
    case errorBackingUp = "error_backing-up"
    case awaitingTransfer = "awaiting-transfer"
    case backingUp = "backing-up"
    case restoringBackup = "restoring-backup"

    var isError: Bool { rawValue.hasPrefix("error") }

    /// What users see: an adoption is none of theirs.
    var shown: String {
        switch self {
        case .managing: "creating"
        case .errorManaging: "error"
        default: rawValue
        }
    }
}

enum AttachStatus: String, Sendable, SQL.Bindable {
    case detached, attaching, attached, detaching, reserved
    case errorAttaching = "error_attaching"
    case errorDetaching = "error_detaching"
}

extension Volume {
    /// Refuses what cannot be done in this state, in the words that clients know.
    func require(_ statuses: VolumeStatus..., to verb: String) throws(Failure) {
        guard !statuses.contains(status) else { return }
        let list = statuses.map(\.rawValue).joined(separator: " or ")
        throw .invalidVolume(
            "Volume \(id) status must be \(list) to \(verb), but current status is: \(status.rawValue).")
    }

    /// Refuses what cannot be done with the volume of a group.
    func requireNoGroup(to verb: String) throws(Failure) {
        guard let group else { return }
        throw .invalidVolume("Volume \(id) belongs to group \(group) and cannot be used to \(verb).")
    }

    /// What is over: the state to which it goes back.
    mutating func settle() {
        status = previousStatus ?? .available
        previousStatus = nil
    }
}
