import API
import Base
import Policy
import SQL

extension Limit {
    /// A limit is either a project's or a domain's; what it isn't, is an empty text, so that both are unique.
    static let created = Migration(
        "create limit",
        """
        CREATE TABLE resource_limit (
            id                  VARCHAR(64) NOT NULL PRIMARY KEY,
            registered_limit_id VARCHAR(64) NOT NULL,
            project_id          VARCHAR(64) NOT NULL,
            domain_id           VARCHAR(64) NOT NULL,
            amount              BIGINT      NOT NULL,
            description         MEDIUMTEXT,
            UNIQUE (registered_limit_id, project_id, domain_id),
            FOREIGN KEY (registered_limit_id) REFERENCES registered_limit (id)
        )
        """)

    static let filters: [Filter] = [
        .text("service_id", "service_id"), .text("region_id", "region_id"), .text("resource_name", "resource_name"),
        .text("project_id", "project_id"), .text("domain_id", "domain_id"),
    ]

    /// A limit with what it refers to, as one table.
    fileprivate static let joined: SQL = """
        (SELECT resource_limit.id AS id, resource_limit.project_id AS project_id,
            resource_limit.domain_id AS domain_id, resource_limit.amount AS amount,
            resource_limit.description AS description, registered_limit.service_id AS service_id,
            registered_limit.region_id AS region_id, registered_limit.resource_name AS resource_name,
            project.domain_id AS project_domain_id
        FROM resource_limit JOIN registered_limit ON registered_limit.id = resource_limit.registered_limit_id
            LEFT JOIN project ON project.id = resource_limit.project_id) AS every_limit
        """

    init(_ row: borrowing Row) throws(Failure) {
        let region = try row.text("region_id")
        let project = try row.text("project_id")
        self.init(
            id: try row.id("id"),
            owner: project.isEmpty
                ? .domain(try row.id("domain_id"))
                : .project(ID(project), in: try row.optionalID("project_domain_id")),
            service: try row.id("service_id"), region: region.isEmpty ? nil : ID(region),
            resource: try row.text("resource_name"), amount: try row.integer("amount"),
            description: try row.optionalText("description"))
    }
}

extension Transaction {
    func limits(_ query: Parameters, seenBy caller: Caller) throws(Failure) -> Page<Limit> {
        let conditions = [Limit.filters.condition(query), reach(of: caller)]
        return try page("SELECT * FROM \(Limit.joined) WHERE \(SQL.all(conditions))", query)
    }

    /// Anybody may list, and sees what concerns them: services and administrators need all of them to enforce any.
    private func reach(of caller: Caller) -> SQL {
        if caller.isSystem || caller.isAdmin || caller.has(role: "service") { return "1 = 1" }
        switch caller.reach {
        case .domain(let id, _): return "(domain_id = \(id) OR project_domain_id = \(id))"
        case .project(let project): return "project_id = \(project.id)"
        case .none, .system: return "1 = 0"
        }
    }

    func limit(_ id: ID<Limit>, in scope: Scope) throws(Failure) -> Limit {
        guard let limit: Limit = try row("SELECT * FROM \(Limit.joined) WHERE id = \(id)") else {
            throw Failure(.notFound, "Could not find limit for \(id).")
        }
        guard scope.covers(limit.attribute) else { throw .outOfReach }
        return limit
    }

    /// The limit that a body asks for, written and read back with what it refers to.
    func makeLimit(_ body: JSON.Object, id: ID<Limit>) throws(Failure) -> Limit {
        let (project, domain) = try owner(named: body)
        let service = try body.required("service_id")
        let resource = try body.required("resource_name")
        let registered: RegisteredLimit? = try row(
            """
            SELECT * FROM registered_limit WHERE service_id = \(service) AND resource_name = \(resource)
                AND region_id = \(body.text("region_id") ?? "")
            """)
        guard let registered else {
            throw .forbidden("Unable to create a limit that has no corresponding registered limit.")
        }
        do throws(Failure) {
            try insert(
                into: "resource_limit",
                [
                    "id": id, "registered_limit_id": registered.id, "project_id": project?.text ?? "",
                    "domain_id": domain?.text ?? "", "amount": body.integer("resource_limit") ?? 0,
                    "description": body.text("description"),
                ])
        } catch  where error.kind == .conflict {
            throw .conflict("Conflict occurred attempting to store limit - Duplicate entry.")
        }
        return try limit(id, in: .everywhere)
    }

    /// A project that acts as a domain has a domain's limits.
    private func owner(named body: JSON.Object) throws(Failure) -> (ID<Project>?, ID<Domain>?) {
        let projectID: ID<Project>? = body.id("project_id")
        let domainID: ID<Domain>? = body.id("domain_id")
        if let projectID, domainID == nil {
            guard let project: Project = try row("SELECT * FROM project WHERE id = \(projectID)") else {
                throw .field("limit.project_id", "names no project: \(projectID)")
            }
            return project.isDomain ? (nil, ID(projectID.text)) : (projectID, nil)
        }
        guard let domainID, projectID == nil else { throw .field("limit", "must have either project_id or domain_id") }
        guard try exists("SELECT 1 FROM project WHERE id = \(domainID) AND domain_id = ''") else {
            throw .field("limit.domain_id", "names no domain: \(domainID)")
        }
        return (nil, domainID)
    }

    func update(_ limit: Limit) throws(Failure) {
        try run(
            """
            UPDATE resource_limit SET amount = \(limit.amount), description = \(limit.description)
            WHERE id = \(limit.id)
            """)
    }

    func deleteLimit(_ id: ID<Limit>) throws(Failure) { try run("DELETE FROM resource_limit WHERE id = \(id)") }
}
