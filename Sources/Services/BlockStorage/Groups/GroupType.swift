import API
import Base
import HTTP
import Policy
import SQL

/// A kind of group: what its backend must be able to do.
struct GroupType: Record {
    let id: ID<GroupType>
    var name: String
    var description: String?
    var isPublic: Bool
    var specs: JSON.Object
    let created: Moment
}

extension GroupType {
    static let created = Migration(
        "create volume group type",
        """
        CREATE TABLE volume_group_type (
            position    \(.serial),
            id          VARCHAR(64)  NOT NULL,
            name        VARCHAR(255) NOT NULL,
            description VARCHAR(255),
            is_public   BOOLEAN      NOT NULL,
            specs       MEDIUMTEXT   NOT NULL,
            created_at  BIGINT       NOT NULL,
            UNIQUE (id),
            UNIQUE (name)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), name: try row.text("name"), description: try row.optionalText("description"),
            isPublic: try row.bool("is_public"), specs: try row.object("specs"), created: try row.moment("created_at"))
    }

    static let listing = Listing(
        name: "group_types", noun: "Group type", table: "volume_group_type",
        select: "SELECT volume_group_type.* FROM volume_group_type",
        sorts: [
            "id": "volume_group_type.id", "name": "volume_group_type.name",
            "created_at": "volume_group_type.created_at", "is_public": "volume_group_type.is_public",
        ],
        filters: [.text("name", "name")], isByProject: false)

    static let endpoints: [Endpoint<BlockStorage>] = [
        Endpoint(
            "GET", "/group_types", "List group types", access: .authenticated,
            query: listing.parameters + [Parameter("is_public")], since: "3.11", list),
        .post("/group_types", "Create a group type", may: .createGroupType, takes: createShape, since: "3.11", create),
        Endpoint("GET", "/group_types/{type_id}", "Show a group type", access: .authenticated, since: "3.11", show),
        .put(
            "/group_types/{type_id}", "Update a group type", may: .updateGroupType, takes: updateShape, since: "3.11",
            update),
        .delete("/group_types/{type_id}", "Delete a group type", may: .deleteGroupType, since: "3.11", delete),
        .get(
            "/group_types/{type_id}/group_specs", "List a group type's specs", may: .listGroupSpecs, since: "3.11",
            specs),
        .post(
            "/group_types/{type_id}/group_specs", "Add to a group type's specs", may: .createGroupSpecs,
            takes: .object(Fields([.required("group_specs", .pairs)])), since: "3.11", addSpecs),
        .get(
            "/group_types/{type_id}/group_specs/{key}", "Show one of a group type's specs", may: .showGroupSpec,
            since: "3.11", spec),
        .put(
            "/group_types/{type_id}/group_specs/{key}", "Change one of a group type's specs", may: .updateGroupSpec,
            takes: .map(name: 1...255, value: .text(0...255), count: 1...1), since: "3.11", updateSpec),
        .delete(
            "/group_types/{type_id}/group_specs/{key}", "Remove one of a group type's specs", may: .deleteGroupSpec,
            since: "3.11", deleteSpec),
    ]

    private static let createShape: Shape = .wrapped(
        "group_type",
        [
            .required("name", .name), .optional("description", .looseDescription),
            .optional("is_public", .looseBoolean),
            .optional("group_specs", .pairsOrNull),
        ])
    private static let updateShape: Shape = .wrapped(
        "group_type",
        [
            .optional("name", .looseName), .optional("description", .looseDescription),
            .optional("is_public", .looseBoolean),
        ])
}

extension Transaction {
    /// By its id or its name; those that aren't public are for administrators.
    func groupType(_ text: String, seesAll: Bool) throws(Failure) -> GroupType {
        let reach: SQL = seesAll ? "1 = 1" : "is_public = \(true)"
        let types: [GroupType] = try rows(
            "SELECT * FROM volume_group_type WHERE (id = \(text) OR name = \(text)) AND \(reach)")
        guard let type = types.first(where: { $0.id.text == text }) ?? types.first else {
            throw .noSuch("Group type", text)
        }
        return type
    }

    fileprivate func change(
        _ text: String, _ body: (inout GroupType) throws(Failure) -> Void
    ) throws(Failure) -> GroupType {
        var type = try groupType(text, seesAll: true)
        try body(&type)
        do throws(Failure) {
            try run(
                """
                UPDATE volume_group_type SET name = \(type.name), description = \(type.description),
                    is_public = \(type.isPublic), specs = \(type.specs.storedText) WHERE id = \(type.id)
                """)
        } catch {
            guard error.violation?.kind == .unique else { throw error }
            throw .conflict("Group Type \(type.name) already exists.")
        }
        return type
    }
}

// MARK: Handlers

extension GroupType {
    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let asked = call.caller.isAdmin ? call.query["is_public"]?.lowercased() : nil
        let condition: SQL
        if asked == "none" {
            condition = "1 = 1"
        } else {
            guard let isPublic = Bool(loose: asked ?? "true") else { throw .invalid("Invalid is_public filter") }
            condition = "volume_group_type.is_public = \(isPublic)"
        }
        let query = try ListQuery(listing, call, also: [condition])
        let page: Page<GroupType> = try await call.service.database.read { try $0.page(query) }
        return .json { json in
            json.array("group_types", of: page.things) { type, json in json.object { type.write(to: &$0, call) } }
            call.writeEnd(of: page, listing, at: "/group_types", last: page.things.last?.id.text, to: &json)
        }
    }

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        guard call["type_id"] != "default" else { throw Failure(.notFound, "Default group type can not be found.") }
        let (text, seesAll) = (call["type_id"], call.caller.isAdmin)
        return one(200, try await call.service.database.read { try $0.groupType(text, seesAll: seesAll) }, call)
    }

    private static func create(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, world) = (try call.fields("group_type"), call.service.world)
        let type = GroupType(
            id: .uuid(world.chance), name: try body.required("name").trimmed, description: body.name("description"),
            isPublic: body.boolean("is_public") ?? true, specs: body["group_specs"]?.object ?? JSON.Object(),
            created: world.now)
        try await call.service.database.write { tx in
            do throws(Failure) {
                try tx.insert(
                    into: "volume_group_type",
                    [
                        "id": type.id, "name": type.name, "description": type.description,
                        "is_public": type.isPublic, "specs": type.specs.storedText, "created_at": type.created,
                    ])
            } catch {
                guard error.violation?.kind == .unique else { throw error }
                throw Failure.conflict("Group Type \(type.name) already exists.")
            }
        }
        return one(202, type, call)
    }

    private static func update(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let body = try call.fields("group_type")
        let (name, description, isPublic) = (body.name("name"), body.name("description"), body.boolean("is_public"))
        if let name, name.isEmpty { throw .invalid("Group type name can not be empty.") }
        guard name != nil || description != nil || isPublic != nil else {
            throw .invalid("Specify group type name, description or a combination thereof.")
        }
        let type = try await call.service.database.write { tx in
            try tx.change(call["type_id"]) { type throws(Failure) in
                type.name = name ?? type.name
                type.description = description ?? type.description
                type.isPublic = isPublic ?? type.isPublic
            }
        }
        return one(200, type, call)
    }

    private static func delete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        try await call.service.database.write { tx in
            let type = try tx.groupType(call["type_id"], seesAll: true)
            guard try !tx.exists("SELECT 1 FROM volume_group WHERE type_id = \(type.id)") else {
                throw Failure.invalid("Target group type is still in use.")
            }
            try tx.run("DELETE FROM volume_group_type WHERE id = \(type.id)")
        }
        return Reply(202)
    }

    // MARK: Specs

    private static func specs(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let type = try await call.service.database.read { try $0.groupType(call["type_id"], seesAll: true) }
        return .json { $0.put("group_specs", .object(type.specs)) }
    }

    private static func addSpecs(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let added = call.body["group_specs"]?.object ?? JSON.Object()
        _ = try await call.service.database.write { tx in
            try tx.change(call["type_id"]) { type throws(Failure) in type.specs = type.specs.merging(added) }
        }
        return .json(202) { $0.put("group_specs", .object(added)) }
    }

    private static func missing(_ call: Call<BlockStorage>) -> Failure {
        Failure(.notFound, "Group Type \(call["type_id"]) has no extra spec with key \(call["key"]).")
    }

    private static func spec(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let type = try await call.service.database.read { try $0.groupType(call["type_id"], seesAll: true) }
        guard let value = type.specs[call["key"]] else { throw missing(call) }
        return .json { $0.put(call["key"], value) }
    }

    private static func updateSpec(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, key) = (call.body.object ?? JSON.Object(), call["key"])
        guard let value = body[key] else { throw .invalid("Request body and URI mismatch") }
        _ = try await call.service.database.write { tx in
            try tx.change(call["type_id"]) { type throws(Failure) in type.specs[key] = value }
        }
        return .json { $0.put(key, value) }
    }

    private static func deleteSpec(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (key, missing) = (call["key"], missing(call))
        _ = try await call.service.database.write { tx in
            try tx.change(call["type_id"]) { type throws(Failure) in
                guard type.specs.has(key) else { throw missing }
                type.specs[key] = nil
            }
        }
        return Reply(202)
    }

    // MARK: On the wire

    private static func one(_ status: Int, _ type: GroupType, _ call: Call<BlockStorage>) -> Reply {
        .json(status) { $0.object("group_type") { type.write(to: &$0, call) } }
    }

    private func write(to json: inout JSONWriter, _ call: Call<BlockStorage>) {
        json.put("id", id)
        json.put("name", name)
        json.put("description", description)
        json.put("is_public", isPublic)
        if call.allows(.seeGroupSpecs) { json.put("group_specs", .object(specs)) }
    }
}

extension Rule {
    static let createGroupType = Rule("group:group_types:create", "Create a group type", May.admin)
    static let updateGroupType = Rule("group:group_types:update", "Update a group type", May.admin)
    static let deleteGroupType = Rule("group:group_types:delete", "Delete a group type", May.admin)
    static let seeGroupSpecs = Rule("group:access_group_types_specs", "See a group type's specs", May.admin)
    static let showGroupSpec = Rule("group:group_types_specs:get", "Show one of a group type's specs", May.admin)
    static let listGroupSpecs = Rule("group:group_types_specs:get_all", "List a group type's specs", May.admin)
    static let createGroupSpecs = Rule("group:group_types_specs:create", "Add to a group type's specs", May.admin)
    static let updateGroupSpec = Rule("group:group_types_specs:update", "Change a group type's specs", May.admin)
    static let deleteGroupSpec = Rule("group:group_types_specs:delete", "Cut a group type's specs", May.admin)
}
