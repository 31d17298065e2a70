import API
import Base
import Policy
import SQL

extension Trust {
    static let created = Migration(
        "create trust",
        """
        CREATE TABLE trust (
            id                 VARCHAR(64) NOT NULL PRIMARY KEY,
            trustor_user_id    VARCHAR(64) NOT NULL,
            trustee_user_id    VARCHAR(64) NOT NULL,
            project_id         VARCHAR(64),
            impersonation      BOOLEAN     NOT NULL,
            expires_at         BIGINT,
            remaining_uses     BIGINT,
            parent_id          VARCHAR(64),
            redelegation_count BIGINT      NOT NULL,
            UNIQUE (trustor_user_id, trustee_user_id, project_id, impersonation, expires_at),
            FOREIGN KEY (trustor_user_id) REFERENCES user (id),
            FOREIGN KEY (trustee_user_id) REFERENCES user (id),
            FOREIGN KEY (parent_id) REFERENCES trust (id)
        )
        """,
        "CREATE INDEX trust_by_trustee ON trust (trustee_user_id)",
        "CREATE INDEX trust_by_project ON trust (project_id)",
        """
        CREATE TABLE trust_role (
            trust_id VARCHAR(64) NOT NULL,
            role_id  VARCHAR(64) NOT NULL,
            PRIMARY KEY (trust_id, role_id),
            FOREIGN KEY (trust_id) REFERENCES trust (id)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), trustor: try row.id("trustor_user_id"), trustee: try row.id("trustee_user_id"),
            project: try row.optionalID("project_id"), impersonates: try row.bool("impersonation"),
            expires: try row.optionalMoment("expires_at"), remainingUses: try row.optionalInteger("remaining_uses"),
            parent: try row.optionalID("parent_id"), redelegationCount: try row.integer("redelegation_count"))
    }
}

extension Transaction {
    func trusts(trustor: String?, trustee: String?, _ query: Parameters) throws(Failure) -> Page<Trust> {
        var conditions: [SQL] = []
        if let trustor { conditions.append("trustor_user_id = \(trustor)") }
        if let trustee { conditions.append("trustee_user_id = \(trustee)") }
        return try page("SELECT * FROM trust WHERE \(SQL.all(conditions))", query)
    }

    /// The trust with its roles and what it was made from, whether it can still be used or not.
    func trust(_ id: ID<Trust>) throws(Failure) -> Trust? {
        guard var trust: Trust = try row("SELECT * FROM trust WHERE id = \(id)") else { return nil }
        trust.roles = try rows(
            "SELECT * FROM role WHERE id IN (SELECT role_id FROM trust_role WHERE trust_id = \(id)) ORDER BY id")
        // No chain is longer than the limit on lending on, so this ends.
        if let parent = trust.parent, let parent = try self.trust(parent) { trust.ancestors = parent.chain }
        return trust
    }

    /// The trust, if tokens may still be had with it: everybody in its chain is there and may log in.
    func usableTrust(_ id: ID<Trust>, at now: Moment) throws(Failure) -> Trust? {
        guard let trust = try trust(id), trust.isUsable(at: now), try isAlive(trust, at: now) else { return nil }
        return trust
    }

    func isAlive(_ trust: Trust, at now: Moment) throws(Failure) -> Bool {
        for link in trust.chain {
            if let expires = link.expires, now > expires { return false }
            for person in [link.trustor, link.trustee] where try activeUser(.id(person)) == nil { return false }
        }
        return true
    }

    /// The roles that a trust gives now, with all that they imply; nil when its trustor has lost one of them.
    func roles(under trust: Trust) throws(Failure) -> [Role]? {
        guard let project = trust.project else { return nil }
        let lent = try roleBook().effective(trust.roles.map(\.id))
        let own = Set(try roles(of: trust.origin, on: .project(project)).map(\.id))
        return lent.isEmpty || !lent.allSatisfy { own.contains($0.id) } ? nil : lent
    }

    func insert(_ trust: Trust) throws(Failure) {
        do throws(Failure) {
            try insert(
                into: "trust",
                [
                    "id": trust.id, "trustor_user_id": trust.trustor, "trustee_user_id": trust.trustee,
                    "project_id": trust.project, "impersonation": trust.impersonates, "expires_at": trust.expires,
                    "remaining_uses": trust.remainingUses, "parent_id": trust.parent,
                    "redelegation_count": trust.redelegationCount,
                ])
        } catch  where error.kind == .conflict {
            throw .conflict("Conflict occurred attempting to store trust - Duplicate entry.")
        }
        for role in trust.roles { try insert(into: "trust_role", ["trust_id": trust.id, "role_id": role.id]) }
    }

    /// Takes one use. Two who take the last one at once don't both get it.
    func consume(_ trust: Trust) throws(Failure) {
        let met = try run(
            "UPDATE trust SET remaining_uses = remaining_uses - 1 WHERE id = \(trust.id) AND remaining_uses > 0")
        guard met > 0 else { throw .forbidden("No remaining uses for trust: \(trust.id).") }
    }

    /// With all that was made from it.
    func deleteTrust(_ id: ID<Trust>) throws(Failure) {
        let children: [Trust] = try rows("SELECT * FROM trust WHERE parent_id = \(id)")
        for child in children { try deleteTrust(child.id) }
        try run("DELETE FROM trust_role WHERE trust_id = \(id)")
        try run("DELETE FROM trust WHERE id = \(id)")
    }

    func deleteTrusts(ofUser id: ID<User>) throws(Failure) {
        try deleteTrusts("trustor_user_id = \(id) OR trustee_user_id = \(id)")
    }

    func deleteTrusts(onProject id: ID<Project>) throws(Failure) { try deleteTrusts("project_id = \(id)") }

    private func deleteTrusts(_ condition: SQL) throws(Failure) {
        let trusts: [Trust] = try rows("SELECT * FROM trust WHERE \(condition)")
        for trust in trusts { try deleteTrust(trust.id) }
    }
}
