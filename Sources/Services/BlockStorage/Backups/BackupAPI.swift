import API
import Base
import Crypto
import HTTP
import Policy
import SQL
import Workflow

extension Backup {
    static let endpoints: [Endpoint<BlockStorage>] = [
        .get("/backups", "List backups", may: .listBackups, query: listing.parameters, list),
        .get(
            "/backups/detail", "List backups with details", may: .listBackups, query: listing.parameters, listDetailed),
        .post("/backups", "Create a backup", may: .createBackup, takes: createShape, create),
        .get("/backups/{backup_id}", "Show a backup", may: .showBackup, show),
        .put("/backups/{backup_id}", "Update a backup", may: .updateBackup, takes: updateShape, since: "3.9", update),
        .delete("/backups/{backup_id}", "Delete a backup", may: .deleteBackup, delete),
        .post(
            "/backups/{backup_id}/restore", "Restore a backup", may: .restoreBackup,
            takes: .object(
                Fields([
                    .required(
                        "restore",
                        .nullable(
                            .object(Fields([.optional("name", .looseName), .optional("volume_id", .uuidOrNull)]))))
                ])), restore),
        .get("/backups/{backup_id}/export_record", "Export a backup's record", may: .exportBackup, exportRecord),
        .post(
            "/backups/import_record", "Import a backup's record", may: .importBackup,
            takes: .wrapped(
                "backup-record",
                [.required("backup_service", .text(0...255)), .required("backup_url", .text(1...1 << 20))]),
            importRecord),
        Endpoint(
            "POST", "/backups/{backup_id}/action", "Do something with a backup",
            access: .decided(by: [.resetBackup, .forceDeleteBackup]),
            body: .json(
                .object(
                    Fields([
                        .optional("os-reset_status", .object(Fields([.required("status", .text(1...255))]))),
                        .optional("os-force_delete", .nothing),
                    ]))), act),
    ]

    private static let createShape: Shape = .wrapped(
        "backup",
        [
            .required("volume_id", .text(32...36, format: .uuidOrHex)), .optional("container", .looseName),
            .optional("description", .looseDescription), .optional("incremental", .looseBoolean),
            .optional("force", .looseBoolean), .optional("name", .looseName), .optional("snapshot_id", .uuidOrNull),
            .optional("metadata", .pairsOrNull, since: "3.43"),
            .optional("availability_zone", .looseName, since: "3.51"),
        ])

    private static let updateShape: Shape = .object(
        Fields([
            .required(
                "backup",
                .nullable(
                    .object(
                        Fields([
                            .optional("name", .looseName), .optional("description", .looseDescription),
                            .optional("metadata", .pairs, since: "3.43"),
                        ]))))
        ]))
}

extension Rule {
    static let listBackups = Rule("backup:get_all", "List backups", May.reader)
    static let showBackup = Rule("backup:get", "Show a backup", May.reader)
    static let createBackup = Rule("backup:create", "Create a backup", May.member)
    static let updateBackup = Rule("backup:update", "Update a backup", May.member)
    static let deleteBackup = Rule("backup:delete", "Delete a backup", May.member)
    static let restoreBackup = Rule("backup:restore", "Restore a backup", May.member)
    static let exportBackup = Rule("backup:export-import", "Export a backup's record", May.admin)
    static let importBackup = Rule("backup:backup-import", "Import a backup's record", May.admin)
    static let seeBackupProject = Rule("backup:backup_project_attribute", "See whose a backup is", May.admin)
    static let resetBackup = Rule(
        "volume_extension:backup_admin_actions:reset_status", "Reset a backup's status", May.admin)
    static let forceDeleteBackup = Rule(
        "volume_extension:backup_admin_actions:force_delete", "Delete a backup in any state", May.admin)
}

// MARK: Handlers

extension Backup {
    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        try await listReply(call, at: "/backups") { $0.writeBrief(to: &$1, call) }
    }

    private static func listDetailed(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let query = try ListQuery(listing, call)
        let (page, parents) = try await call.service.database.read { tx in
            let page: Page<Backup> = try tx.page(query)
            return (page, try tx.parents(among: page.things.map(\.id)))
        }
        return .json { json in
            json.array("backups", of: page.things) { backup, json in
                json.object { backup.write(to: &$0, call, isParent: parents.contains(backup.id.text)) }
            }
            call.writeEnd(of: page, listing, at: "/backups/detail", last: page.things.last?.id.text, to: &json)
        }
    }

    private static func listReply(
        _ call: Call<BlockStorage>, at path: String, _ write: (Backup, inout JSONWriter) -> Void
    ) async throws(Failure) -> Reply {
        let query = try ListQuery(listing, call)
        let page: Page<Backup> = try await call.service.database.read { try $0.page(query) }
        return .json { json in
            json.array("backups", of: page.things) { backup, json in json.object { write(backup, &$0) } }
            call.writeEnd(of: page, listing, at: path, last: page.things.last?.id.text, to: &json)
        }
    }

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (backup, isParent) = try await call.service.database.read { tx in
            let backup = try tx.backup(call.id("backup_id"), in: call.scope)
            return (backup, try !tx.parents(among: [backup.id]).isEmpty)
        }
        return .json { $0.object("backup") { backup.write(to: &$0, call, isParent: isParent) } }
    }

    private static func brief(_ status: Int, _ backup: Backup, _ call: Call<BlockStorage>) -> Reply {
        .json(status) { json in
            json.object("backup") {
                backup.writeBrief(to: &$0, call)
                if call.version >= "3.43" { $0.put("metadata", .object(backup.metadata)) }
            }
        }
    }

    private static func create(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, service) = (try call.fields("backup"), call.service)
        let (isForced, isIncremental) = (body.boolean("force") ?? false, body.boolean("incremental") ?? false)
        let (settings, world) = (service.settings, service.world)
        let showSnapshots = call.scope(under: .showSnapshot)
        let backup = try await service.database.write { tx in
            let volume = try tx.volume(ID(body.text("volume_id") ?? ""), in: call.scope)
            var snapshot: Snapshot?
            if let id = body.text("snapshot_id") {
                let found = try tx.snapshot(ID(id), in: showSnapshots)
                guard found.volume == volume.id else {
                    throw Failure.invalidSnapshot("Snapshot \(id) is not one of volume \(volume.id).")
                }
                guard found.status == .available else {
                    throw Failure.invalidSnapshot(
                        "Snapshot to be backed up must be available, but the current status is \"\(found.status.rawValue)\"."
                    )
                }
                snapshot = found
            } else {
                guard volume.status == .available || volume.status == .inUse else {
                    throw Failure.invalidVolume(
                        "Volume to be backed up must be available or in-use, but the current status is"
                            + " \"\(volume.status.rawValue)\".")
                }
                guard volume.status == .available || isForced else {
                    throw Failure.invalidVolume("Backing up an in-use volume must use the force flag.")
                }
            }
            let parent = isIncremental ? try tx.latestBackup(of: volume.id, in: call.project) : nil
            guard !isIncremental || parent != nil else {
                throw Failure.invalid(
                    "Invalid backup: No backups available to do an incremental backup. Do a full backup before doing an"
                        + " incremental backup.")
            }
            guard parent.map({ $0.status == .available }) ?? true else {
                throw Failure.invalid("Invalid backup: The parent backup must be available for incremental backup.")
            }
            guard let host = volume.host else { throw Failure.invalidVolume("Volume \(volume.id) lies nowhere yet.") }
            guard parent?.volumeHost.map({ Place($0).backend == Place(host).backend }) ?? true else {
                throw Failure.invalid(
                    "Invalid backup: Volume \(volume.id) has been moved since its last backup. Do a full backup before"
                        + " doing an incremental backup.")
            }
            try tx.reserve([.backups: 1, .backupGigabytes: volume.size], in: call.project, settings)
            let id: ID<Backup> = .uuid(world.chance)
            let backup = Backup(
                id: id, project: call.project, user: call.caller.user.id, name: body.name("name"),
                description: body.name("description"), volume: volume.id, snapshot: snapshot?.id.text,
                parent: parent?.id, status: .creating, size: volume.size, container: body.text("container"),
                failReason: nil, metadata: body["metadata"]?.object ?? JSON.Object(), volumeHost: host,
                host: Place(host).node, zone: volume.zone, restoredTo: nil, storedID: id.text, kept: volume.kept,
                dataTime: snapshot?.created ?? world.now, created: world.now, updated: nil)
            try tx.insert(backup)
            if snapshot == nil {
                try tx.change(volume.id, at: world.now) { volume in
                    volume.previousStatus = volume.status
                    volume.status = .backingUp
                }
            } else if let snapshot {
                try tx.setStatus(snapshot.id, .backingUp, at: world.now)
            }
            try service.runner.start(
                CreateBackup.self, about: backup.id.text, CreateBackup.State(backup: backup.id), tx)
            let runner = service.runner
            tx.afterCommit { runner.nudge() }
            return backup
        }
        return brief(202, backup, call)
    }

    private static func update(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, now) = (call.body["backup"]?.object ?? JSON.Object(), call.service.world.now)
        guard !body.members.isEmpty else { throw .invalid("Missing required element 'backup' in request body.") }
        let backup = try await call.service.database.write { tx in
            try tx.change(ID<Backup>(call["backup_id"]), in: call.scope, at: now) { backup in
                if body.has("name") { backup.name = body.name("name") }
                if body.has("description") { backup.description = body.name("description") }
                if let metadata = body["metadata"]?.object { backup.metadata = metadata }
            }
        }
        return brief(200, backup, call)
    }

    private static func delete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let service = call.service
        try await service.database.write { tx in
            try service.delete(try tx.backup(call.id("backup_id"), in: call.scope), force: false, tx)
        }
        return Reply(202)
    }

    private static func act(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        guard let members = call.body.object?.members, members.count == 1, let action = members.first else {
            throw .invalid("There is no such action.")
        }
        let (service, now) = (call.service, call.service.world.now)
        let id: ID<Backup> = call.id("backup_id")
        guard action.name == "os-reset_status" else {
            let scope = try call.reach(.forceDeleteBackup)
            try await service.database.write { tx in try service.delete(try tx.backup(id, in: scope), force: true, tx) }
            return Reply(202)
        }
        let scope = try call.reach(.resetBackup)
        guard let status = BackupStatus(rawValue: action.value["status"]?.string?.lowercased() ?? ""),
            [.available, .error, .creating, .deleting, .restoring, .errorDeleting].contains(status)
        else { throw .invalid("Invalid input for field/attribute status. It is no status of a backup.") }
        try await service.database.write { tx in
            let backup = try tx.backup(id, in: scope)
            guard !(backup.status == .restoring && status == .available) || backup.restoredTo != nil else {
                throw Failure.invalid("Invalid backup: It is not being restored.")
            }
            try tx.change(id, at: now) { $0.status = status }
        }
        return Reply(202)
    }

    private static func restore(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, service, now) = (call.body["restore"]?.object ?? JSON.Object(), call.service, call.service.world.now)
        let showVolumes = call.scope(under: .showVolume)
        let (backup, volume) = try await service.database.write { tx in
            let backup = try tx.backup(call.id("backup_id"), in: call.scope)
            guard backup.status == .available else {
                throw Failure.invalid("Invalid backup: Backup status must be available")
            }
            guard let host = backup.volumeHost else {
                throw Failure.invalid("Invalid backup: The backup's place is not known.")
            }
            let volume: Volume
            if let id = body.text("volume_id") {
                let found = try tx.volume(ID(id), in: showVolumes)
                try found.require(.available, .error, to: "be restored to")
                guard found.size >= backup.size else {
                    throw Failure.invalidVolume(
                        "volume size \(found.size) is too small to restore backup of size \(backup.size).")
                }
                guard found.host.map({ Place($0).backend == Place(host).backend }) ?? false else {
                    throw Failure.invalidVolume("Volume \(id) lies on another backend than the backup.")
                }
                volume = found
            } else {
                volume = try service.volumeToRestore(backup, host, body.name("name"), call, tx)
            }
            try tx.change(backup.id, at: now) { backup in
                backup.status = .restoring
                backup.restoredTo = volume.id.text
            }
            let changed = try tx.change(volume.id, at: now) { volume in
                volume.previousStatus = .available
                volume.status = .restoringBackup
            }
            let state = RestoreBackup.State(backup: backup.id, volume: volume.id)
            try service.runner.start(RestoreBackup.self, about: backup.id.text, state, tx)
            let runner = service.runner
            tx.afterCommit { runner.nudge() }
            return (backup, changed)
        }
        return .json(202) { json in
            json.object("restore") {
                $0.put("backup_id", backup.id)
                $0.put("volume_id", volume.id)
                $0.put("volume_name", volume.name ?? "")
            }
        }
    }

    // MARK: Records

    /// A backup's record, for a cloud that has lost its own: what is needed to find the bytes again.
    private static func exportRecord(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let backup = try await call.service.database.read { try $0.backup(call.id("backup_id"), in: call.scope) }
        guard backup.status == .available else {
            throw .invalid("Invalid backup: Backup status must be available and not \(backup.status.rawValue).")
        }
        let record: JSON = [
            "id": .string(backup.id.text), "stored_id": .string(backup.storedID), "size": JSON(backup.size),
            "volume_id": .string(backup.volume.text), "name": JSON(backup.name),
            "description": JSON(backup.description), "host": JSON(backup.volumeHost),
            "parent_id": JSON(backup.parent), "zone": .string(backup.zone),
            "data_at": .integer(backup.dataTime.microseconds), "metadata": .object(backup.metadata),
            "container": JSON(backup.container), "kept": backup.kept,
        ]
        let url = Base64.standard.text(Array(record.text.utf8))
        return .json { json in
            json.object("backup-record") {
                // Clients know a backup's record by the kind of service that made it.
                $0.put("backup_service", "cinder.backup.drivers.posix.PosixBackupDriver")
                $0.put("backup_url", url)
            }
        }
    }

    private static func importRecord(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, service) = (try call.fields("backup-record"), call.service)
        guard let bytes = Base64.standard.lenientlyPadded.bytes(body.text("backup_url") ?? ""),
            let record = try? JSONReader.read(bytes), let id = record["id"]?.string, UUID(id) != nil,
            let stored = record["stored_id"]?.string, UUID(stored) != nil, let size = record["size"]?.integer,
            let volume = record["volume_id"]?.string
        else { throw .invalid("Invalid input: Can't parse backup record.") }
        let (world, settings) = (service.world, service.settings)
        let backup = try await service.database.write { tx in
            let known: Backup? = try tx.row("SELECT * FROM volume_backup WHERE id = \(id)")
            guard known == nil else { throw Failure.invalid("Invalid backup: Backup already exists in database.") }
            try tx.reserve([.backups: 1, .backupGigabytes: Int(size)], in: call.project, settings)
            let backup = Backup(
                id: ID(id), project: call.project, user: call.caller.user.id, name: record["name"]?.string,
                description: record["description"]?.string, volume: ID(volume), snapshot: nil,
                parent: record["parent_id"]?.string.map { ID($0) }, status: .creating, size: Int(size),
                container: record["container"]?.string, failReason: nil,
                metadata: record["metadata"]?.object ?? JSON.Object(), volumeHost: record["host"]?.string,
                host: Place(record["host"]?.string ?? "").node, zone: record["zone"]?.string ?? settings.defaultZone,
                restoredTo: nil, storedID: stored, kept: record["kept"] ?? .null,
                dataTime: Moment(microseconds: record["data_at"]?.integer ?? 0), created: world.now, updated: nil)
            try tx.insert(backup)
            try service.runner.start(ImportBackup.self, about: id, CreateBackup.State(backup: backup.id), tx)
            let runner = service.runner
            tx.afterCommit { runner.nudge() }
            return backup
        }
        return .json(201) { json in json.object("backup") { backup.writeBrief(to: &$0, call) } }
    }
}

extension BlockStorage {
    /// A volume that a backup is restored to when nobody names one.
    fileprivate func volumeToRestore(
        _ backup: Backup, _ host: String, _ name: String?, _ call: Call<BlockStorage>, _ tx: Transaction
    ) throws(Failure) -> Volume {
        let type = try tx.defaultType(of: call.project, settings.defaultType)
        try tx.reserve(
            [.volumes: 1, .gigabytes: backup.size], type: type.name, size: backup.size, in: call.project, settings)
        let volume = Volume(
            id: .uuid(world.chance), project: call.project, user: call.caller.user.id,
            name: name ?? "restore_backup_\(backup.id)", description: "auto-created_from_restore_from_backup",
            size: backup.size, quotaSize: backup.size, status: .creating, previousStatus: nil, migrationStatus: nil,
            attachStatus: .detached, zone: backup.zone, type: type.id, typeName: type.name, host: host, snapshot: nil,
            source: nil, isBootable: false, isMultiattach: type.isMultiattach, isReadOnly: false, countsForQuota: true,
            metadata: JSON.Object(), imageMetadata: nil, group: nil, created: world.now, updated: nil)
        try tx.insert(volume)
        return volume
    }

    func delete(_ backup: Backup, force isForced: Bool, _ tx: Transaction) throws(Failure) {
        if !isForced, backup.status != .available, backup.status != .error, backup.status != .errorDeleting {
            throw .invalid("Invalid backup: Backup status must be available or error")
        }
        guard try tx.parents(among: [backup.id]).isEmpty else {
            throw .invalid("Invalid backup: Incremental backups exist for this backup.")
        }
        guard try !tx.hasRuns(of: DeleteBackup.name, about: backup.id.text) else { return }
        try tx.cancelRuns(of: CreateBackup.name, about: backup.id.text)
        try tx.run(
            "UPDATE volume_backup SET status = \(BackupStatus.deleting), updated_at = \(world.now) WHERE id = \(backup.id)"
        )
        try runner.start(DeleteBackup.self, about: backup.id.text, CreateBackup.State(backup: backup.id), tx)
        let runner = runner
        tx.afterCommit { runner.nudge() }
    }
}

extension Volume {
    /// What a backup keeps besides the bytes.
    fileprivate var kept: JSON {
        [
            "metadata": .object(metadata), "bootable": .bool(isBootable),
            "image": imageMetadata.map { .object($0) } ?? .null,
        ]
    }
}

extension Transaction {
    func insert(_ backup: Backup) throws(Failure) {
        try insert(
            into: "volume_backup",
            [
                "id": backup.id, "project_id": backup.project, "user_id": backup.user, "name": backup.name,
                "description": backup.description, "volume_id": backup.volume, "snapshot_id": backup.snapshot,
                "parent_id": backup.parent, "status": backup.status, "size": backup.size,
                "container": backup.container, "metadata": backup.metadata.storedText,
                "volume_host": backup.volumeHost, "host": backup.host, "zone": backup.zone,
                "stored_id": backup.storedID, "kept": backup.kept.text, "data_at": backup.dataTime,
                "created_at": backup.created,
            ])
    }

    @discardableResult
    func change(
        _ id: ID<Backup>, in scope: Scope = .everywhere, at now: Moment, _ body: (inout Backup) throws -> Void
    ) throws -> Backup {
        var backup = try backup(id, in: scope)
        try body(&backup)
        backup.updated = now
        try run(
            """
            UPDATE volume_backup SET name = \(backup.name), description = \(backup.description),
                status = \(backup.status), container = \(backup.container), fail_reason = \(backup.failReason),
                metadata = \(backup.metadata.storedText), restored_to = \(backup.restoredTo), updated_at = \(now)
            WHERE id = \(id)
            """)
        return backup
    }

    /// What the next incremental backup of a volume builds upon: one of the same project's.
    fileprivate func latestBackup(of volume: ID<Volume>, in project: String) throws(Failure) -> Backup? {
        try row(
            """
            SELECT * FROM volume_backup WHERE volume_id = \(volume) AND project_id = \(project) AND status IN ('available', 'creating', 'restoring')
            ORDER BY data_at DESC, position DESC LIMIT 1
            """)
    }

    /// Those that others build upon.
    fileprivate func parents(among ids: [ID<Backup>]) throws(Failure) -> Set<String> {
        let found = try rows("SELECT DISTINCT parent_id FROM volume_backup WHERE parent_id IN \(SQL.list(ids))") {
            row throws(Failure) in try row.text("parent_id")
        }
        return Set(found)
    }
}

// MARK: On the wire

extension Backup {
    fileprivate func writeBrief(to json: inout JSONWriter, _ call: Call<BlockStorage>) {
        json.put("id", id)
        json.put("name", name)
        call.writeLinks("backups", id.text, to: &json)
    }

    fileprivate func write(to json: inout JSONWriter, _ call: Call<BlockStorage>, isParent: Bool) {
        writeBrief(to: &json, call)
        json.put("status", status.rawValue)
        json.put("size", size)
        json.put("object_count", 0)
        json.put("availability_zone", zone)
        json.put("container", container)
        json.put("created_at", created, as: .bare)
        json.put("updated_at", updated, as: .bare)
        json.put("description", description)
        json.put("fail_reason", failReason)
        json.put("volume_id", volume)
        json.put("is_incremental", parent != nil)
        json.put("has_dependent_backups", isParent)
        json.put("snapshot_id", snapshot)
        json.put("data_timestamp", dataTime, as: .bare)
        if call.version >= "3.18", call.allows(.seeBackupProject) {
            json.put("os-backup-project-attr:project_id", project)
        }
        if call.version >= "3.43" { json.put("metadata", .object(metadata)) }
        if call.version >= "3.56", call.allows(.seeBackupProject) { json.put("user_id", user) }
        if call.version >= "3.64" { json.putNull("encryption_key_id") }
    }
}
