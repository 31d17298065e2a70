import API
import Base
import HTTP
import Policy
import SQL

extension OwnedAccessRule {
    private static let path = "/users/{user_id}/access_rules"

    static let endpoints: [Endpoint<Identity>] = [
        .get(
            path, "List a user's access rules", may: .accessRulesList,
            query: [Parameter("service"), Parameter("path"), Parameter("method")] + paging, list),
        .get("\(path)/{access_rule_id}", "Show an access rule", may: .accessRulesGet, show),
        .delete("\(path)/{access_rule_id}", "Delete an access rule", may: .accessRulesDelete, delete),
    ]
}

extension AccessRule {
    static let shape: Shape = .object(
        Fields(
            [
                .optional("id", .text(1...64)), .optional("service", .text(1...64)),
                .optional("method", .choice(["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"])),
                .optional("path", .text(1...225)),
            ], others: .allowed))
}

extension Rule {
    private static let seenBy = "(role:reader and system_scope:all) or user_id:%(target.user.id)s"

    static let accessRulesGet = Rule(
        "identity:get_access_rule", "Show an access rule", seenBy, for: [.system, .project])
    static let accessRulesList = Rule(
        "identity:list_access_rules", "List a user's access rules", seenBy, for: [.system, .project])
    static let accessRulesDelete = Rule(
        "identity:delete_access_rule", "Delete an access rule",
        "(role:admin and system_scope:all) or user_id:%(target.user.id)s", for: [.system, .project])
}

// MARK: Handlers

extension OwnedAccessRule {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let user = try admit(call)
        return .many(try await call.service.database.read { try $0.accessRules(of: user, call.listing) }, call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let user = try admit(call)
        return .one(
            try await call.service.database.read { try $0.accessRule(call.id("access_rule_id"), of: user) }, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let user = try admit(call)
        try await call.service.database.write {
            try $0.deleteAccessRule(try $0.accessRule(call.id("access_rule_id"), of: user))
        }
        return .noContent
    }

    private static func admit(_ call: Call<Identity>) throws(Failure) -> ID<User> {
        guard call.scope.covers(["target.user.id": call["user_id"]]) else { throw .outOfReach }
        try call.refuseLentTokens()
        return call.id("user_id")
    }
}
