import Base
import Contracts
import SQL
import Workflow

/// Makes a backup that is written down.
enum CreateBackup: Workflow {
    static let name = "create-backup"

    struct State: JSONCoded {
        let backup: ID<Backup>

        init(backup: ID<Backup>) { self.backup = backup }
        init(_ json: JSON) throws(Failure) { backup = ID(try json.text("backup")) }
        var json: JSON { ["backup": .string(backup.text)] }
    }

    static let steps: [Step<CreateBackup>] = [
        Step("copy it on its node", limit: VolumeTools.longest, copy, undo: remove),
        Step("say that it is there", limit: VolumeTools.short, finish),
    ]

    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        let (id, world) = (state.backup, tools.world)
        try await tools.database.write { tx in
            let found: Backup? = try tx.row("SELECT * FROM volume_backup WHERE id = \(id)")
            guard let backup = found else { return }
            try tx.release(backup, at: world.now)
            guard try !tx.hasRuns(of: DeleteBackup.name, about: id.text) else { return }
            try tx.change(id, at: world.now) { backup in
                backup.status = .error
                backup.failReason = failure.message
            }
            try tx.tell(failure, about: .backup, id.text, of: backup.project, doing: .backup, world)
        }
    }

    private static func copy(_ tools: VolumeTools, _ state: inout State) async throws {
        let id = state.backup
        let (backup, parent) = try await tools.database.read { tx in
            let backup = try tx.backup(id)
            return (backup, try backup.parent.map { try tx.backup($0) })
        }
        guard let host = backup.volumeHost else { throw Failure.bug("A backup is to be made nowhere.") }
        let source = backup.snapshot.map { StoredName(.snapshot, $0) } ?? StoredName(.volume, backup.volume.text)
        let order = CopyOrder(
            target: StoredName(.backup, backup.storedID), source: source,
            parent: parent.map { StoredName(.backup, $0.storedID) })
        _ = try await tools.ensure(VolumeMessages.ensureBackup, at: host, order)
    }

    private static func remove(_ tools: VolumeTools, _ state: inout State) async throws {
        try await tools.removeBackup(state.backup)
    }

    private static func finish(_ tools: VolumeTools, _ state: inout State) async throws {
        let (id, now) = (state.backup, tools.world.now)
        try await tools.database.write { tx in
            let backup = try tx.backup(id)
            try tx.release(backup, at: now)
            try tx.change(id, at: now) { backup in
                if backup.status == .creating { backup.status = .available }
                backup.container = backup.container ?? "backups"
            }
        }
    }
}

/// Takes a backup whose record was brought in from elsewhere, if its bytes are there.
enum ImportBackup: Workflow {
    static let name = "import-backup"
    typealias State = CreateBackup.State

    static let steps: [Step<ImportBackup>] = [
        Step("look for it on its node", limit: VolumeTools.short) { tools, state in
            let (id, now) = (state.backup, tools.world.now)
            let backup = try await tools.database.read { try $0.backup(id) }
            guard let host = backup.volumeHost else { throw Failure.invalid("The record names no place.") }
            let name = StoredName(.backup, backup.storedID)
            let thing = try await tools.ask(VolumeMessages.describe, at: host, name, within: VolumeTools.short)
            guard thing.isThere else { throw Failure.invalid("The backup's bytes are not on \(host).") }
            try await tools.database.write { tx in
                try tx.change(id, at: now) { backup in if backup.status == .creating { backup.status = .available } }
            }
        }
    ]

    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        let (id, now) = (state.backup, tools.world.now)
        try await tools.database.write { tx in
            try tx.run(
                """
                UPDATE volume_backup SET status = \(BackupStatus.error), fail_reason = \(failure.message),
                    updated_at = \(now) WHERE id = \(id)
                """)
        }
    }
}

/// Fills a volume with a backup.
enum RestoreBackup: Workflow {
    static let name = "restore-backup"

    struct State: JSONCoded {
        let backup: ID<Backup>
        let volume: ID<Volume>

        init(backup: ID<Backup>, volume: ID<Volume>) {
            self.backup = backup
            self.volume = volume
        }

        init(_ json: JSON) throws(Failure) {
            backup = ID(try json.text("backup"))
            volume = ID(try json.text("volume"))
        }

        var json: JSON { ["backup": .string(backup.text), "volume": .string(volume.text)] }
    }

    static let steps: [Step<RestoreBackup>] = [
        Step("fill the volume on its node", limit: VolumeTools.longest, fill),
        Step("say that it is there", limit: VolumeTools.short, finish),
    ]

    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        let world = tools.world
        let project = try await settle(tools, state, .errorRestoring)
        try await tools.database.write { tx in
            try tx.tell(failure, about: .backup, state.backup.text, of: project, doing: .restore, world)
        }
    }

    private static func fill(_ tools: VolumeTools, _ state: inout State) async throws {
        let (id, backup) = (state.volume, state.backup)
        let (volume, source) = try await tools.database.read { (try $0.volume(id), try $0.backup(backup)) }
        guard let host = volume.host else { throw Failure.bug("A volume that lies nowhere is to be restored.") }
        let order = FillOrder(
            volume: id.text, sizeGB: volume.size, source: .stored(StoredName(.backup, source.storedID)))
        _ = try await tools.ask(VolumeMessages.overwrite, at: host, order)
    }

    private static func finish(_ tools: VolumeTools, _ state: inout State) async throws {
        let (id, backup, now) = (state.volume, state.backup, tools.world.now)
        try await tools.database.write { tx in
            let kept = try tx.backup(backup).kept
            try tx.change(id, at: now) { volume in
                guard volume.status == .restoringBackup else { return }
                volume.metadata = volume.metadata.merging(kept["metadata"]?.object ?? JSON.Object())
                volume.isBootable = kept["bootable"]?.bool ?? volume.isBootable
                volume.imageMetadata = kept["image"]?.object ?? volume.imageMetadata
            }
        }
        _ = try await settle(tools, state, .available)
    }

    private static func settle(_ tools: VolumeTools, _ state: State, _ status: VolumeStatus) async throws -> String {
        let now = tools.world.now
        return try await tools.database.write { tx in
            try tx.run(
                """
                UPDATE volume_backup SET status = \(BackupStatus.available), updated_at = \(now)
                WHERE id = \(state.backup) AND status = \(BackupStatus.restoring)
                """)
            guard try !tx.volumes(where: "volume_volume.id = \(state.volume)").isEmpty else { return "" }
            return try tx.change(state.volume, at: now) { volume in
                guard volume.status == .restoringBackup else { return }
                volume.status = status
                volume.previousStatus = nil
            }.project
        }
    }
}

/// Removes a backup, and then the last trace of it.
enum DeleteBackup: Workflow {
    static let name = "delete-backup"
    typealias State = CreateBackup.State

    static let steps: [Step<DeleteBackup>] = [
        .wait("let its making end", limit: .seconds(900), until: isMade),
        Step("remove it from its node", limit: .seconds(3_600)) { tools, state in
            try await tools.removeBackup(state.backup)
        },
        Step("forget it", limit: VolumeTools.short) { tools, state in
            let id = state.backup
            _ = try await tools.database.write { try $0.run("DELETE FROM volume_backup WHERE id = \(id)") }
        },
    ]

    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        let (id, now) = (state.backup, tools.world.now)
        try await tools.database.write { tx in
            try tx.run(
                """
                UPDATE volume_backup SET status = \(BackupStatus.errorDeleting), fail_reason = \(failure.message),
                    updated_at = \(now) WHERE id = \(id)
                """)
        }
    }

    private static func isMade(_ tools: VolumeTools, _ state: inout State) async throws -> Bool {
        let id = state.backup.text
        return try await tools.database.read { tx in
            try !tx.hasRuns(of: CreateBackup.name, about: id) && !tx.hasRuns(of: RestoreBackup.name, about: id)
        }
    }
}

extension VolumeTools {
    fileprivate func removeBackup(_ id: ID<Backup>) async throws {
        let found: Backup? = try await database.read { try $0.row("SELECT * FROM volume_backup WHERE id = \(id)") }
        guard let backup = found else { return }
        try await remove(StoredName(.backup, backup.storedID), from: backup.volumeHost)
    }
}

extension Transaction {
    /// What was backed up is free again.
    fileprivate func release(_ backup: Backup, at now: Moment) throws {
        if let snapshot = backup.snapshot {
            try run(
                """
                UPDATE volume_snapshot SET status = \(SnapshotStatus.available), updated_at = \(now)
                WHERE id = \(snapshot) AND status = \(SnapshotStatus.backingUp)
                """)
        } else if try !volumes(where: "volume_volume.id = \(backup.volume)").isEmpty {
            try change(backup.volume, at: now) { volume in if volume.status == .backingUp { volume.settle() } }
        }
    }
}
