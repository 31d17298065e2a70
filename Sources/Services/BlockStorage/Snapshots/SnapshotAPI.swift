import API
import Base
import Policy
import SQL
import Workflow

extension Snapshot {
    static let endpoints: [Endpoint<BlockStorage>] = [
        .get("/snapshots", "List snapshots", may: .listSnapshots, query: listing.parameters, list),
        .get(
            "/snapshots/detail", "List snapshots with details", may: .listSnapshots, query: listing.parameters,
            listDetailed),
        .post("/snapshots", "Create a snapshot", may: .createSnapshot, takes: createShape, create),
        .get("/snapshots/{snapshot_id}", "Show a snapshot", may: .showSnapshot, show),
        .put("/snapshots/{snapshot_id}", "Update a snapshot", may: .updateSnapshot, takes: updateShape, update),
        .delete("/snapshots/{snapshot_id}", "Delete a snapshot", may: .deleteSnapshot, delete),
        Endpoint(
            "POST", "/snapshots/{snapshot_id}/action", "Do something with a snapshot",
            access: .decided(by: [.resetSnapshot, .updateSnapshotStatus, .forceDeleteSnapshot, .unmanageSnapshot]),
            body: .json(actionShape), act),
    ]

    private static let createShape: Shape = .wrapped(
        "snapshot",
        [
            .required("volume_id", .uuidOrNull), .optional("name", .looseName), .optional("display_name", .looseName),
            .optional("description", .looseDescription), .optional("force", .looseBoolean),
            .optional("metadata", .pairsOrNull),
        ])

    private static let updateShape: Shape = .wrapped(
        "snapshot",
        [
            .optional("name", .looseName), .optional("description", .looseDescription),
            .optional("display_name", .looseName), .optional("display_description", .looseDescription),
        ])

    private static let actionShape: Shape = .object(
        Fields([
            .optional("os-reset_status", .object(Fields([.required("status", .text(1...255))]))),
            .optional(
                "os-update_snapshot_status",
                .object(Fields([.required("status", .text(1...255)), .optional("progress", .nullable(.text(0...16)))]))),
            .optional("os-force_delete", .nothing), .optional("os-unmanage", .nothing),
        ]))
}

extension Rule {
    static let listSnapshots = Rule("volume:get_all_snapshots", "List snapshots", May.reader)
    static let showSnapshot = Rule("volume:get_snapshot", "Show a snapshot", May.reader)
    static let createSnapshot = Rule("volume:create_snapshot", "Create a snapshot", May.member)
    static let updateSnapshot = Rule("volume:update_snapshot", "Update a snapshot", May.member)
    static let deleteSnapshot = Rule("volume:delete_snapshot", "Delete a snapshot", May.member)
    static let seeSnapshotProgress = Rule(
        "volume_extension:extended_snapshot_attributes", "See how a snapshot goes on", May.reader)
    static let resetSnapshot = Rule(
        "volume_extension:snapshot_admin_actions:reset_status", "Reset a snapshot's status", May.admin)
    static let updateSnapshotStatus = Rule(
        "snapshot_extension:snapshot_actions:update_snapshot_status", "Update a snapshot's status", May.member)
    static let forceDeleteSnapshot = Rule(
        "volume_extension:snapshot_admin_actions:force_delete", "Delete a snapshot in any state", May.admin)
    static let unmanageSnapshot = Rule(
        "snapshot_extension:snapshot_unmanage", "Give a snapshot up without deleting it", May.admin)
}

// MARK: Handlers

extension Snapshot {
    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        try await listReply(call, at: "/snapshots") { $0.writeBrief(to: &$1) }
    }

    private static func listDetailed(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        try await listReply(call, at: "/snapshots/detail") { $0.write(to: &$1, call) }
    }

    private static func listReply(
        _ call: Call<BlockStorage>, at path: String, _ write: (Snapshot, inout JSONWriter) -> Void
    ) async throws(Failure) -> Reply {
        let query = try ListQuery(listing, call)
        let page: Page<Snapshot> = try await call.service.database.read { try $0.page(query) }
        return .json { json in
            json.array("snapshots", of: page.things) { snapshot, json in json.object { write(snapshot, &$0) } }
            call.writeEnd(of: page, listing, at: path, last: page.things.last?.id.text, to: &json)
        }
    }

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let snapshot = try await call.service.database.read { tx in
            try tx.snapshot(call.id("snapshot_id"), in: call.scope)
        }
        return .json { $0.object("snapshot") { snapshot.write(to: &$0, call) } }
    }

    private static func create(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, service) = (try call.fields("snapshot"), call.service)
        guard let volumeID = body.text("volume_id") else { throw .noSuch("Volume", "None") }
        let force = body.boolean("force")
        if call.version >= "3.66", force == false {
            throw .invalid(
                "Since microversion 3.66 the 'force' flag is invalid for this request. For backward compatability,"
                    + " however, when the 'force' flag is passed with a value evaluating to True, it is silently ignored."
            )
        }
        let allowsInUse = call.version >= "3.66" || force == true
        let snapshot = try await service.database.write { tx in
            let volume = try tx.volume(ID(volumeID), in: call.scope)
            return try service.snapshot(
                volume, allowsInUse: allowsInUse, name: body.name("name", or: "display_name"),
                description: body.name("description"), metadata: body["metadata"]?.object ?? JSON.Object(),
                by: call.caller.user.id, tx)
        }
        return .one(202, snapshot, call)
    }

    private static func update(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, now) = (try call.fields("snapshot"), call.service.world.now)
        guard !body.members.isEmpty else {
            throw .invalid("Invalid input for field/attribute snapshot. It needs at least one thing to change.")
        }
        let snapshot = try await call.service.database.write { tx in
            try tx.change(ID<Snapshot>(call["snapshot_id"]), in: call.scope, at: now) { snapshot in
                for field in ["name", "display_name"] where body.has(field) { snapshot.name = body.name(field) }
                for field in ["description", "display_description"] where body.has(field) {
                    snapshot.description = body.name(field)
                }
            }
        }
        return .one(200, snapshot, call)
    }

    private static func delete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let service = call.service
        try await service.database.write { tx in
            try service.delete(try tx.snapshot(call.id("snapshot_id"), in: call.scope), force: false, tx)
        }
        return Reply(202)
    }

    private static func act(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        guard let members = call.body.object?.members, members.count == 1, let action = members.first else {
            throw .invalid("There is no such action.")
        }
        let (service, id, now): (BlockStorage, ID<Snapshot>, Moment) = (
            call.service, call.id("snapshot_id"), call.service.world.now
        )
        switch action.name {
        case "os-reset_status":
            let scope = try call.reach(.resetSnapshot)
            let allowed: [SnapshotStatus] = [.available, .creating, .deleting, .error, .errorDeleting]
            guard let status = SnapshotStatus(rawValue: action.value["status"]?.string?.lowercased() ?? ""),
                allowed.contains(status)
            else { throw .invalid("Invalid input for field/attribute status. It is no status of a snapshot.") }
            try await service.database.write { tx in try tx.change(id, in: scope, at: now) { $0.status = status } }
        case "os-update_snapshot_status":
            let scope = try call.reach(.updateSnapshotStatus)
            let (status, progress) = (action.value["status"]?.string ?? "", action.value["progress"]?.string)
            try await service.database.write { tx in
                try tx.change(id, in: scope, at: now) { try $0.report(status, progress) }
            }
        case "os-force_delete":
            let scope = try call.reach(.forceDeleteSnapshot)
            try await service.database.write { tx in
                try service.delete(try tx.snapshot(id, in: scope), force: true, tx)
            }
        default:
            let scope = try call.reach(.unmanageSnapshot)
            try await service.database.write { tx in
                let snapshot = try tx.snapshot(id, in: scope)
                guard snapshot.status == .available || snapshot.status == .error else {
                    throw Failure.invalidSnapshot("Snapshot \(id) is \(snapshot.status.rawValue).")
                }
                try tx.run("DELETE FROM volume_snapshot WHERE id = \(id)")
            }
        }
        return Reply(202)
    }

    /// What whoever takes the snapshot together with a guest tells of it.
    private mutating func report(_ text: String, _ progress: String?) throws(Failure) {
        let next: [SnapshotStatus: [SnapshotStatus]] = [
            .creating: [.creating, .available, .error], .deleting: [.deleting, .error, .errorDeleting],
        ]
        guard let allowed = next[status] else {
            throw .invalid("Snapshot status \(status.rawValue) not allowed for update_snapshot_status")
        }
        guard let status = SnapshotStatus(rawValue: text), allowed.contains(status) else {
            throw .invalid(
                "Provided snapshot status \(text) not allowed for snapshot with status \(self.status.rawValue).")
        }
        self.status = status
        if let progress { self.progress = progress } else if status == .available { self.progress = "100%" }
    }
}

extension BlockStorage {
    /// Writes a snapshot down that is to be taken.
    func snapshot(
        _ volume: Volume, allowsInUse: Bool, name: String?, description: String?, metadata: JSON.Object,
        by user: String,
        groupSnapshot: String? = nil, _ tx: Transaction
    ) throws(Failure) -> Snapshot {
        let isReady = volume.status == .available || (allowsInUse && volume.status == .inUse)
        guard isReady else {
            throw .invalidVolume(
                "Volume \(volume.id) status must be available, but current status is: \(volume.status.rawValue).")
        }
        try tx.reserve(
            [.snapshots: 1, .gigabytes: volume.size], type: volume.typeName, in: volume.project, settings)
        let snapshot = Snapshot(
            id: .uuid(world.chance), volume: volume.id, project: volume.project, user: user, name: name,
            description: description, status: .creating, size: volume.size, progress: "0%", metadata: metadata,
            groupSnapshot: groupSnapshot, countsForQuota: volume.countsForQuota, created: world.now, updated: nil)
        try tx.insert(snapshot)
        try runner.start(CreateSnapshot.self, about: snapshot.id.text, CreateSnapshot.State(snapshot: snapshot.id), tx)
        let runner = runner
        tx.afterCommit { runner.nudge() }
        return snapshot
    }

    func delete(_ snapshot: Snapshot, force isForced: Bool, _ tx: Transaction) throws(Failure) {
        if !isForced {
            guard snapshot.status == .available || snapshot.status == .error || snapshot.status == .errorDeleting else {
                throw .invalidSnapshot(
                    "Volume Snapshot status must be available or error, but current status is: \(snapshot.status.rawValue)."
                )
            }
            guard snapshot.groupSnapshot == nil else {
                throw .invalidSnapshot(
                    "Snapshot \(snapshot.id) belongs to a group snapshot and cannot be deleted alone.")
            }
        }
        guard try !tx.hasRuns(of: DeleteSnapshot.name, about: snapshot.id.text) else { return }
        try tx.cancelRuns(of: CreateSnapshot.name, about: snapshot.id.text)
        try tx.setStatus(snapshot.id, .deleting, at: world.now)
        try runner.start(DeleteSnapshot.self, about: snapshot.id.text, DeleteSnapshot.State(snapshot: snapshot.id), tx)
        let runner = runner
        tx.afterCommit { runner.nudge() }
    }
}

// MARK: On the wire

extension Reply {
    static func one(_ status: Int, _ snapshot: Snapshot, _ call: Call<BlockStorage>) -> Reply {
        .json(status) { $0.object("snapshot") { snapshot.writeChanged(to: &$0, call) } }
    }
}

extension Snapshot {
    func writeBrief(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("created_at", created, as: .bare)
        json.put("updated_at", updated, as: .bare)
        json.put("name", name)
        json.put("description", description)
        json.put("volume_id", volume)
        json.put("status", status.rawValue)
        json.put("size", size)
        json.put("metadata", .object(metadata))
    }

    func write(to json: inout JSONWriter, _ call: Call<BlockStorage>) {
        writeChanged(to: &json, call)
        if call.allows(.seeSnapshotProgress, of: ["project_id": project]) {
            json.put("os-extended-snapshot-attributes:project_id", project)
            json.put("os-extended-snapshot-attributes:progress", progress)
        }
    }

    /// What is answered to a change: without what once was an extension.
    func writeChanged(to json: inout JSONWriter, _ call: Call<BlockStorage>) {
        writeBrief(to: &json)
        if call.version >= "3.14" { json.put("group_snapshot_id", groupSnapshot) }
        if call.version >= "3.41" { json.put("user_id", user) }
        if call.version >= "3.65" { json.put("consumes_quota", countsForQuota) }
    }
}
