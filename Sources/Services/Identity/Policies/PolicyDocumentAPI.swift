import API
import Base
import HTTP
import Policy
import SQL

extension PolicyDocument {
    static let endpoints: [Endpoint<Identity>] =
        [
            .get("/policies", "List policies", may: .listPolicies, query: [Parameter("type")] + paging, list),
            .post(
                "/policies", "Create a policy", may: .createPolicy,
                takes: .wrapped("policy", fields, others: .allowed), create),
            .get("/policies/{policy_id}", "Show a policy", may: .getPolicy, show),
            .patch(
                "/policies/{policy_id}", "Update a policy", may: .updatePolicy,
                takes: .wrapped("policy", fields.map(\.asOptional), others: .allowed), update),
            .delete("/policies/{policy_id}", "Delete a policy", may: .deletePolicy, delete),
        ] + PolicyAssociations.endpoints

    private static let fields: [Field] = [.required("blob", .text), .required("type", .text(0...255))]
}

extension Rule {
    static let getPolicy = Rule(
        "identity:get_policy", "Show a policy", May.adminOrSystemReader, for: [.system, .project])
    static let listPolicies = Rule(
        "identity:list_policies", "List policies", May.adminOrSystemReader, for: [.system, .project])
    static let createPolicy = Rule("identity:create_policy", "Create a policy", May.admin, for: [.system, .project])
    static let updatePolicy = Rule("identity:update_policy", "Update a policy", May.admin, for: [.system, .project])
    static let deletePolicy = Rule("identity:delete_policy", "Delete a policy", May.admin, for: [.system, .project])
}

// MARK: Handlers

extension PolicyDocument {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .many(try await call.service.database.read { try $0.policies(call.listing) }, call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.policy(call.id("policy_id") as ID<PolicyDocument>) }, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let policy = try PolicyDocument(try call.fields(one), id: .hex(call.service.world.chance))
        try await call.service.database.write { try $0.insert(policy) }
        return .one(policy, call, status: 201)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields(one)
        let policy = try await call.service.database.write { tx in
            var policy = try tx.policy(call.id("policy_id") as ID<PolicyDocument>)
            try policy.change(body)
            try tx.update(policy)
            return policy
        }
        return .one(policy, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.database.write { try $0.deletePolicy(call.id("policy_id")) }
        return .noContent
    }
}
