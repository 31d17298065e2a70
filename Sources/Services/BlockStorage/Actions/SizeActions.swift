import API
import Base
import Policy
import SQL
import Workflow

/// What changes a volume's size or what it holds.
enum SizeActions {
    static let all: [VolumeAction] = [
        VolumeAction(
            "os-extend", may: .extendVolume, takes: VolumeAction.object(.required("new_size", .gigabytes)), extend),
        VolumeAction(
            "os-extend_volume_completion", may: .completeExtension,
            takes: VolumeAction.object(.optional("error", .nothing)), since: "3.71"
        ) { call, id, scope, _ throws(Failure) in
            let volume = try await call.service.database.read { try $0.volume(id, in: scope) }
            throw .invalidVolume("Volume \(volume.id) does not wait for anybody to extend it.")
        },
        VolumeAction(
            "revert", may: .revertVolume,
            takes: .object(Fields([.optional("snapshot_id", .nullable(.text))], others: .allowed)), since: "3.40",
            revert),
    ]

    private static func extend(
        _ call: Call<BlockStorage>, _ id: ID<Volume>, _ scope: Scope, _ body: JSON
    ) async throws(Failure) -> Reply {
        let service = call.service
        let (size, now) = (Int(body["new_size"]?.looseInteger ?? 0), service.world.now)
        let mayInUse = call.version >= "3.42" ? call.scope(under: .extendAttached) : .nowhere
        try await service.database.write { tx in
            let volume = try tx.volume(id, in: scope)
            let isInUse = volume.status == .inUse && mayInUse.covers(["project_id": volume.project])
            guard volume.status == .available || isInUse else {
                throw Failure.invalidVolume(
                    "Volume \(id) status must be '\(call.version >= "3.42" ? "available or in-use" : "available")' to"
                        + " extend, currently \(volume.status.rawValue).")
            }
            guard size > volume.size else {
                throw Failure.invalidInput(
                    "New size for extend must be greater than current size. (current: \(volume.size), extended: \(size))."
                )
            }
            try tx.reserve(
                [.gigabytes: size - volume.size], type: volume.typeName, size: size, in: volume.project,
                service.settings)
            try tx.change(id, at: now) { volume in
                volume.previousStatus = volume.status
                volume.status = .extending
                volume.quotaSize = size
            }
            try service.runner.start(ExtendVolume.self, about: id.text, ExtendVolume.State(volume: id, size: size), tx)
            let runner = service.runner
            tx.afterCommit { runner.nudge() }
        }
        return Reply(202)
    }

    private static func revert(
        _ call: Call<BlockStorage>, _ id: ID<Volume>, _ scope: Scope, _ body: JSON
    ) async throws(Failure) -> Reply {
        let service = call.service
        let (wanted, now) = (body["snapshot_id"]?.string, service.world.now)
        try await service.database.write { tx in
            let volume = try tx.volume(id, in: scope)
            guard let latest = try tx.snapshots(where: "volume_snapshot.volume_id = \(id)").last else {
                throw Failure.invalid("Volume \(id) doesn't have any snapshots.")
            }
            guard latest.id.text == wanted else {
                throw Failure.invalid(
                    "Specified snapshot \(wanted ?? "None") is None or not the latest one of volume \(id).")
            }
            guard latest.size == volume.size else {
                throw Failure.invalid(
                    "Can't revert volume \(id) to its latest snapshot \(latest.id). The volume size must be equal to the"
                        + " snapshot size.")
            }
            guard volume.status == .available, latest.status == .available else {
                throw Failure.conflict(
                    "Can't revert volume \(id) to its latest snapshot \(latest.id): both must be available, but they are"
                        + " \(volume.status.rawValue) and \(latest.status.rawValue).")
            }
            try tx.change(id, at: now) { $0.status = .reverting }
            try tx.setStatus(latest.id, .restoring, at: now)
            let state = RevertVolume.State(volume: id, snapshot: latest.id)
            try service.runner.start(RevertVolume.self, about: id.text, state, tx)
            let runner = service.runner
            tx.afterCommit { runner.nudge() }
        }
        return Reply(202)
    }
}

extension Rule {
    static let extendVolume = Rule("volume:extend", "Make a volume larger", May.member)
    static let extendAttached = Rule("volume:extend_attached_volume", "Make a volume in use larger", May.member)
    static let completeExtension = Rule(
        "volume_extension:volume_admin_actions:extend_volume_completion", "End making a volume larger", May.admin)
    static let revertVolume = Rule("volume:revert_to_snapshot", "Put a volume back to its snapshot", May.member)
}
