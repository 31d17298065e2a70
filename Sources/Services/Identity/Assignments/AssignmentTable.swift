import API
import Base
import SQL

extension Assignment: Record {
    static let created = Migration(
        "create assignment",
        """
        CREATE TABLE assignment (
            actor_kind  VARCHAR(8)  NOT NULL,
            actor_id    VARCHAR(64) NOT NULL,
            target_kind VARCHAR(8)  NOT NULL,
            target_id   VARCHAR(64) NOT NULL,
            role_id     VARCHAR(64) NOT NULL,
            inherited   BOOLEAN     NOT NULL,
            PRIMARY KEY (actor_id, target_id, role_id, inherited, actor_kind, target_kind),
            FOREIGN KEY (role_id) REFERENCES role (id)
        )
        """,
        "CREATE INDEX assignment_by_target ON assignment (target_id)")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            actor: Actor(kind: try row.text("actor_kind"), id: try row.text("actor_id")),
            target: Target(kind: try row.text("target_kind"), id: try row.text("target_id")),
            role: try row.id("role_id"), isInherited: try row.bool("inherited"))
    }
}

extension Transaction {
    func insert(_ assignment: Assignment) throws(Failure) {
        try run(
            """
            INSERT INTO assignment (actor_kind, actor_id, target_kind, target_id, role_id, inherited)
            VALUES (\(assignment.actor.kind), \(assignment.actor.id), \(assignment.target.kind),
                \(assignment.target.id), \(assignment.role), \(assignment.isInherited))
            \(.onConflict(["actor_id", "target_id", "role_id", "inherited", "actor_kind", "target_kind"]))
            """)
    }

    func exists(_ assignment: Assignment) throws(Failure) -> Bool {
        try exists("SELECT 1 FROM assignment WHERE \(assignment.condition)")
    }

    /// Whether there was such a grant.
    func delete(_ assignment: Assignment) throws(Failure) -> Bool {
        try run("DELETE FROM assignment WHERE \(assignment.condition)") > 0
    }

    /// The roles granted to somebody on something, without what follows from them.
    func grants(
        to actor: Assignment.Actor, on target: Assignment.Target, inherited: Bool
    ) throws(Failure) -> [Role] {
        try rows(
            """
            SELECT * FROM role WHERE id IN (
                SELECT role_id FROM assignment WHERE actor_kind = \(actor.kind) AND actor_id = \(actor.id)
                    AND target_kind = \(target.kind) AND target_id = \(target.id) AND inherited = \(inherited))
            ORDER BY id
            """)
    }

    // MARK: What follows

    /// All that is granted to a user, by name or by group.
    func assignments(of user: ID<User>) throws(Failure) -> [Assignment] {
        try rows(
            """
            SELECT * FROM assignment WHERE actor_kind = 'user' AND actor_id = \(user)
                OR actor_kind = 'group' AND actor_id IN (SELECT group_id FROM membership WHERE user_id = \(user))
            """)
    }

    /// The roles that a user really has somewhere: granted or inherited, with all that they imply.
    func roles(of user: ID<User>, on target: Assignment.Target) throws(Failure) -> [Role] {
        let above = try heirs(of: target)
        let granted = try assignments(of: user).filter { assignment in
            assignment.isInherited ? above.contains(assignment.target) : assignment.target == target
        }
        guard !granted.isEmpty else { return [] }
        return try roleBook().effective(granted.map(\.role))
    }

    /// What a project inherits from: the projects that it stands in, and its domain.
    private func heirs(of target: Assignment.Target) throws(Failure) -> Set<Assignment.Target> {
        guard case .project(let id) = target, let project: Project = try row("SELECT * FROM project WHERE id = \(id)")
        else {
            return []
        }
        let tree = try tree(of: project)
        // A grant that is inherited from a project counts for those below it, not for itself.
        var above = Set(tree.ancestors.map { Assignment.Target.project($0.id) })
        if let domain = project.domain {
            above.insert(.domain(domain))
            above.insert(.project(ID(domain.text)))
        }
        return above
    }

    /// The projects that a user has some role on.
    func projects(openTo user: ID<User>, _ query: Parameters) throws(Failure) -> [Project] {
        let assignments = try assignments(of: user)
        var direct: Set<String> = []
        var trees: Set<ID<Project>> = []
        var domains: Set<ID<Domain>> = []
        for assignment in assignments {
            switch (assignment.target, assignment.isInherited) {
            case (.project(let id), false): direct.insert(id.text)
            case (.project(let id), true): trees.insert(id)
            case (.domain(let id), true): domains.insert(id)
            case (.domain, false), (.system, _): break
            }
        }
        var level = Array(trees)
        while !level.isEmpty {
            let below: [Project] = try rows("SELECT * FROM project WHERE parent_id IN \(SQL.list(level))")
            direct.formUnion(below.map(\.id.text))
            level = below.map(\.id)
        }
        return try rows(
            """
            SELECT * FROM project WHERE domain_id <> '' AND \(Project.filters.condition(query))
                AND (id IN \(SQL.list(direct.sorted())) OR domain_id IN \(SQL.list(domains.sorted())))
            ORDER BY id
            """)
    }

    /// The domains that a user has some role on.
    func domains(openTo user: ID<User>) throws(Failure) -> [Domain] {
        let ids = try assignments(of: user).compactMap { assignment -> String? in
            guard case .domain(let id) = assignment.target, !assignment.isInherited else { return nil }
            return id.text
        }
        return try rows(
            "SELECT * FROM project WHERE domain_id = '' AND id IN \(SQL.list(Set(ids).sorted())) ORDER BY id")
    }
}

extension Assignment {
    fileprivate var condition: SQL {
        """
        actor_kind = \(actor.kind) AND actor_id = \(actor.id) AND target_kind = \(target.kind)
            AND target_id = \(target.id) AND role_id = \(role) AND inherited = \(isInherited)
        """
    }
}
