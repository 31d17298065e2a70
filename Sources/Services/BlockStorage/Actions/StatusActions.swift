import API
import Base
import Policy
import SQL

/// What says how a volume is, or what it is.
enum StatusActions {
    static let all: [VolumeAction] = [
        VolumeAction(
            "os-reset_status", may: .resetVolume,
            takes: VolumeAction.object(
                .optional("status", .nullable(.text)), .optional("attach_status", .nullable(.text)),
                .optional("migration_status", .nullable(.text))), reset),
        VolumeAction("os-force_delete", may: .forceDeleteVolumeAction) { call, id, scope, _ throws(Failure) in
            let service = call.service
            try await service.database.write { tx in
                try service.delete(try tx.volume(id, in: scope), cascade: false, force: true, tx)
            }
            return Reply(202)
        },
        .change(
            "os-set_bootable", may: .updateVolume,
            takes: VolumeAction.object(.required("bootable", .looseBoolean)), status: 200
        ) { volume, body throws(Failure) in volume.isBootable = body["bootable"]?.looseBool ?? false },
        .change(
            "os-update_readonly_flag", may: .updateReadOnly,
            takes: VolumeAction.object(.required("readonly", .looseBoolean))
        ) { volume, body throws(Failure) in
            guard volume.status == .available else {
                throw .invalidVolume(
                    "Volume \(volume.id) status must be available to update readonly flag, but current status is:"
                        + " \(volume.status.rawValue).")
            }
            volume.isReadOnly = body["readonly"]?.looseBool ?? false
            volume.isReadOnlySaid = true
        },
        VolumeAction("os-unmanage", may: .unmanageVolume) { call, id, scope, _ throws(Failure) in
            try await call.service.database.write { tx in
                let volume = try tx.volume(id, in: scope)
                try volume.require(.available, .error, to: "unmanage")
                guard try tx.snapshots(where: "volume_snapshot.volume_id = \(id)").isEmpty else {
                    throw Failure.invalidVolume("Volume \(id) still has dependent snapshots.")
                }
                try tx.forget(id)
            }
            return Reply(202)
        },
        VolumeAction(
            "os-retype", may: .retypeVolume,
            takes: VolumeAction.object(
                .required("new_type", .text(1...255)),
                .optional("migration_policy", .nullable(.choice(["on-demand", "never"])))), retype),
        VolumeAction(
            "os-migrate_volume", may: .migrateVolume,
            takes: VolumeAction.object(
                .optional("host", .nullable(.text(0...255))), .optional("force_host_copy", .looseBoolean),
                .optional("lock_volume", .looseBoolean), .optional("cluster", .looseName)), migrate),
        VolumeAction(
            "os-migrate_volume_completion", may: .completeMigration,
            takes: VolumeAction.object(
                .required("new_volume", .text(32...36, format: .uuidOrHex)), .optional("error", .nothing))
        ) { call, id, scope, _ throws(Failure) in
            _ = try await call.service.database.read { try $0.volume(id, in: scope) }
            throw .invalidVolume("Volume \(id) is not being migrated.")
        },
    ]

    private static let resettable: [VolumeStatus] = [
        .creating, .available, .deleting, .error, .errorDeleting, .errorManaging, .managing, .attaching, .inUse,
        .detaching, .maintenance, .restoringBackup, .errorRestoring, .reserved, .awaitingTransfer, .backingUp,
        .errorBackingUp, .errorExtending, .downloading, .uploading, .retyping, .extending,
    ]

    private static func reset(
        _ call: Call<BlockStorage>, _ id: ID<Volume>, _ scope: Scope, _ body: JSON
    ) async throws(Failure) -> Reply {
        let fields = JSON.Object((body.object?.members ?? []).filter { !$0.value.isNull })
        guard !fields.members.isEmpty else {
            throw .invalid("Must specify 'status', 'attach_status', or 'migration_status' for update.")
        }
        var status: VolumeStatus?
        if let text = fields.text("status") {
            guard let known = VolumeStatus(rawValue: text.lowercased()), resettable.contains(known) else {
                throw .invalid("Invalid input for field/attribute status. '\(text)' is no status of a volume.")
            }
            status = known
        }
        var attachStatus: AttachStatus?
        if let text = fields.text("attach_status") {
            guard let known = AttachStatus(rawValue: text.lowercased()), known == .attached || known == .detached else {
                throw .invalid(
                    "Invalid input for field/attribute attach_status. '\(text)' is neither attached nor detached.")
            }
            attachStatus = known
        }
        let migration = fields.text("migration_status")?.lowercased()
        if let migration, !["migrating", "error", "success", "completing", "none", "starting"].contains(migration) {
            throw .invalid("Invalid input for field/attribute migration_status. '\(migration)' is none.")
        }
        let (newStatus, newAttachStatus, now) = (status, attachStatus, call.service.world.now)
        try await call.service.database.write { tx in
            // What is said to be detached is in nobody's hands.
            if newAttachStatus == .detached { try tx.run("DELETE FROM volume_attachment WHERE volume_id = \(id)") }
            try tx.change(id, in: scope, at: now) { volume in
                if let newStatus {
                    volume.status = newStatus
                    volume.previousStatus = nil
                }
                if let newAttachStatus { volume.attachStatus = newAttachStatus }
                if let migration { volume.migrationStatus = migration == "none" ? nil : migration }
            }
        }
        return Reply(202)
    }

    /// To a type that where it lies can serve too only the name changes; otherwise it is moved, if it may be.
    private static func retype(
        _ call: Call<BlockStorage>, _ id: ID<Volume>, _ scope: Scope, _ body: JSON
    ) async throws(Failure) -> Reply {
        let service = call.service
        let (wanted, now) = (body["new_type"]?.string ?? "", service.world.now)
        let mayMove = body["migration_policy"]?.string == "on-demand"
        try await service.database.write { tx in
            let volume = try tx.volume(id, in: scope)
            try volume.require(.available, .inUse, to: "retype")
            try volume.requireNoGroup(to: "retype")
            let type: VolumeType
            do throws(Failure) { type = try tx.volumeType(named: wanted, call.typeSight) } catch {
                throw Failure.invalidInput("Invalid volume_type passed: \(wanted).")
            }
            guard type.id != volume.type else {
                throw Failure.invalidInput("New volume_type same as original: \(type.id).")
            }
            guard volume.status == .available || type.isMultiattach == volume.isMultiattach else {
                throw Failure.invalidInput("A volume that is in use can be made neither multiattach nor the opposite.")
            }
            try tx.reserve(
                [.volumes: 1, .gigabytes: volume.size], onlyType: type.name, in: volume.project, service.settings)
            let services = try tx.volumeServices("cinder-volume")
            let scheduler = VolumeScheduler(settings: service.settings)
            // What doesn't move takes no more room than it has.
            let staying = PlaceRequest(size: 0, zone: volume.zone, type: type, near: volume.host)
            do throws(Failure) {
                _ = try scheduler.choose(staying, among: services, at: now)
            } catch {
                guard mayMove else { throw error }
                let moving = PlaceRequest(size: volume.size, zone: volume.zone, type: type, near: nil)
                let place = try scheduler.choose(moving, among: services, at: now)
                try volume.requireMovable(tx)
                return try service.move(volume, to: place, as: type.id, meanwhile: .retyping, tx)
            }
            try tx.change(id, at: now) { volume in
                volume.type = type.id
                volume.isMultiattach = type.isMultiattach
            }
        }
        return Reply(202)
    }

    /// While it is moved nobody can use it, whether that was asked for or not: what is written meanwhile would be lost.
    private static func migrate(
        _ call: Call<BlockStorage>, _ id: ID<Volume>, _ scope: Scope, _ body: JSON
    ) async throws(Failure) -> Reply {
        let service = call.service
        let (target, now) = (body["host"]?.string ?? "", service.world.now)
        try await service.database.write { tx in
            let volume = try tx.volume(id, in: scope)
            try volume.require(.available, .inUse, to: "migrate")
            try volume.requireNoGroup(to: "migrate")
            let services = try tx.volumeServices("cinder-volume").filter { $0.host == Place(target).backend }
            guard let wanted = services.first else {
                throw Failure.invalid("No available service named \(target)")
            }
            guard volume.host.map({ Place($0).backend }) != wanted.host else {
                throw Failure.invalid(
                    "Invalid input received: Destination host must be different than the current host.")
            }
            let type = try tx.volumeType(volume.type)
            let request = PlaceRequest(size: volume.size, zone: volume.zone, type: type, near: nil)
            let place = try VolumeScheduler(settings: service.settings).choose(request, among: services, at: now)
            try volume.requireMovable(tx)
            try service.move(volume, to: place, meanwhile: .maintenance, tx)
        }
        return Reply(202)
    }
}

extension Transaction {
    /// The limits of a type alone, for a volume that is counted otherwise already.
    fileprivate func reserve(
        _ wanted: KeyValuePairs<QuotaKind, Int>, onlyType type: String, in project: String,
        _ settings: BlockStorageSettings
    ) throws(Failure) {
        let (limits, usage) = (try limits(ofProject: project, settings), try usage(of: project))
        for (kind, count) in wanted {
            let name = "\(kind.rawValue)_\(type)"
            guard let limit = limits[name], limit >= 0, usage[name] + count > limit else { continue }
            throw kind.refusal(name, limit, usage[name], count)
        }
    }
}

extension Rule {
    static let resetVolume = Rule(
        "volume_extension:volume_admin_actions:reset_status", "Reset a volume's status", May.admin)
    static let forceDeleteVolumeAction = Rule(
        "volume_extension:volume_admin_actions:force_delete", "Delete a volume in any state", May.admin)
    static let updateReadOnly = Rule("volume:update_readonly_flag", "Make a volume read-only", May.member)
    static let unmanageVolume = Rule(
        "volume_extension:volume_unmanage", "Give a volume up without deleting it", May.admin)
    static let retypeVolume = Rule("volume:retype", "Change a volume's type", May.member)
    static let migrateVolume = Rule(
        "volume_extension:volume_admin_actions:migrate_volume", "Move a volume to another backend", May.admin)
    static let completeMigration = Rule(
        "volume_extension:volume_admin_actions:migrate_volume_completion", "End a volume's move", May.admin)
}
