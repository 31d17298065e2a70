import API
import Base
import HTTP
import Policy
import SQL

extension Project {
    /// A domain's own `domain_id` is empty, not NULL, so that domains' names are unique among themselves.
    static let created = Migration(
        "create project",
        """
        CREATE TABLE project (
            id          VARCHAR(64)  NOT NULL PRIMARY KEY,
            name        VARCHAR(64)  NOT NULL,
            domain_id   VARCHAR(64)  NOT NULL,
            parent_id   VARCHAR(64),
            enabled     BOOLEAN      NOT NULL,
            description MEDIUMTEXT   NOT NULL,
            options     MEDIUMTEXT   NOT NULL,
            extra       MEDIUMTEXT   NOT NULL,
            tags        MEDIUMTEXT   NOT NULL,
            UNIQUE (domain_id, name),
            FOREIGN KEY (parent_id) REFERENCES project (id)
        )
        """,
        "CREATE INDEX project_by_parent ON project (parent_id)",
        """
        CREATE TABLE project_tag (
            project_id VARCHAR(64) NOT NULL,
            name       VARCHAR(255) NOT NULL,
            PRIMARY KEY (project_id, name)
        )
        """)

    static let filters: [Filter] = [.text("name", "name"), .boolean("enabled", "enabled")]

    init(_ row: borrowing Row) throws(Failure) {
        let domain = try row.text("domain_id")
        self.init(
            id: try row.id("id"), name: try row.text("name"), domain: domain.isEmpty ? nil : ID(domain),
            parent: try row.optionalID("parent_id"), isDomain: domain.isEmpty, isEnabled: try row.bool("enabled"),
            description: try row.text("description"), options: try row.options("options"),
            extra: try row.extra("extra"), tags: try row.texts("tags"))
    }
}

extension Row {
    /// A list of texts, kept as JSON.
    func texts(_ column: StaticString) throws(Failure) -> [String] {
        let text = try text(column)
        if text == "[]" { return [] }
        return try JSONReader.read(text).array?.compactMap(\.string) ?? []
    }
}

extension Transaction {
    func projects(_ query: Parameters, in scope: Scope) throws(Failure) -> Page<Project> {
        var conditions: [SQL] = [Project.filters.condition(query), scope.condition(["target.domain_id": "domain_id"])]
        let wantsDomains = try query.boolean("is_domain") ?? false
        conditions.append(wantsDomains ? "domain_id = ''" : "domain_id <> ''")
        if let domain = query["domain_id"] { conditions.append("domain_id = \(domain)") }
        if let parent = query["parent_id"] {
            conditions.append("(parent_id = \(parent) OR parent_id IS NULL AND domain_id = \(parent))")
        }
        conditions += tagConditions(query)
        return try page("SELECT * FROM project WHERE \(SQL.all(conditions))", query)
    }

    private func tagConditions(_ query: Parameters) -> [SQL] {
        let tags = { (name: String) in query[name]?.split(separator: ",").map(String.init) ?? [] }
        let has = { (tag: String) -> SQL in "id IN (SELECT project_id FROM project_tag WHERE name = \(tag))" }
        var conditions = tags("tags").map(has)
        conditions += tags("not-tags").isEmpty ? [] : ["NOT \(SQL.all(tags("not-tags").map(has)))"]
        let any = { (tags: [String]) -> SQL in
            "id IN (SELECT project_id FROM project_tag WHERE name IN \(SQL.list(tags)))"
        }
        if !tags("tags-any").isEmpty { conditions.append(any(tags("tags-any"))) }
        if !tags("not-tags-any").isEmpty { conditions.append("NOT \(any(tags("not-tags-any")))") }
        return conditions
    }

    func project(_ id: ID<Project>, in scope: Scope) throws(Failure) -> Project {
        try scope.admit(try row("SELECT * FROM project WHERE id = \(id)"), id)
    }

    func project(_ id: ID<Project>) throws(Failure) -> Project { try project(id, in: .everywhere) }

    func project(named name: String, in domain: ID<Domain>) throws(Failure) -> Project? {
        try row("SELECT * FROM project WHERE name = \(name) AND domain_id = \(domain)")
    }

    func insert(_ project: Project) throws(Failure) {
        do throws(Failure) {
            try insert(
                into: "project",
                [
                    "id": project.id, "name": project.name, "domain_id": project.domain?.text ?? "",
                    "parent_id": project.parent, "enabled": project.isEnabled, "description": project.description,
                    "options": project.options, "extra": project.extra, "tags": project.tagsAsText,
                ])
        } catch  where error.kind == .conflict {
            throw project.conflict
        }
        try replaceTags(of: project)
    }

    func update(_ project: Project) throws(Failure) {
        do throws(Failure) {
            try run(
                """
                UPDATE project SET name = \(project.name), enabled = \(project.isEnabled),
                    description = \(project.description), options = \(project.options), extra = \(project.extra),
                    tags = \(project.tagsAsText)
                WHERE id = \(project.id)
                """)
        } catch  where error.kind == .conflict {
            throw project.conflict
        }
        try replaceTags(of: project)
    }

    private func replaceTags(of project: Project) throws(Failure) {
        try run("DELETE FROM project_tag WHERE project_id = \(project.id)")
        for tag in Set(project.tags) { try insert(into: "project_tag", ["project_id": project.id, "name": tag]) }
    }

    // MARK: The tree

    func children(of id: ID<Project>) throws(Failure) -> [Project] {
        try rows("SELECT * FROM project WHERE parent_id = \(id) ORDER BY id")
    }

    func tree(of project: Project) throws(Failure) -> ProjectTree {
        var ancestors: [Project] = []
        var next = project.parent
        while let id = next {
            let ancestor = try self.project(id)
            ancestors.append(ancestor)
            next = ancestor.parent
        }
        var descendants: [Project] = []
        var level = [project.id]
        while !level.isEmpty {
            let children: [Project] = try rows(
                "SELECT * FROM project WHERE parent_id IN \(SQL.list(level)) ORDER BY id")
            descendants += children
            level = children.map(\.id)
        }
        return ProjectTree(ancestors: ancestors, descendants: descendants)
    }

    /// The project and all that is granted on it. What services keep for it is theirs to give up.
    func deleteProject(_ id: ID<Project>) throws(Failure) {
        try run("DELETE FROM assignment WHERE target_kind = 'project' AND target_id = \(id)")
        try deleteTrusts(onProject: id)
        try deleteOAuthTokens(onProject: id)
        try deleteApplicationCredentials(onProject: id)
        try deleteCredentials(onProject: id)
        try run("DELETE FROM project_tag WHERE project_id = \(id)")
        try run("DELETE FROM resource_limit WHERE project_id = \(id)")
        try run("DELETE FROM project_endpoint WHERE project_id = \(id)")
        try run("DELETE FROM project_endpoint_group WHERE project_id = \(id)")
        try run("UPDATE user SET default_project_id = NULL WHERE default_project_id = \(id)")
        try run("DELETE FROM project WHERE id = \(id)")
    }
}

extension Project {
    fileprivate var tagsAsText: String { JSON.array(tags.map { .string($0) }).text }

    fileprivate var conflict: Failure {
        let noun = isDomain ? "domain" : "project"
        return .conflict(
            "Conflict occurred attempting to store \(noun) - it is not permitted to have two \(noun)s with the same name in the same domain: \(name)."
        )
    }
}
