import API
import Base
import Policy
import SQL

extension ApplicationCredential {
    static let created = Migration(
        "create application_credential",
        """
        CREATE TABLE application_credential (
            id          VARCHAR(64)  NOT NULL PRIMARY KEY,
            name        VARCHAR(255) NOT NULL,
            user_id     VARCHAR(64)  NOT NULL,
            project_id  VARCHAR(64)  NOT NULL,
            secret_hash VARCHAR(255) NOT NULL,
            description MEDIUMTEXT,
            expires_at  BIGINT,
            unrestricted BOOLEAN     NOT NULL,
            UNIQUE (user_id, name),
            FOREIGN KEY (user_id) REFERENCES user (id)
        )
        """,
        "CREATE INDEX application_credential_by_project ON application_credential (project_id)",
        """
        CREATE TABLE application_credential_role (
            credential_id VARCHAR(64) NOT NULL,
            role_id       VARCHAR(64) NOT NULL,
            PRIMARY KEY (credential_id, role_id),
            FOREIGN KEY (credential_id) REFERENCES application_credential (id)
        )
        """,
        """
        CREATE TABLE application_credential_access_rule (
            credential_id  VARCHAR(64) NOT NULL,
            access_rule_id VARCHAR(64) NOT NULL,
            PRIMARY KEY (credential_id, access_rule_id),
            FOREIGN KEY (credential_id) REFERENCES application_credential (id),
            FOREIGN KEY (access_rule_id) REFERENCES access_rule (id)
        )
        """)

    static let filters: [Filter] = [.text("name", "name")]

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), name: try row.text("name"), user: try row.id("user_id"),
            project: try row.id("project_id"), description: try row.optionalText("description"),
            expires: try row.optionalMoment("expires_at"), isUnrestricted: try row.bool("unrestricted"))
    }
}

extension Transaction {
    func applicationCredentials(
        of user: ID<User>, _ query: Parameters
    ) throws(Failure) -> Page<ApplicationCredential> {
        let conditions: [SQL] = [ApplicationCredential.filters.condition(query), "user_id = \(user)"]
        var page: Page<ApplicationCredential> = try page(
            "SELECT * FROM application_credential WHERE \(SQL.all(conditions))", query)
        for place in page.things.indices { try fill(&page.things[place]) }
        return page
    }

    func applicationCredential(_ id: ID<ApplicationCredential>) throws(Failure) -> ApplicationCredential? {
        try filled(row("SELECT * FROM application_credential WHERE id = \(id)"))
    }

    func applicationCredential(named name: String, of user: ID<User>) throws(Failure) -> ApplicationCredential? {
        try filled(row("SELECT * FROM application_credential WHERE user_id = \(user) AND name = \(name)"))
    }

    func secretHash(of id: ID<ApplicationCredential>) throws(Failure) -> String {
        try row("SELECT secret_hash FROM application_credential WHERE id = \(id)") { row throws(Failure) in
            try row.text("secret_hash")
        } ?? ""
    }

    private func filled(_ credential: ApplicationCredential?) throws(Failure) -> ApplicationCredential? {
        guard var credential else { return nil }
        try fill(&credential)
        return credential
    }

    private func fill(_ credential: inout ApplicationCredential) throws(Failure) {
        credential.roles = try rows(
            """
            SELECT * FROM role WHERE id IN (
                SELECT role_id FROM application_credential_role WHERE credential_id = \(credential.id))
            ORDER BY id
            """)
        let rules: [OwnedAccessRule] = try rows(
            """
            SELECT * FROM access_rule WHERE id IN (
                SELECT access_rule_id FROM application_credential_access_rule WHERE credential_id = \(credential.id))
            ORDER BY id
            """)
        credential.accessRules = rules.map(\.rule)
    }

    /// Its access rules must be there already.
    func insert(_ credential: ApplicationCredential, secretHash: String) throws(Failure) {
        do throws(Failure) {
            try insert(
                into: "application_credential",
                [
                    "id": credential.id, "name": credential.name, "user_id": credential.user,
                    "project_id": credential.project, "secret_hash": secretHash, "description": credential.description,
                    "expires_at": credential.expires, "unrestricted": credential.isUnrestricted,
                ])
        } catch  where error.kind == .conflict {
            throw .conflict(
                "Conflict occurred attempting to store application_credential - Duplicate entry found with name \(credential.name)."
            )
        }
        for role in credential.roles {
            try insert(
                into: "application_credential_role", ["credential_id": credential.id, "role_id": role.id])
        }
        for rule in credential.accessRules {
            try insert(
                into: "application_credential_access_rule",
                ["credential_id": credential.id, "access_rule_id": rule.id])
        }
    }

    func deleteApplicationCredential(_ id: ID<ApplicationCredential>) throws(Failure) {
        try run("DELETE FROM application_credential_role WHERE credential_id = \(id)")
        try run("DELETE FROM application_credential_access_rule WHERE credential_id = \(id)")
        try run("DELETE FROM application_credential WHERE id = \(id)")
    }

    func deleteApplicationCredentials(ofUser id: ID<User>) throws(Failure) {
        try deleteApplicationCredentials("user_id = \(id)")
    }

    /// Done when the user loses a role there: what was made with it goes too.
    func deleteApplicationCredentials(ofUser user: ID<User>, onProject project: ID<Project>) throws(Failure) {
        try deleteApplicationCredentials("user_id = \(user) AND project_id = \(project)")
    }

    func deleteApplicationCredentials(onProject id: ID<Project>) throws(Failure) {
        try deleteApplicationCredentials("project_id = \(id)")
    }

    private func deleteApplicationCredentials(_ condition: SQL) throws(Failure) {
        let credentials: [ApplicationCredential] = try rows("SELECT * FROM application_credential WHERE \(condition)")
        for credential in credentials { try deleteApplicationCredential(credential.id) }
    }
}
