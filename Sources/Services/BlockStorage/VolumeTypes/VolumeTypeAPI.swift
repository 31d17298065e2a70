import API
import Base
import HTTP
import Policy
import SQL

extension VolumeType {
    static let endpoints: [Endpoint<BlockStorage>] =
        [
            .get(
                "/types", "List volume types", may: .listTypes, query: listing.parameters + [Parameter("is_public")],
                list),
            .post("/types", "Create a volume type", may: .createType, takes: createShape, create),
            .get("/types/{type_id}", "Show a volume type", may: .showType, show),
            .put("/types/{type_id}", "Update a volume type", may: .updateType, takes: updateShape, update),
            .delete("/types/{type_id}", "Delete a volume type", may: .deleteType, delete),
        ] + ExtraSpecs.endpoints + TypeAccess.endpoints + TypeEncryption.endpoints

    private static let createShape: Shape = .wrapped(
        "volume_type",
        [
            .required("name", .name), .optional("description", .looseDescription),
            .optional("extra_specs", .map(name: 1...255, value: .nullable(.text(0...255)))),
            .optional("os-volume-type-access:is_public", .looseBoolean),
        ])

    private static let updateShape: Shape = .wrapped(
        "volume_type",
        [
            .optional("name", .nullable(.text(1...255))), .optional("description", .looseDescription),
            .optional("is_public", .looseBoolean),
        ])
}

extension Rule {
    static let listTypes = Rule("volume_extension:type_get_all", "List volume types", May.reader)
    static let showType = Rule("volume_extension:type_get", "Show a volume type", May.reader)
    static let createType = Rule("volume_extension:type_create", "Create a volume type", May.admin)
    static let updateType = Rule("volume_extension:type_update", "Update a volume type", May.admin)
    static let deleteType = Rule("volume_extension:type_delete", "Delete a volume type", May.admin)
    static let seeExtraSpecs = Rule(
        "volume_extension:access_types_extra_specs", "See a type's extra specs", May.reader)
    static let seeQoSOfType = Rule(
        "volume_extension:access_types_qos_specs_id", "See a type's QoS specs", May.admin)
    static let readSensitiveSpecs = Rule(
        "volume_extension:types_extra_specs:read_sensitive", "See the extra specs that tell of backends", May.admin)
    static let seeTypeAccess = Rule(
        "volume_extension:volume_type_access", "See whether a type is public", May.member)
}

// MARK: Handlers

extension VolumeType {
    /// Public ones and those that the project was let in to; administrators may ask for the others.
    static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let condition: SQL
        if call.caller.isAdmin {
            let asked = call.query["is_public"]?.lowercased()
            if asked == "none" {
                condition = "1 = 1"
            } else if let asked {
                guard let isPublic = Bool(loose: asked) else { throw .invalid("Invalid is_public filter [\(asked)]") }
                condition = "volume_type.is_public = \(isPublic)"
            } else {
                condition = "volume_type.is_public = \(true)"
            }
        } else {
            condition = call.typeSight.condition
        }
        let query = try ListQuery(listing, call, also: [condition])
        let page: Page<VolumeType> = try await call.service.database.read { try $0.page(query) }
        return .json { json in
            json.array("volume_types", of: page.things) { type, json in json.object { type.write(to: &$0, call) } }
            call.writeEnd(of: page, listing, at: "/types", last: page.things.last?.id.text, to: &json)
        }
    }

    static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let settings = call.service.settings
        let type: VolumeType = try await call.service.database.read { tx in
            if call["type_id"] == "default" { return try tx.defaultType(of: call.project, settings.defaultType) }
            return try tx.volumeType(call.id("type_id"), call.typeSight)
        }
        return .one(type, call)
    }

    static func create(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, world) = (try call.fields("volume_type"), call.service.world)
        let type = VolumeType(
            id: .uuid(world.chance), name: try body.required("name").trimmed, description: body.name("description"),
            isPublic: body.boolean("os-volume-type-access:is_public") ?? true,
            extraSpecs: body["extra_specs"]?.object ?? JSON.Object(), qosSpecs: nil, encryption: nil,
            created: world.now, updated: nil)
        try await call.service.database.write { try $0.insert(type) }
        return .json { $0.object("volume_type") { type.writeChanged(to: &$0, call) } }
    }

    static func update(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let body = try call.fields("volume_type")
        let (name, description, isPublic) = (body.name("name"), body.name("description"), body.boolean("is_public"))
        if let name, name.isEmpty { throw .invalid("Volume type name can not be empty.") }
        guard name != nil || description != nil || isPublic != nil else {
            throw .invalid("Specify volume type name, description, is_public or a combination thereof.")
        }
        let now = call.service.world.now
        let type: VolumeType = try await call.service.database.write { tx in
            try tx.change(call.id("type_id"), at: now) { type throws(Failure) in
                if let name { type.name = name }
                if let description { type.description = description }
                if let isPublic { type.isPublic = isPublic }
            }
        }
        return .json { $0.object("volume_type") { type.writeBase(to: &$0, call) } }
    }

    static func delete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let settings = call.service.settings
        try await call.service.database.write { tx in
            let type = try tx.volumeType(call.id("type_id"))
            let isDefault = try tx.exists("SELECT 1 FROM volume_default_type WHERE type_id = \(type.id)")
            guard type.name != settings.defaultType, !isDefault else {
                throw Failure.invalid("The volume type \(type.id) is a default volume type and cannot be deleted.")
            }
            guard try !tx.isInUse(type.id) else { throw Failure.invalid("Target volume type is still in use.") }
            try tx.delete(type.id)
        }
        return Reply(202)
    }
}

extension Reply {
    static func one(_ type: VolumeType, _ call: Call<BlockStorage>) -> Reply {
        .json { $0.object("volume_type") { type.write(to: &$0, call) } }
    }
}

// MARK: On the wire

extension VolumeType {
    func write(to json: inout JSONWriter, _ call: Call<BlockStorage>) {
        writeChanged(to: &json, call)
        if call.allows(.seeQoSOfType) { json.put("qos_specs_id", qosSpecs) }
    }

    /// A new one has no QoS specs yet.
    func writeChanged(to json: inout JSONWriter, _ call: Call<BlockStorage>) {
        writeBase(to: &json, call)
        if call.allows(.seeTypeAccess, of: call.ownTarget) { json.put("os-volume-type-access:is_public", isPublic) }
    }

    func writeBase(to json: inout JSONWriter, _ call: Call<BlockStorage>) {
        json.put("id", id)
        json.put("name", name)
        json.put("is_public", isPublic)
        json.put("description", description)
        if call.allows(.seeExtraSpecs, of: call.ownTarget) {
            json.put("extra_specs", .object(call.visible(extraSpecs)))
        }
    }
}

extension Call<BlockStorage> {
    /// As much of a type's extra specs as the caller may know.
    func visible(_ specs: JSON.Object) -> JSON.Object {
        if allows(.readSensitiveSpecs) { return specs }
        return JSON.Object(specs.members.filter { VolumeType.visibleSpecs.contains($0.name) })
    }
}
