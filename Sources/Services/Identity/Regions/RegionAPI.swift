import API
import Base
import HTTP
import Policy
import SQL

extension Region {
    static let endpoints: [Endpoint<Identity>] = [
        .get("/regions", "List regions", may: .listRegions, query: [Parameter("parent_region_id")], list),
        .post(
            "/regions", "Create a region", may: .createRegion, takes: body(.optional("id", .nullable(.text(0...255)))),
            create),
        .get("/regions/{region_id}", "Show a region", may: .getRegion, show),
        .put("/regions/{region_id}", "Create a region by its id", may: .createRegion, takes: body(), createNamed),
        .patch("/regions/{region_id}", "Update a region", may: .updateRegion, takes: body(), update),
        .delete("/regions/{region_id}", "Delete a region", may: .deleteRegion, delete),
    ]

    private static func body(_ more: Field...) -> Shape {
        .wrapped(
            "region",
            more + [.optional("description", .description), .optional("parent_region_id", .nullable(.text(1...255)))],
            others: .allowed)
    }
}

extension Rule {
    static let getRegion = Rule("identity:get_region", "Show a region", May.anyone)
    static let listRegions = Rule("identity:list_regions", "List regions", May.anyone)
    static let createRegion = Rule("identity:create_region", "Create a region", May.admin, for: [.system, .project])
    static let updateRegion = Rule("identity:update_region", "Update a region", May.admin, for: [.system, .project])
    static let deleteRegion = Rule("identity:delete_region", "Delete a region", May.admin, for: [.system, .project])
}

// MARK: Handlers

extension Region {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let parent: ID<Region>? = call.query["parent_region_id"].map { ID($0) }
        return .many(try await call.service.database.read { try $0.regions(within: parent) }, call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let region = try await call.service.database.read { try $0.region(call.id("region_id")) }
        return .one(region, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("region")
        let given = body.text("id") ?? ""
        return try await make(Region(body, id: given.isEmpty ? .hex(call.service.world.chance) : ID(given)), call)
    }

    static func createNamed(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("region")
        let id: ID<Region> = call.id("region_id")
        if let given = body.text("id"), given != id.text {
            throw .invalid("Conflicting region IDs specified: \"\(id)\" != \"\(given)\".")
        }
        return try await make(Region(body, id: id), call)
    }

    private static func make(_ region: Region, _ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.database.write { try $0.insert(region) }
        return .one(region, call, status: 201)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("region")
        let region = try await call.service.database.write { tx in
            var region = try tx.region(call.id("region_id"))
            region.change(body)
            try tx.update(region)
            return region
        }
        return .one(region, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.database.write { try $0.deleteRegion(call.id("region_id")) }
        return .noContent
    }
}
