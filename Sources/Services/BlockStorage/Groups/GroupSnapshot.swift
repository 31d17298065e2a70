import API
import Base
import HTTP
import Policy
import SQL
import Workflow

/// Snapshots of all volumes of a group.
struct GroupSnapshot: Record {
    let id: ID<GroupSnapshot>
    let group: ID<VolumeGroup>
    let type: ID<GroupType>
    let project: String
    let user: String
    let name: String?
    let description: String?
    var status: GroupStatus
    let created: Moment
}

extension GroupSnapshot {
    static let created = Migration(
        "create volume group snapshot",
        """
        CREATE TABLE volume_group_snapshot (
            position    \(.serial),
            id          VARCHAR(64)  NOT NULL,
            group_id    VARCHAR(64)  NOT NULL,
            type_id     VARCHAR(64)  NOT NULL,
            project_id  VARCHAR(255) NOT NULL,
            user_id     VARCHAR(255) NOT NULL,
            name        VARCHAR(255),
            description VARCHAR(255),
            status      VARCHAR(32)  NOT NULL,
            created_at  BIGINT       NOT NULL,
            UNIQUE (id)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), group: try row.id("group_id"), type: try row.id("type_id"),
            project: try row.text("project_id"), user: try row.text("user_id"), name: try row.optionalText("name"),
            description: try row.optionalText("description"), status: try row.value("status"),
            created: try row.moment("created_at"))
    }

    static let listing = Listing(
        name: "group_snapshots", noun: "Group snapshot", table: "volume_group_snapshot",
        select: "SELECT volume_group_snapshot.* FROM volume_group_snapshot",
        sorts: [
            "id": "volume_group_snapshot.id", "name": "volume_group_snapshot.name",
            "status": "volume_group_snapshot.status", "group_id": "volume_group_snapshot.group_id",
            "created_at": "volume_group_snapshot.created_at", "group_type_id": "volume_group_snapshot.type_id",
        ],
        filters: [
            .text("name", "name"), .text("status", "status"), .text("group_id", "group_id"), .text("id", "id"),
            .text("description", "description"),
        ])

    static let endpoints: [Endpoint<BlockStorage>] = [
        .get(
            "/group_snapshots", "List group snapshots", may: .listGroupSnapshots, query: listing.parameters,
            since: "3.14",
            list),
        .get(
            "/group_snapshots/detail", "List group snapshots with details", may: .listGroupSnapshots,
            query: listing.parameters, since: "3.14", listDetailed),
        .post(
            "/group_snapshots", "Snapshot a group", may: .createGroupSnapshot,
            takes: .wrapped(
                "group_snapshot",
                [
                    .required("group_id", .text(32...36, format: .uuidOrHex)), .optional("name", .looseName),
                    .optional("description", .looseDescription),
                ]), since: "3.14", create),
        .get(
            "/group_snapshots/{group_snapshot_id}", "Show a group snapshot", may: .showGroupSnapshot, since: "3.14",
            show),
        .delete(
            "/group_snapshots/{group_snapshot_id}", "Delete a group snapshot", may: .deleteGroupSnapshot, since: "3.14",
            delete),
        .post(
            "/group_snapshots/{group_snapshot_id}/action", "Reset a group snapshot's status", may: .resetGroupSnapshot,
            takes: .wrapped("reset_status", [.required("status", .text(1...255))]), since: "3.19", reset),
    ]
}

extension Rule {
    static let listGroupSnapshots = Rule("group:get_all_group_snapshots", "List group snapshots", May.reader)
    static let createGroupSnapshot = Rule("group:create_group_snapshot", "Snapshot a group", May.member)
    static let showGroupSnapshot = Rule("group:get_group_snapshot", "Show a group snapshot", May.reader)
    static let deleteGroupSnapshot = Rule("group:delete_group_snapshot", "Delete a group snapshot", May.member)
    static let resetGroupSnapshot = Rule(
        "group:reset_group_snapshot_status", "Reset a group snapshot's status", May.admin)
    static let seeGroupSnapshotProject = Rule(
        "group:group_snapshot_project_attribute", "See whose a group snapshot is", May.admin)
}

extension Transaction {
    func groupSnapshot(_ id: ID<GroupSnapshot>, in scope: Scope) throws(Failure) -> GroupSnapshot {
        let reach = scope.within(project: "project_id", user: "user_id")
        let snapshot: GroupSnapshot? = try row("SELECT * FROM volume_group_snapshot WHERE id = \(id) AND \(reach)")
        guard let snapshot else { throw .noSuch("GroupSnapshot", id.text) }
        return snapshot
    }

    func setStatus(_ id: ID<GroupSnapshot>, _ status: GroupStatus) throws(Failure) {
        try run("UPDATE volume_group_snapshot SET status = \(status) WHERE id = \(id)")
    }
}

// MARK: Handlers

extension GroupSnapshot {
    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        try await listReply(call, at: "/group_snapshots") { $0.writeBrief(to: &$1) }
    }

    private static func listDetailed(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        try await listReply(call, at: "/group_snapshots/detail") { $0.write(to: &$1, call) }
    }

    private static func listReply(
        _ call: Call<BlockStorage>, at path: String, _ write: (GroupSnapshot, inout JSONWriter) -> Void
    ) async throws(Failure) -> Reply {
        let query = try ListQuery(listing, call)
        let page: Page<GroupSnapshot> = try await call.service.database.read { try $0.page(query) }
        return .json { json in
            json.array("group_snapshots", of: page.things) { snapshot, json in json.object { write(snapshot, &$0) } }
            call.writeEnd(of: page, listing, at: path, last: page.things.last?.id.text, to: &json)
        }
    }

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let snapshot = try await call.service.database.read { tx in
            try tx.groupSnapshot(call.id("group_snapshot_id"), in: call.scope)
        }
        return .json { $0.object("group_snapshot") { snapshot.write(to: &$0, call) } }
    }

    private static func create(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, service, world) = (try call.fields("group_snapshot"), call.service, call.service.world)
        let made = try await service.database.write { tx in
            let group = try tx.group(ID(body.text("group_id") ?? ""), in: call.scope)
            let volumes = try tx.volumes(where: "volume_volume.group_id = \(group.id)")
            guard !volumes.isEmpty else {
                throw Failure.invalid("Invalid Group: Source Group is empty. No group snapshot will be created.")
            }
            let made = GroupSnapshot(
                id: .uuid(world.chance), group: group.id, type: group.type, project: group.project,
                user: call.caller.user.id, name: body.name("name"), description: body.name("description"),
                status: .creating, created: world.now)
            try tx.insert(
                into: "volume_group_snapshot",
                [
                    "id": made.id, "group_id": made.group, "type_id": made.type, "project_id": made.project,
                    "user_id": made.user, "name": made.name, "description": made.description,
                    "status": made.status, "created_at": made.created,
                ])
            for volume in volumes {
                _ = try service.snapshot(
                    volume, allowsInUse: true, name: made.name, description: made.description, metadata: JSON.Object(),
                    by: call.caller.user.id, groupSnapshot: made.id.text, tx)
            }
            let state = FollowGroup.State(id: made.id.text, goal: .snapshotsMade)
            try service.runner.start(FollowGroup.self, about: made.id.text, state, tx)
            return made
        }
        return .json(202) { json in json.object("group_snapshot") { made.writeBrief(to: &$0) } }
    }

    private static func delete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let service = call.service
        try await service.database.write { tx in
            let taken = try tx.groupSnapshot(call.id("group_snapshot_id"), in: call.scope)
            guard taken.status == .available || taken.status == .error else {
                throw Failure.invalid(
                    "Invalid GroupSnapshot: GroupSnapshot status must be available or error, but it is \(taken.status.rawValue)."
                )
            }
            for snapshot in try tx.snapshots(where: "volume_snapshot.group_snapshot_id = \(taken.id)") {
                try service.delete(snapshot, force: true, tx)
            }
            try tx.setStatus(taken.id, .deleting)
            let state = FollowGroup.State(id: taken.id.text, goal: .snapshotsGone)
            try service.runner.start(FollowGroup.self, about: taken.id.text, state, tx)
            let runner = service.runner
            tx.afterCommit { runner.nudge() }
        }
        return Reply(202)
    }

    private static func reset(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        guard let status = GroupStatus(rawValue: call.body["reset_status"]?["status"]?.string?.lowercased() ?? ""),
            status != .updating, status != .inUse
        else { throw .invalid("Invalid input for field/attribute status. It is no status of a group snapshot.") }
        try await call.service.database.write { tx in
            let snapshot = try tx.groupSnapshot(call.id("group_snapshot_id"), in: call.scope)
            try tx.setStatus(snapshot.id, status)
        }
        return Reply(202)
    }

    // MARK: On the wire

    private func writeBrief(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("name", name)
        json.put("group_type_id", type)
    }

    private func write(to json: inout JSONWriter, _ call: Call<BlockStorage>) {
        writeBrief(to: &json)
        json.put("group_id", group)
        json.put("status", status.rawValue)
        json.put("created_at", created, as: .bare)
        json.put("description", description)
        if call.version >= "3.58", call.allows(.seeGroupSnapshotProject) { json.put("project_id", project) }
    }
}
