import API
import Base
import HTTP
import Policy
import SQL

/// An access rule as it is kept: a user's own, for use by any of their application credentials.
struct OwnedAccessRule: Resource, Hashable {
    static let one = "access_rule"
    static let many = "access_rules"

    let rule: AccessRule
    let user: ID<User>

    var id: ID<OwnedAccessRule> { ID(rule.id) }
    var path: String { "/users/\(user)/access_rules/\(id)" }

    func write(to json: inout JSONWriter) { rule.write(to: &json) }
}

extension OwnedAccessRule {
    static let created = Migration(
        "create access_rule",
        """
        CREATE TABLE access_rule (
            id      VARCHAR(64)  NOT NULL PRIMARY KEY,
            user_id VARCHAR(64)  NOT NULL,
            service VARCHAR(64)  NOT NULL,
            method  VARCHAR(16)  NOT NULL,
            path    VARCHAR(225) NOT NULL,
            UNIQUE (user_id, service, path, method),
            FOREIGN KEY (user_id) REFERENCES user (id)
        )
        """)

    static let filters: [Filter] = [.text("service", "service"), .text("path", "path"), .text("method", "method")]

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            rule: AccessRule(
                id: try row.text("id"), service: try row.text("service"), method: try row.text("method"),
                path: try row.text("path")),
            user: try row.id("user_id"))
    }
}

extension Transaction {
    func accessRules(of user: ID<User>, _ query: Parameters) throws(Failure) -> Page<OwnedAccessRule> {
        let conditions: [SQL] = [OwnedAccessRule.filters.condition(query), "user_id = \(user)"]
        return try page("SELECT * FROM access_rule WHERE \(SQL.all(conditions))", query)
    }

    func accessRule(_ id: ID<OwnedAccessRule>, of user: ID<User>) throws(Failure) -> OwnedAccessRule {
        guard
            let rule: OwnedAccessRule = try row(
                "SELECT * FROM access_rule WHERE id = \(id) AND user_id = \(user)")
        else { throw .notFound("Access Rule", id.text) }
        return rule
    }

    /// The rules that a body names or describes, each once; those that aren't there yet are made.
    func accessRules(
        _ bodies: [JSON], of user: ID<User>, _ chance: any Chance
    ) throws(Failure) -> [AccessRule] {
        var rules: [AccessRule] = []
        for body in bodies {
            let rule = try accessRule(body, of: user, chance)
            if !rules.contains(rule) { rules.append(rule) }
        }
        return rules
    }

    private func accessRule(_ body: JSON, of user: ID<User>, _ chance: any Chance) throws(Failure) -> AccessRule {
        if let id = body["id"]?.string { return try accessRule(ID(id), of: user).rule }
        guard let service = body["service"]?.string, let method = body["method"]?.string,
            let path = body["path"]?.string
        else { throw .field("access_rules", "each must have an id, or a service, a method and a path") }
        guard path.hasPrefix("/") else { throw .field("access_rules.path", "must begin with a slash") }
        let known: OwnedAccessRule? = try row(
            """
            SELECT * FROM access_rule
            WHERE user_id = \(user) AND service = \(service) AND path = \(path) AND method = \(method)
            """)
        if let known { return known.rule }
        let rule = AccessRule(id: UUID(chance).hex, service: service, method: method, path: path)
        try insert(
            into: "access_rule",
            ["id": rule.id, "user_id": user, "service": service, "method": method, "path": path])
        return rule
    }

    func deleteAccessRule(_ rule: OwnedAccessRule) throws(Failure) {
        guard try !exists("SELECT 1 FROM application_credential_access_rule WHERE access_rule_id = \(rule.id)") else {
            throw .forbidden("May not delete access rule in use")
        }
        try run("DELETE FROM access_rule WHERE id = \(rule.id)")
    }

    /// Their application credentials must be gone already.
    func deleteAccessRules(ofUser id: ID<User>) throws(Failure) {
        try run("DELETE FROM access_rule WHERE user_id = \(id)")
    }
}
