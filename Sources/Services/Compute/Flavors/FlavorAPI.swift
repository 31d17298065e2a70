import API
import Base
import HTTP
import Policy
import SQL

extension Flavor {
    static let endpoints: [Endpoint<Compute>] =
        [
            Endpoint("GET", "/flavors", "List flavors", access: .authenticated, query: listParameters, list),
            Endpoint(
                "GET", "/flavors/detail", "List flavors with details", access: .authenticated, query: listParameters,
                listDetailed),
            .post("/flavors", "Create a flavor", may: .createFlavor, takes: createShape, create),
            Endpoint("GET", "/flavors/{flavor_id}", "Show a flavor", access: .authenticated, show),
            .put(
                "/flavors/{flavor_id}", "Describe a flavor", may: .updateFlavor, takes: updateShape, since: "2.55",
                update),
            .delete("/flavors/{flavor_id}", "Delete a flavor", may: .deleteFlavor, delete),
        ] + FlavorExtraSpecs.endpoints + FlavorAccess.endpoints

    private static let listParameters: [Parameter] = [
        Parameter("sort_key", .choice(sortColumns.keys.sorted())), Parameter("sort_dir", .choice(["asc", "desc"])),
        Parameter("limit", .looseInteger(0...Int64(Int32.max))), Parameter("marker"), Parameter("minRam"),
        Parameter("minDisk"), Parameter("is_public"),
    ]

    private static let amount: ClosedRange<Int64> = 0...Int64(Int32.max)
    private static let createShape: Shape = .wrapped(
        "flavor",
        [
            .required("name", .name),
            .optional("id", .nullable(.either([.text(1...255, format: .name), .integer(amount), .number]))),
            .required("ram", .looseInteger(1...Int64(Int32.max))),
            .required("vcpus", .looseInteger(1...Int64(Int32.max))),
            .required("disk", .looseInteger(amount)), .optional("OS-FLV-EXT-DATA:ephemeral", .looseInteger(amount)),
            .optional("swap", .looseInteger(amount)),
            .optional("rxtx_factor", .either([.number, .text(1...32)]), until: "2.101"),
            .optional("os-flavor-access:is_public", .looseBoolean),
            .optional("description", .description, since: "2.55"),
        ])
    private static let updateShape: Shape = .wrapped("flavor", [.required("description", .description)])
}

extension Rule {
    static let createFlavor = Rule("os_compute_api:os-flavor-manage:create", "Create a flavor", May.admin)
    static let updateFlavor = Rule("os_compute_api:os-flavor-manage:update", "Update a flavor", May.admin)
    static let deleteFlavor = Rule("os_compute_api:os-flavor-manage:delete", "Delete a flavor", May.admin)
}

// MARK: Handlers

extension Flavor {
    static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let page = try await page(call)
        let links = Links(call)
        return .json { json in
            json.array("flavors", of: page.things) { flavor, json in
                json.object { flavor.writeBrief(to: &$0, at: call.version, links: links) }
            }
            call.writeNext("flavors", page.next, at: "/flavors", to: &json)
        }
    }

    static func listDetailed(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let page = try await page(call)
        let links = Links(call)
        let showsExtraSpecs = call.allows(.listFlavorExtraSpecs, of: call.ownTarget)
        return .json { json in
            json.array("flavors", of: page.things) { flavor, json in
                json.object { flavor.write(to: &$0, at: call.version, links: links, showsExtraSpecs: showsExtraSpecs) }
            }
            call.writeNext("flavors", page.next, at: "/flavors/detail", to: &json)
        }
    }

    private static func page(_ call: Call<Compute>) async throws(Failure) -> Page<Flavor> {
        var conditions: [SQL] = []
        if let memory = try call.query.integer("minRam") { conditions.append("memory >= \(memory)") }
        if let disk = try call.query.integer("minDisk") { conditions.append("disk >= \(disk)") }
        var reach = call.flavorReach
        if call.caller.isAdmin {
            let wanted = call.query["is_public"]
            if wanted?.lowercased() == "none" {
                conditions.append("1 = 1")
            } else {
                conditions.append("is_public = \(try call.query.boolean("is_public") ?? true)")
            }
        } else {
            reach = FlavorReach(project: call.caller.projectID, isAdmin: false)
        }
        let (allowed, key) = (Flavor.sortColumns, call.query["sort_key"] ?? "flavorid")
        guard let column = allowed[key] else {
            throw .field("sort_key", "must be one of \(allowed.keys.sorted().joined(separator: ", "))")
        }
        let direction = call.query["sort_dir"] ?? "asc"
        guard direction == "asc" || direction == "desc" else { throw .field("sort_dir", "must be asc or desc") }
        let sort: SQL = direction == "desc" ? "\(SQL.raw(column)) DESC" : "\(SQL.raw(column))"
        let (limit, condition, scope) = (try call.limit(), SQL.all(conditions), reach)
        return try await call.service.database.read { tx in
            try tx.flavors(condition, sort: sort, limit: limit, marker: call.query["marker"], scope)
        }
    }

    static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.flavor(call.id("flavor_id"), call.flavorReach) }, call)
    }

    static func create(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let body = try call.fields("flavor")
        let (chance, now) = (call.service.world.chance, call.service.world.now)
        let id: ID<Flavor>
        switch body["id"] {
        case .string(let text)?: id = ID(text)
        case .integer(let number)?: id = ID(String(number))
        default: id = .uuid(chance)
        }
        let flavor = try Flavor(body, id: id)
        try await call.service.database.write { try $0.insert(flavor, at: now) }
        return .one(flavor, call)
    }

    static func update(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let body = try call.fields("flavor")
        let flavor = try await call.service.database.write { tx in
            var flavor = try tx.flavor(call.id("flavor_id"), call.flavorReach)
            flavor.description = body.text("description")
            try tx.update(flavor)
            return flavor
        }
        return .one(flavor, call)
    }

    static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try await call.service.database.write { tx in
            let flavor = try tx.flavor(call.id("flavor_id"), call.flavorReach)
            try tx.deleteFlavor(flavor.id)
        }
        return Reply(202)
    }
}

extension Reply {
    fileprivate static func one(_ flavor: Flavor, _ call: Call<Compute>) -> Reply {
        let showsExtraSpecs = call.allows(.listFlavorExtraSpecs, of: call.ownTarget)
        return .json { json in
            json.object("flavor") {
                flavor.write(to: &$0, at: call.version, links: Links(call), showsExtraSpecs: showsExtraSpecs)
            }
        }
    }
}

extension Call<Compute> {
    var flavorReach: FlavorReach { FlavorReach(project: caller.projectID, isAdmin: caller.isAdmin) }

    /// What rules may ask about a thing that is the caller's own.
    var ownTarget: [String: String] {
        var target = ["user_id": caller.user.id]
        if let project = caller.projectID { target["project_id"] = project }
        return target
    }
}
