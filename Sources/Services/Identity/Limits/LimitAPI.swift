import API
import Base
import HTTP
import Policy
import SQL

extension Limit {
    static let endpoints: [Endpoint<Identity>] = [
        .get("/limits/model", "Show how limits are enforced", may: .getLimitModel, model),
        .get(
            "/limits", "List limits", may: .listLimits,
            query: [
                Parameter("service_id"), Parameter("region_id"), Parameter("resource_name"), Parameter("project_id"),
                Parameter("domain_id"),
            ] + paging, list),
        .post(
            "/limits", "Create limits", may: .createLimits,
            takes: .object(
                Fields([.required("limits", .list(of: .object(Fields(createFields)), count: 1...1_000))])), create),
        .get("/limits/{limit_id}", "Show a limit", may: .getLimit, show),
        .patch(
            "/limits/{limit_id}", "Update a limit", may: .updateLimit,
            takes: .wrapped("limit", updateFields), update),
        .delete("/limits/{limit_id}", "Delete a limit", may: .deleteLimit, delete),
    ]

    private static let createFields: [Field] = [
        .required("service_id", .text(1...64)), .required("resource_name", .text(1...255, format: .name)),
        .required("resource_limit", amountShape), .optional("region_id", .nullable(.text(1...255))),
        .optional("project_id", .nullable(.text(1...64))), .optional("domain_id", .nullable(.text(1...64))),
        .optional("description", .description),
    ]
    private static let updateFields: [Field] = [
        .optional("resource_limit", amountShape), .optional("description", .description),
    ]
}

extension Rule {
    static let getLimitModel = Rule("identity:get_limit_model", "Show how limits are enforced", May.anyone)
    static let listLimits = Rule("identity:list_limits", "List limits", May.anyone)
    static let getLimit = Rule(
        "identity:get_limit", "Show a limit",
        """
        \(May.adminOrSystemReader) \
        or (domain_id:%(target.limit.domain.id)s or domain_id:%(target.limit.project.domain_id)s) \
        or (project_id:%(target.limit.project_id)s and not None:%(target.limit.project_id)s)
        """)
    static let createLimits = Rule("identity:create_limits", "Create limits", May.admin, for: [.system, .project])
    static let updateLimit = Rule("identity:update_limit", "Update a limit", May.admin, for: [.system, .project])
    static let deleteLimit = Rule("identity:delete_limit", "Delete a limit", May.admin, for: [.system, .project])
}

// MARK: Handlers

extension Limit {
    /// Limits know nothing of the tree that projects stand in.
    static func model(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .json {
            $0.object("model") {
                $0.put("name", "flat")
                $0.put(
                    "description",
                    "Limit enforcement and validation does not take project hierarchy into consideration.")
            }
        }
    }

    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .many(try await call.service.database.read { try $0.limits(call.listing, seenBy: call.caller) }, call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.limit(call.id("limit_id"), in: call.scope) }, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (bodies, chance) = (try call.objects(many), call.service.world.chance)
        let limits = try await call.service.database.write { tx in
            try bodies.map { try tx.makeLimit($0, id: .hex(chance)) }
        }
        return .made(limits, call)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields(one)
        let limit = try await call.service.database.write { tx in
            var limit = try tx.limit(call.id("limit_id"), in: call.scope)
            limit.change(body)
            try tx.update(limit)
            return limit
        }
        return .one(limit, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.database.write { tx in
            try tx.deleteLimit(try tx.limit(call.id("limit_id"), in: call.scope).id)
        }
        return .noContent
    }
}
