import Base
import SQL
import Workflow

/// What is done with a group is done with its volumes, each of which has a workflow of its own. This one waits for them
/// all, and then says of the group what has become of them.
enum FollowGroup: Workflow {
    static let name = "follow-group"

    enum Goal: String, Sendable {
        case volumesMade, volumesGone, snapshotsMade, snapshotsGone
    }

    struct State: JSONCoded {
        /// Of the group, or of the group snapshot.
        let id: String
        let goal: Goal

        init(id: String, goal: Goal) {
            self.id = id
            self.goal = goal
        }

        init(_ json: JSON) throws(Failure) {
            id = try json.text("id")
            guard let goal = Goal(rawValue: try json.text("goal")) else { throw .bug("A group has an unknown goal.") }
            self.goal = goal
        }

        var json: JSON { ["id": .string(id), "goal": .string(goal.rawValue)] }
    }

    static let steps: [Step<FollowGroup>] = [
        .wait("let all of it be done", limit: VolumeTools.longest, until: isDone)
    ]

    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        try await tools.database.write { tx in
            switch state.goal {
            case .volumesMade: try tx.setGroup(state.id, .error)
            case .volumesGone: try tx.setGroup(state.id, .errorDeleting)
            case .snapshotsMade: try tx.setStatus(ID<GroupSnapshot>(state.id), .error)
            case .snapshotsGone: try tx.setStatus(ID<GroupSnapshot>(state.id), .errorDeleting)
            }
        }
    }

    private static func isDone(_ tools: VolumeTools, _ state: inout State) async throws -> Bool {
        let (id, goal) = (state.id, state.goal)
        return try await tools.database.write { tx in
            let isAboutVolumes = goal == .volumesMade || goal == .volumesGone
            let statuses =
                isAboutVolumes
                ? try tx.volumes(where: "volume_volume.group_id = \(id)").map(\.status.rawValue)
                : try tx.snapshots(where: "volume_snapshot.group_snapshot_id = \(id)").map(\.status.rawValue)
            if statuses.contains(where: { $0.hasPrefix("error") }) {
                throw Failure.invalid("Not all of what belongs to \(id) could be done.")
            }
            switch goal {
            case .volumesMade, .snapshotsMade:
                guard !statuses.contains(where: { $0 == "creating" || $0 == "downloading" }) else { return false }
                if isAboutVolumes {
                    try tx.setGroup(id, .available)
                } else {
                    try tx.setStatus(ID<GroupSnapshot>(id), .available)
                }
            case .volumesGone:
                guard statuses.isEmpty else { return false }
                try tx.run("DELETE FROM volume_group WHERE id = \(id)")
            case .snapshotsGone:
                guard statuses.isEmpty else { return false }
                try tx.run("DELETE FROM volume_group_snapshot WHERE id = \(id)")
            }
            return true
        }
    }
}

extension Transaction {
    fileprivate func setGroup(_ id: String, _ status: GroupStatus) throws(Failure) {
        try run("UPDATE volume_group SET status = \(status) WHERE id = \(id)")
    }
}
