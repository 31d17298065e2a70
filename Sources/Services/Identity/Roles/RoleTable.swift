import API
import Base
import HTTP
import Policy
import SQL

extension Role {
    static let created = Migration(
        "create role",
        """
        CREATE TABLE role (
            id          VARCHAR(64)  NOT NULL PRIMARY KEY,
            name        VARCHAR(255) NOT NULL,
            domain_id   VARCHAR(64)  NOT NULL,
            description MEDIUMTEXT,
            options     MEDIUMTEXT   NOT NULL,
            extra       MEDIUMTEXT   NOT NULL,
            UNIQUE (domain_id, name)
        )
        """,
        """
        CREATE TABLE implied_role (
            prior_id   VARCHAR(64) NOT NULL,
            implied_id VARCHAR(64) NOT NULL,
            PRIMARY KEY (prior_id, implied_id),
            FOREIGN KEY (prior_id) REFERENCES role (id),
            FOREIGN KEY (implied_id) REFERENCES role (id)
        )
        """)

    static let filters: [Filter] = [.text("name", "name")]

    init(_ row: borrowing Row) throws(Failure) {
        let domain = try row.text("domain_id")
        self.init(
            id: try row.id("id"), name: try row.text("name"), domain: domain.isEmpty ? nil : ID(domain),
            description: try row.optionalText("description"), options: try row.options("options"),
            extra: try row.extra("extra"))
    }
}

extension ImpliedRole: Record {
    init(_ row: borrowing Row) throws(Failure) {
        self.init(prior: try row.id("prior_id"), implied: try row.id("implied_id"))
    }
}

extension Transaction {
    func roles(_ query: Parameters, in scope: Scope) throws(Failure) -> Page<Role> {
        let domain = query["domain_id"] ?? ""
        let conditions: [SQL] = [
            Role.filters.condition(query), "domain_id = \(domain)",
            scope.condition(["target.role.name": "name", "target.role.domain_id": "domain_id"]),
        ]
        return try page("SELECT * FROM role WHERE \(SQL.all(conditions))", query)
    }

    func role(_ id: ID<Role>, in scope: Scope) throws(Failure) -> Role {
        try scope.admit(try row("SELECT * FROM role WHERE id = \(id)"), id)
    }

    func role(_ id: ID<Role>) throws(Failure) -> Role { try role(id, in: .everywhere) }

    func insert(_ role: Role) throws(Failure) {
        if let domain = role.domain { _ = try self.domain(domain) }
        do throws(Failure) {
            try insert(
                into: "role",
                [
                    "id": role.id, "name": role.name, "domain_id": role.domain?.text ?? "",
                    "description": role.description, "options": role.options, "extra": role.extra,
                ])
        } catch  where error.kind == .conflict {
            throw role.conflict
        }
    }

    func update(_ role: Role) throws(Failure) {
        do throws(Failure) {
            try run(
                """
                UPDATE role SET name = \(role.name), description = \(role.description), options = \(role.options),
                    extra = \(role.extra)
                WHERE id = \(role.id)
                """)
        } catch  where error.kind == .conflict {
            throw role.conflict
        }
    }

    func deleteRole(_ id: ID<Role>) throws(Failure) {
        try run("DELETE FROM assignment WHERE role_id = \(id)")
        try run("DELETE FROM implied_role WHERE prior_id = \(id) OR implied_id = \(id)")
        try run("DELETE FROM role WHERE id = \(id)")
    }

    func roleBook() throws(Failure) -> RoleBook {
        RoleBook(try rows("SELECT * FROM role ORDER BY id"), try impliedRoles())
    }

    // MARK: Implications

    func impliedRoles() throws(Failure) -> [ImpliedRole] {
        try rows("SELECT * FROM implied_role ORDER BY prior_id, implied_id")
    }

    func roles(impliedBy prior: ID<Role>) throws(Failure) -> [Role] {
        try rows(
            """
            SELECT * FROM role WHERE id IN (SELECT implied_id FROM implied_role WHERE prior_id = \(prior)) ORDER BY id
            """)
    }

    func exists(_ rule: ImpliedRole) throws(Failure) -> Bool {
        try exists("SELECT 1 FROM implied_role WHERE prior_id = \(rule.prior) AND implied_id = \(rule.implied)")
    }

    func insert(_ rule: ImpliedRole) throws(Failure) {
        do throws(Failure) {
            try insert(into: "implied_role", ["prior_id": rule.prior, "implied_id": rule.implied])
        } catch  where error.kind == .conflict {
            throw .conflict(
                "Conflict occurred attempting to store implied_role - \(rule.prior) implies \(rule.implied) already.")
        }
    }

    func delete(_ rule: ImpliedRole) throws(Failure) {
        try run("DELETE FROM implied_role WHERE prior_id = \(rule.prior) AND implied_id = \(rule.implied)")
    }
}

extension Role {
    fileprivate var conflict: Failure {
        .conflict("Conflict occurred attempting to store role - Duplicate entry found with name \(name).")
    }
}
