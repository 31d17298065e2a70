import API
import Base
import Contracts
import HTTP
import Policy
import SQL
import Workflow

extension VolumeGroup {
    static let listing = Listing(
        name: "groups", noun: "Group", table: "volume_group", select: "SELECT volume_group.* FROM volume_group",
        sorts: [
            "id": "volume_group.id", "name": "volume_group.name", "status": "volume_group.status",
            "created_at": "volume_group.created_at", "group_type_id": "volume_group.type_id",
        ],
        filters: [
            .text("name", "name"), .text("status", "status"), .text("id", "id"), .text("group_type_id", "type_id"),
            .text("availability_zone", "zone"), .text("description", "description"), .ignored("list_volume"),
        ])

    static let endpoints: [Endpoint<BlockStorage>] = [
        .get("/groups", "List groups", may: .listGroups, query: listing.parameters, since: "3.13", list),
        .get(
            "/groups/detail", "List groups with details", may: .listGroups, query: listing.parameters, since: "3.13",
            listDetailed),
        .post("/groups", "Create a group", may: .createGroup, takes: createShape, since: "3.13", create),
        .post(
            "/groups/action", "Create a group from another or from a snapshot", may: .createGroup, takes: copyShape,
            since: "3.14", copy),
        .get(
            "/groups/{group_id}", "Show a group", may: .showGroup, query: [Parameter("list_volume")], since: "3.13",
            show),
        .put("/groups/{group_id}", "Update a group", may: .updateGroup, takes: updateShape, since: "3.13", update),
        Endpoint(
            "POST", "/groups/{group_id}/action", "Do something with a group",
            access: .decided(by: [.deleteGroup, .resetGroup, .replicateGroup]), body: .json(actionShape), since: "3.13",
            act),
    ]

    private static let createShape: Shape = .wrapped(
        "group",
        [
            .optional("name", .looseName), .optional("description", .looseDescription),
            .required("group_type", .text(1...255)),
            .required("volume_types", .list(of: .text(1...255), count: 1...1_000, unique: true)),
            .optional("availability_zone", .looseName),
        ])
    private static let copyShape: Shape = .wrapped(
        "create-from-src",
        [
            .optional("name", .looseName), .optional("description", .looseDescription),
            .optional("source_group_id", .uuid), .optional("group_snapshot_id", .uuid),
        ])
    private static let updateShape: Shape = .wrapped(
        "group",
        [
            .optional("name", .looseName), .optional("description", .looseDescription),
            .optional("add_volumes", .nullable(.text)), .optional("remove_volumes", .nullable(.text)),
        ])
    private static let actionShape: Shape = .object(
        Fields([
            .optional("delete", .object(Fields([.optional("delete-volumes", .looseBoolean)]))),
            .optional("reset_status", .object(Fields([.required("status", .text(1...255))])), since: "3.20"),
            .optional("enable_replication", .nothing, since: "3.38"),
            .optional("disable_replication", .nothing, since: "3.38"),
            .optional("failover_replication", .nothing, since: "3.38"),
            .optional("list_replication_targets", .nothing, since: "3.38"),
        ]))
}

extension Rule {
    static let listGroups = Rule("group:get_all", "List groups", May.reader)
    static let createGroup = Rule("group:create", "Create a group", May.member)
    static let showGroup = Rule("group:get", "Show a group", May.reader)
    static let updateGroup = Rule("group:update", "Update a group", May.member)
    static let deleteGroup = Rule("group:delete", "Delete a group", May.member)
    static let resetGroup = Rule("group:reset_status", "Reset a group's status", May.admin)
    static let replicateGroup = Rule("group:enable_replication", "Replicate a group", May.member)
    static let seeGroupProject = Rule("group:group_project_attribute", "See whose a group is", May.admin)
}

// MARK: Handlers

extension VolumeGroup {
    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let query = try ListQuery(listing, call)
        let page: Page<VolumeGroup> = try await call.service.database.read { try $0.page(query) }
        return .json { json in
            json.array("groups", of: page.things) { group, json in json.object { group.writeBrief(to: &$0) } }
            call.writeEnd(of: page, listing, at: "/groups", last: page.things.last?.id.text, to: &json)
        }
    }

    private static func listDetailed(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let query = try ListQuery(listing, call)
        let withVolumes = try listsVolumes(call)
        let (page, members) = try await call.service.database.read { tx in
            let page: Page<VolumeGroup> = try tx.page(query)
            return (page, withVolumes ? try tx.members(of: page.things.map(\.id)) : nil)
        }
        return .json { json in
            json.array("groups", of: page.things) { group, json in
                json.object { group.write(to: &$0, call, members.map { $0[group.id.text] ?? [] }) }
            }
            call.writeEnd(of: page, listing, at: "/groups/detail", last: page.things.last?.id.text, to: &json)
        }
    }

    private static func listsVolumes(_ call: Call<BlockStorage>) throws(Failure) -> Bool {
        guard call.version >= "3.25" else { return false }
        return try call.query.boolean("list_volume") ?? false
    }

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let withVolumes = try listsVolumes(call)
        let (group, members) = try await call.service.database.read { tx in
            let group = try tx.group(call.id("group_id"), in: call.scope)
            return (group, withVolumes ? try tx.members(of: [group.id])[group.id.text] ?? [] : nil)
        }
        return .json { $0.object("group") { group.write(to: &$0, call, members) } }
    }

    private static func create(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, service, world) = (try call.fields("group"), call.service, call.service.world)
        let wanted = body["volume_types"]?.array?.compactMap(\.string) ?? []
        let group = try await service.database.write { tx in
            let type = try tx.groupType(body.text("group_type") ?? "", seesAll: call.caller.isAdmin)
            var types: [String] = []
            for name in wanted {
                do throws(Failure) { types.append(try tx.volumeType(named: name, call.typeSight).id.text) } catch {
                    throw Failure.invalidInput("Volume type \(name) could not be found.")
                }
            }
            try tx.reserve([.groups: 1], in: call.project, service.settings)
            let group = VolumeGroup(
                id: .uuid(world.chance), project: call.project, user: call.caller.user.id, name: body.name("name"),
                description: body.name("description"), type: type.id,
                zone: body.name("availability_zone") ?? service.settings.defaultZone, status: .available,
                volumeTypes: types, source: nil, groupSnapshot: nil, created: world.now)
            try tx.insert(group)
            return group
        }
        return .json(202) { json in json.object("group") { group.writeBrief(to: &$0) } }
    }

    /// A group whose volumes are copies of another's, or of what they were at a moment.
    private static func copy(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, service, world) = (try call.fields("create-from-src"), call.service, call.service.world)
        let (source, snapshot) = (body.text("source_group_id"), body.text("group_snapshot_id"))
        guard (source == nil) != (snapshot == nil) else {
            throw .invalid("Either group_snapshot_id or source_group_id must be provided, and not both.")
        }
        let showGroups = call.scope(under: .showGroup)
        let showSnapshots = call.scope(under: .showGroupSnapshot)
        let group = try await service.database.write { tx in
            let taken = try snapshot.map { try tx.groupSnapshot(ID($0), in: showSnapshots) }
            let origin = try tx.group(ID(source ?? taken?.group.text ?? ""), in: showGroups)
            try tx.reserve([.groups: 1], in: call.project, service.settings)
            let group = VolumeGroup(
                id: .uuid(world.chance), project: call.project, user: call.caller.user.id, name: body.name("name"),
                description: body.name("description"), type: origin.type, zone: origin.zone, status: .creating,
                volumeTypes: origin.volumeTypes, source: source, groupSnapshot: snapshot, created: world.now)
            try tx.insert(group)
            var copies: [(volume: Volume, size: Int, from: StoredName, snapshot: String?)] = []
            if let taken {
                let parts = try tx.snapshots(where: "volume_snapshot.group_snapshot_id = \(taken.id)")
                for part in parts {
                    guard part.status == .available else {
                        throw Failure.invalidSnapshot("Snapshot \(part.id) is \(part.status.rawValue).")
                    }
                    copies.append(
                        (try tx.volume(part.volume), part.size, StoredName(.snapshot, part.id.text), part.id.text))
                }
            } else {
                for volume in try tx.volumes(where: "volume_volume.group_id = \(origin.id)") {
                    guard volume.status == .available || volume.status == .inUse else {
                        throw Failure.invalidVolume("Volume \(volume.id) is \(volume.status.rawValue).")
                    }
                    copies.append((volume, volume.size, StoredName(.volume, volume.id.text), nil))
                }
            }
            guard !copies.isEmpty else {
                throw Failure.invalid("Invalid Group: Source Group is empty. No group will be created.")
            }
            for copy in copies {
                try service.copy(
                    copy.volume, size: copy.size, from: copy.from, snapshot: copy.snapshot, into: group, tx)
            }
            try service.runner.start(
                FollowGroup.self, about: group.id.text, FollowGroup.State(id: group.id.text, goal: .volumesMade), tx)
            let runner = service.runner
            tx.afterCommit { runner.nudge() }
            return group
        }
        return .json(202) { json in json.object("group") { group.writeBrief(to: &$0) } }
    }

    private static func update(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, now) = (try call.fields("group"), call.service.world.now)
        guard !body.members.isEmpty else {
            throw .invalid("Invalid input for field/attribute group. It needs at least one thing to change.")
        }
        let split = { (name: String) in body.text(name)?.split(separator: ",").map { String($0).trimmed } ?? [] }
        let (added, removed) = (split("add_volumes"), split("remove_volumes"))
        try await call.service.database.write { tx in
            var group = try tx.group(call.id("group_id"), in: call.scope)
            guard group.status == .available else {
                throw Failure.invalid("Invalid Group: Cannot update group \(group.id): it is \(group.status.rawValue).")
            }
            for id in added {
                let volume = try tx.volume(ID(id), in: .when("project_id", group.project))
                guard group.volumeTypes.contains(volume.type.text) else {
                    throw Failure.invalidVolume(
                        "Cannot add volume \(id) to group \(group.id): its type is not supported by the group.")
                }
                guard volume.group == nil || volume.group == group.id.text else {
                    throw Failure.invalidVolume(
                        "Cannot add volume \(id) to group \(group.id): it is already in group \(volume.group ?? "").")
                }
                try volume.require(.available, .inUse, to: "join a group")
                try tx.change(volume.id, at: now) { $0.group = group.id.text }
            }
            for id in removed {
                let volume = try tx.volume(ID(id), in: .when("project_id", group.project))
                guard volume.group == group.id.text else {
                    throw Failure.invalidVolume(
                        "Cannot remove volume \(id) from group \(group.id): it is not in the group.")
                }
                try tx.change(volume.id, at: now) { $0.group = nil }
            }
            if body.has("name") { group.name = body.name("name") }
            if body.has("description") { group.description = body.name("description") }
            try tx.update(group)
        }
        return Reply(202)
    }

    private static func act(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        guard let members = call.body.object?.members, members.count == 1, let action = members.first else {
            throw .invalid("There is no such action.")
        }
        let id: ID<VolumeGroup> = call.id("group_id")
        switch action.name {
        case "delete":
            let scope = try call.reach(.deleteGroup)
            return try await delete(call, id, scope, withVolumes: action.value["delete-volumes"]?.looseBool ?? false)
        case "reset_status":
            let scope = try call.reach(.resetGroup)
            guard let status = GroupStatus(rawValue: action.value["status"]?.string?.lowercased() ?? "") else {
                throw .invalid("Invalid input for field/attribute status. It is no status of a group.")
            }
            try await call.service.database.write { tx in
                var group = try tx.group(id, in: scope)
                group.status = status
                try tx.update(group)
            }
            return Reply(202)
        default:
            let scope = try call.reach(.replicateGroup)
            let group = try await call.service.database.read { try $0.group(id, in: scope) }
            if action.name == "list_replication_targets" { return .json { $0.array("replication_targets") { _ in } } }
            throw .invalid("Invalid GroupType: Group \(group.id) is of a type that is not replicated.")
        }
    }

    private static func delete(
        _ call: Call<BlockStorage>, _ id: ID<VolumeGroup>, _ scope: Scope, withVolumes: Bool
    ) async throws(Failure) -> Reply {
        let service = call.service
        try await service.database.write { tx in
            var group = try tx.group(id, in: scope)
            guard group.status == .available || group.status == .error || group.status == .errorDeleting else {
                throw Failure.invalid(
                    "Invalid Group: Group status must be available or error, but current status is: \(group.status.rawValue)"
                )
            }
            let volumes = try tx.volumes(where: "volume_volume.group_id = \(id)")
            guard volumes.isEmpty || withVolumes else {
                throw Failure.invalid(
                    "Invalid Group: Group \(id) still contains volumes. The delete-volumes flag is required to delete it."
                )
            }
            guard try !tx.exists("SELECT 1 FROM volume_group_snapshot WHERE group_id = \(id)") else {
                throw Failure.invalid("Invalid Group: Group \(id) still has dependent group snapshots.")
            }
            for var volume in volumes {
                guard [.available, .error].contains(volume.status) else {
                    throw Failure.invalidVolume("Volume \(volume.id) of the group is \(volume.status.rawValue).")
                }
                // It goes with its group, of which it still is one.
                let own = volume.group
                volume.group = nil
                try service.delete(volume, cascade: false, force: false, tx)
                try tx.run(
                    "UPDATE volume_volume SET revision = revision + 1, group_id = \(own) WHERE id = \(volume.id)")
            }
            group.status = .deleting
            try tx.update(group)
            try service.runner.start(
                FollowGroup.self, about: id.text, FollowGroup.State(id: id.text, goal: .volumesGone), tx)
            let runner = service.runner
            tx.afterCommit { runner.nudge() }
        }
        return Reply(202)
    }
}

extension BlockStorage {
    /// A volume of a group that is made from another one's.
    fileprivate func copy(
        _ original: Volume, size: Int, from source: StoredName, snapshot: String?, into group: VolumeGroup,
        _ tx: Transaction
    ) throws(Failure) {
        try tx.reserve(
            [.volumes: 1, .gigabytes: size], type: original.typeName, size: size, in: group.project, settings)
        let volume = Volume(
            id: .uuid(world.chance), project: group.project, user: group.user, name: original.name,
            description: original.description, size: size, quotaSize: size, status: .creating, previousStatus: nil,
            migrationStatus: nil, attachStatus: .detached, zone: original.zone, type: original.type,
            typeName: original.typeName, host: nil, snapshot: snapshot,
            source: snapshot == nil ? original.id.text : nil, isBootable: original.isBootable,
            isMultiattach: original.isMultiattach, isReadOnly: false, countsForQuota: true,
            metadata: original.metadata, imageMetadata: original.imageMetadata, group: group.id.text,
            created: world.now, updated: nil)
        try tx.insert(volume)
        let state = CreateVolume.State(volume: volume.id, source: .stored(source), host: original.host, hints: .null)
        try runner.start(CreateVolume.self, about: volume.id.text, state, tx)
    }
}

extension Transaction {
    func insert(_ group: VolumeGroup) throws(Failure) {
        try insert(
            into: "volume_group",
            [
                "id": group.id, "project_id": group.project, "user_id": group.user, "name": group.name,
                "description": group.description, "type_id": group.type, "zone": group.zone, "status": group.status,
                "volume_types": JSON(group.volumeTypes).text, "source_id": group.source,
                "group_snapshot_id": group.groupSnapshot, "created_at": group.created,
            ])
    }

    func update(_ group: VolumeGroup) throws(Failure) {
        try run(
            """
            UPDATE volume_group SET name = \(group.name), description = \(group.description), status = \(group.status)
            WHERE id = \(group.id)
            """)
    }

    /// The volumes of groups, by group.
    fileprivate func members(of groups: [ID<VolumeGroup>]) throws(Failure) -> [String: [String]] {
        var members: [String: [String]] = [:]
        try each(
            "SELECT id, group_id FROM volume_volume WHERE group_id IN \(SQL.list(groups)) ORDER BY position"
        ) { row in
            members[try row.text("group_id"), default: []].append(try row.text("id"))
        }
        return members
    }
}

// MARK: On the wire

extension VolumeGroup {
    fileprivate func writeBrief(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("name", name)
    }

    fileprivate func write(to json: inout JSONWriter, _ call: Call<BlockStorage>, _ members: [String]?) {
        writeBrief(to: &json)
        json.put("status", status.rawValue)
        json.put("availability_zone", zone)
        json.put("created_at", created, as: .bare)
        json.put("description", description)
        json.put("group_type", type)
        json.put("volume_types", volumeTypes)
        if call.version >= "3.14" {
            json.put("group_snapshot_id", groupSnapshot)
            json.put("source_group_id", source)
        }
        if let members { json.put("volumes", members) }
        if call.version >= "3.38" { json.put("replication_status", "disabled") }
        if call.version >= "3.58", call.allows(.seeGroupProject) { json.put("project_id", project) }
    }
}
