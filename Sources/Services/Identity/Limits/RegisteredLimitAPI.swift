import API
import Base
import HTTP
import Policy
import SQL

extension RegisteredLimit {
    static let endpoints: [Endpoint<Identity>] = [
        .get(
            "/registered_limits", "List registered limits", may: .listRegisteredLimits,
            query: [Parameter("service_id"), Parameter("region_id"), Parameter("resource_name")] + paging, list),
        .post(
            "/registered_limits", "Register limits", may: .createRegisteredLimits,
            takes: .object(
                Fields([
                    .required(
                        "registered_limits",
                        .list(of: .object(Fields(required + optional)), count: 1...1_000))
                ])), create),
        .get(
            "/registered_limits/{registered_limit_id}", "Show a registered limit", may: .getRegisteredLimit, show),
        .patch(
            "/registered_limits/{registered_limit_id}", "Update a registered limit", may: .updateRegisteredLimit,
            takes: .wrapped("registered_limit", required.map(\.asOptional) + optional), update),
        .delete(
            "/registered_limits/{registered_limit_id}", "Delete a registered limit", may: .deleteRegisteredLimit,
            delete),
    ]

    private static let required: [Field] = [
        .required("service_id", .text(1...64)), .required("resource_name", .text(1...255, format: .name)),
        .required("default_limit", Limit.amountShape),
    ]
    private static let optional: [Field] = [
        .optional("region_id", .nullable(.text(1...255))), .optional("description", .description),
    ]
}

extension Rule {
    static let getRegisteredLimit = Rule("identity:get_registered_limit", "Show a registered limit", May.anyone)
    static let listRegisteredLimits = Rule("identity:list_registered_limits", "List registered limits", May.anyone)
    static let createRegisteredLimits = Rule(
        "identity:create_registered_limits", "Register limits", May.admin, for: [.system, .project])
    static let updateRegisteredLimit = Rule(
        "identity:update_registered_limit", "Update a registered limit", May.admin, for: [.system, .project])
    static let deleteRegisteredLimit = Rule(
        "identity:delete_registered_limit", "Delete a registered limit", May.admin, for: [.system, .project])
}

// MARK: Handlers

extension RegisteredLimit {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .many(try await call.service.database.read { try $0.registeredLimits(call.listing) }, call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.registeredLimit(call.id("registered_limit_id")) }, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let chance = call.service.world.chance
        let limits = try call.objects(many).map { body throws(Failure) in
            try RegisteredLimit(body, id: .hex(chance))
        }
        try await call.service.database.write { tx in for limit in limits { try tx.insert(limit) } }
        return .made(limits, call)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields(one)
        let limit = try await call.service.database.write { tx in
            var limit = try tx.registeredLimit(call.id("registered_limit_id"))
            limit.change(body)
            try tx.update(limit)
            return limit
        }
        return .one(limit, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.database.write { try $0.deleteRegisteredLimit(call.id("registered_limit_id")) }
        return .noContent
    }
}

// MARK: Several at once

extension Call<Identity> {
    /// The objects in a body that makes several things at once: `{"limits": [{…}, {…}]}`.
    func objects(_ name: String) throws(Failure) -> [JSON.Object] {
        guard let elements = body[name]?.array else { throw .field(name, "is required") }
        return elements.compactMap(\.object)
    }
}

extension Reply {
    /// The answer to such a body: all that was made, and nothing around it.
    static func made<Thing: Resource>(_ things: [Thing], _ call: Call<Identity>) -> Reply {
        .json(201) { json in
            json.array(Thing.many, of: things) { thing, json in json.object { thing.write(to: &$0, with: call) } }
        }
    }
}
