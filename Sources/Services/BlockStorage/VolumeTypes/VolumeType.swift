import API
import Base
import Policy
import SQL

/// A kind of volume, as an administrator offers it: what a backend must be able to do, and who may use it.
struct VolumeType: Sendable {
    let id: ID<VolumeType>
    var name: String
    var description: String?
    var isPublic: Bool
    var extraSpecs: JSON.Object
    var qosSpecs: ID<QoSSpecs>?
    var encryption: JSON.Object?
    let created: Moment
    var updated: Moment?
}

extension VolumeType {
    /// What users may know of the extra specs; the rest tells of the backends.
    static let visibleSpecs = ["RESKEY:availability_zones", "multiattach", "replication_enabled"]

    var isMultiattach: Bool { isTrue("multiattach") }

    func isTrue(_ spec: String) -> Bool { extraSpecs[spec]?.string?.lowercased() == "<is> true" }

    /// The zones to which it is limited.
    var zones: [String]? {
        extraSpecs["RESKEY:availability_zones"]?.string?.split(separator: ",").map { String($0).trimmed }
    }
}

/// Which types somebody may use: administrators all, others the public ones and those that their project was let in to.
enum TypeSight: Sendable {
    case everything
    case project(String)

    var condition: SQL {
        switch self {
        case .everything: "1 = 1"
        case .project(let project):
            """
            (volume_type.is_public = \(true) OR volume_type.id IN
                (SELECT type_id FROM volume_type_access WHERE project_id = \(project)))
            """
        }
    }
}

extension Call<BlockStorage> {
    var typeSight: TypeSight { caller.isAdmin ? .everything : .project(project) }
}
