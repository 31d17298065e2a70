import API
import Base
import Policy
import SQL

extension Domain {
    init(_ row: borrowing Row) throws(Failure) { self.init(try Project(row)) }
}

extension Transaction {
    func domains(_ query: Parameters, in scope: Scope) throws(Failure) -> Page<Domain> {
        let condition: SQL = """
            domain_id = '' AND \(Project.filters.condition(query)) AND \(scope.condition(["target.domain.id": "id"]))
            """
        return try page("SELECT * FROM project WHERE \(condition)", query)
    }

    func domain(_ id: ID<Domain>, in scope: Scope) throws(Failure) -> Domain {
        try scope.admit(try row("SELECT * FROM project WHERE id = \(id) AND domain_id = ''"), id)
    }

    /// A domain that something refers to. One that isn't there is the body's fault or the path's: the caller knows.
    func domain(_ id: ID<Domain>) throws(Failure) -> Domain { try domain(id, in: .everywhere) }

    /// All that is in it goes with it.
    func deleteDomain(_ id: ID<Domain>) throws(Failure) {
        try run("DELETE FROM membership WHERE group_id IN (SELECT id FROM user_group WHERE domain_id = \(id))")
        try run("DELETE FROM membership WHERE user_id IN (SELECT id FROM user WHERE domain_id = \(id))")
        try run(
            """
            DELETE FROM assignment WHERE target_id = \(id)
                OR target_id IN (SELECT id FROM project WHERE domain_id = \(id))
                OR actor_id IN (SELECT id FROM user WHERE domain_id = \(id))
                OR actor_id IN (SELECT id FROM user_group WHERE domain_id = \(id))
                OR role_id IN (SELECT id FROM role WHERE domain_id = \(id))
            """)
        try run("DELETE FROM user_group WHERE domain_id = \(id)")
        try run("DELETE FROM password WHERE user_id IN (SELECT id FROM user WHERE domain_id = \(id))")
        try run("DELETE FROM user WHERE domain_id = \(id)")
        try run("DELETE FROM implied_role WHERE prior_id IN (SELECT id FROM role WHERE domain_id = \(id))")
        try run("DELETE FROM implied_role WHERE implied_id IN (SELECT id FROM role WHERE domain_id = \(id))")
        try run("DELETE FROM role WHERE domain_id = \(id)")
        try run("DELETE FROM resource_limit WHERE domain_id = \(id)")
        try run("DELETE FROM domain_configuration WHERE domain_id = \(id)")
        try run("DELETE FROM project_tag WHERE project_id = \(id)")
        try deleteProjects(in: id)
        try run("DELETE FROM project WHERE id = \(id)")
    }

    /// Those within others first.
    private func deleteProjects(in domain: ID<Domain>) throws(Failure) {
        var levels: [[Project]] = [try rows("SELECT * FROM project WHERE domain_id = \(domain) AND parent_id IS NULL")]
        while let level = levels.last, !level.isEmpty {
            levels.append(try rows("SELECT * FROM project WHERE parent_id IN \(SQL.list(level.map(\.id)))"))
        }
        for level in levels.reversed() { for project in level { try deleteProject(project.id) } }
    }
}
