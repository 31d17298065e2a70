import API
import Base
import Policy
import SQL

extension Credential {
    static let created = Migration(
        "create credential",
        """
        CREATE TABLE credential (
            id         VARCHAR(64)  NOT NULL PRIMARY KEY,
            user_id    VARCHAR(64)  NOT NULL,
            project_id VARCHAR(64),
            type       VARCHAR(255) NOT NULL,
            sealed     MEDIUMTEXT   NOT NULL,
            extra      MEDIUMTEXT   NOT NULL
        )
        """,
        "CREATE INDEX credential_by_user ON credential (user_id, type)",
        "CREATE INDEX credential_by_project ON credential (project_id)")

    static let filters: [Filter] = [.text("user_id", "user_id"), .text("type", "type")]

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), user: try row.id("user_id"), project: try row.optionalID("project_id"),
            type: try row.text("type"), sealed: try row.sealed("sealed"), extra: try row.extra("extra"))
    }
}

extension Transaction {
    func credentials(_ query: Parameters, in scope: Scope) throws(Failure) -> Page<Credential> {
        let conditions = [
            Credential.filters.condition(query), scope.condition(["target.credential.user_id": "user_id"]),
        ]
        return try page("SELECT * FROM credential WHERE \(SQL.all(conditions))", query)
    }

    func credentials(of user: ID<User>, type: String) throws(Failure) -> [Credential] {
        try rows("SELECT * FROM credential WHERE user_id = \(user) AND type = \(type) ORDER BY id")
    }

    func credential(_ id: ID<Credential>) throws(Failure) -> Credential? {
        try row("SELECT * FROM credential WHERE id = \(id)")
    }

    func credential(_ id: ID<Credential>, in scope: Scope) throws(Failure) -> Credential {
        try scope.admit(try credential(id), id)
    }

    func insert(_ credential: Credential) throws(Failure) {
        do throws(Failure) {
            try insert(
                into: "credential",
                [
                    "id": credential.id, "user_id": credential.user, "project_id": credential.project,
                    "type": credential.type, "sealed": credential.sealed, "extra": credential.extra,
                ])
        } catch  where error.kind == .conflict {
            throw .conflict(
                "Conflict occurred attempting to store credential - Duplicate entry found with ID \(credential.id).")
        }
    }

    func update(_ credential: Credential) throws(Failure) {
        try run("UPDATE credential SET sealed = \(credential.sealed) WHERE id = \(credential.id)")
    }

    func deleteCredential(_ id: ID<Credential>) throws(Failure) {
        try run("DELETE FROM credential WHERE id = \(id)")
    }

    func deleteCredentials(ofUser id: ID<User>) throws(Failure) {
        try run("DELETE FROM credential WHERE user_id = \(id)")
    }

    func deleteCredentials(onProject id: ID<Project>) throws(Failure) {
        try run("DELETE FROM credential WHERE project_id = \(id)")
    }
}
