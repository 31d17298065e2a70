import API
import Base
import SQL

extension EndpointGroup {
    static let created = Migration(
        "create endpoint group",
        """
        CREATE TABLE endpoint_group (
            id          VARCHAR(64)  NOT NULL PRIMARY KEY,
            name        VARCHAR(255) NOT NULL,
            description MEDIUMTEXT,
            filters     MEDIUMTEXT   NOT NULL
        )
        """,
        """
        CREATE TABLE project_endpoint_group (
            project_id        VARCHAR(64) NOT NULL,
            endpoint_group_id VARCHAR(64) NOT NULL,
            PRIMARY KEY (project_id, endpoint_group_id),
            FOREIGN KEY (endpoint_group_id) REFERENCES endpoint_group (id)
        )
        """,
        """
        CREATE TABLE project_endpoint (
            project_id  VARCHAR(64) NOT NULL,
            endpoint_id VARCHAR(64) NOT NULL,
            PRIMARY KEY (project_id, endpoint_id),
            FOREIGN KEY (endpoint_id) REFERENCES endpoint (id)
        )
        """)

    static let tableFilters: [Filter] = [.text("name", "name")]

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), name: try row.text("name"), description: try row.optionalText("description"),
            filters: Filters(try row.extra("filters").members))
    }
}

extension Transaction {
    func endpointGroups(_ query: Parameters) throws(Failure) -> Page<EndpointGroup> {
        try page("SELECT * FROM endpoint_group WHERE \(EndpointGroup.tableFilters.condition(query))", query)
    }

    func endpointGroup(_ id: ID<EndpointGroup>) throws(Failure) -> EndpointGroup {
        guard let group: EndpointGroup = try row("SELECT * FROM endpoint_group WHERE id = \(id)") else {
            throw Failure(.notFound, "Could not find Endpoint Group: \(id).")
        }
        return group
    }

    func insert(_ group: EndpointGroup) throws(Failure) {
        try insert(
            into: "endpoint_group",
            [
                "id": group.id, "name": group.name, "description": group.description,
                "filters": group.filters.json.text,
            ])
    }

    func update(_ group: EndpointGroup) throws(Failure) {
        try run(
            """
            UPDATE endpoint_group SET name = \(group.name), description = \(group.description),
                filters = \(group.filters.json.text)
            WHERE id = \(group.id)
            """)
    }

    func deleteEndpointGroup(_ id: ID<EndpointGroup>) throws(Failure) {
        _ = try endpointGroup(id)
        try run("DELETE FROM project_endpoint_group WHERE endpoint_group_id = \(id)")
        try run("DELETE FROM endpoint_group WHERE id = \(id)")
    }

    /// The endpoints in a group, as the catalog is now.
    func endpoints(in group: EndpointGroup) throws(Failure) -> [CatalogEndpoint] {
        let all: [CatalogEndpoint] = try rows("SELECT * FROM endpoint ORDER BY id")
        return all.filter(group.holds)
    }
}

// MARK: What projects are shown

extension Transaction {
    func endpointGroups(shownTo project: ID<Project>) throws(Failure) -> [EndpointGroup] {
        try rows(
            """
            SELECT * FROM endpoint_group WHERE id IN (
                SELECT endpoint_group_id FROM project_endpoint_group WHERE project_id = \(project))
            ORDER BY id
            """)
    }

    func projects(shown group: ID<EndpointGroup>) throws(Failure) -> [Project] {
        try rows(
            """
            SELECT * FROM project WHERE id IN (
                SELECT project_id FROM project_endpoint_group WHERE endpoint_group_id = \(group))
            ORDER BY id
            """)
    }

    func projects(shown endpoint: ID<CatalogEndpoint>) throws(Failure) -> [Project] {
        try rows(
            """
            SELECT * FROM project WHERE id IN (SELECT project_id FROM project_endpoint WHERE endpoint_id = \(endpoint))
            ORDER BY id
            """)
    }

    func isShown(_ group: ID<EndpointGroup>, to project: ID<Project>) throws(Failure) -> Bool {
        try exists(
            "SELECT 1 FROM project_endpoint_group WHERE project_id = \(project) AND endpoint_group_id = \(group)")
    }

    func isShown(_ endpoint: ID<CatalogEndpoint>, to project: ID<Project>) throws(Failure) -> Bool {
        try exists("SELECT 1 FROM project_endpoint WHERE project_id = \(project) AND endpoint_id = \(endpoint)")
    }

    func show(_ group: ID<EndpointGroup>, to project: ID<Project>) throws(Failure) {
        do throws(Failure) {
            try insert(into: "project_endpoint_group", ["project_id": project, "endpoint_group_id": group])
        } catch  where error.kind == .conflict {
            throw .conflict("Conflict occurred attempting to store project_endpoint_group - Duplicate entry.")
        }
    }

    func show(_ endpoint: ID<CatalogEndpoint>, to project: ID<Project>) throws(Failure) {
        do throws(Failure) {
            try insert(into: "project_endpoint", ["project_id": project, "endpoint_id": endpoint])
        } catch  where error.kind == .conflict {
            throw .conflict("Conflict occurred attempting to store project_endpoint - Duplicate entry.")
        }
    }

    /// Whether it was shown.
    func hide(_ group: ID<EndpointGroup>, from project: ID<Project>) throws(Failure) -> Bool {
        try run("DELETE FROM project_endpoint_group WHERE project_id = \(project) AND endpoint_group_id = \(group)") > 0
    }

    /// Whether it was shown.
    func hide(_ endpoint: ID<CatalogEndpoint>, from project: ID<Project>) throws(Failure) -> Bool {
        try run("DELETE FROM project_endpoint WHERE project_id = \(project) AND endpoint_id = \(endpoint)") > 0
    }

    /// The projects that are shown a part of the catalog, each with that part.
    func catalogParts(_ endpoints: [CatalogEndpoint]) throws(Failure) -> [String: Set<ID<CatalogEndpoint>>] {
        var parts: [String: Set<ID<CatalogEndpoint>>] = [:]
        try each("SELECT project_id, endpoint_id FROM project_endpoint") { row in
            parts[try row.text("project_id"), default: []].insert(try row.id("endpoint_id"))
        }
        let groups: [EndpointGroup] = try rows("SELECT * FROM endpoint_group")
        let members = Dictionary(
            groups.map { group in (group.id, endpoints.filter(group.holds).map(\.id)) },
            uniquingKeysWith: { first, _ in first })
        try each("SELECT project_id, endpoint_group_id FROM project_endpoint_group") { row in
            let group: ID<EndpointGroup> = try row.id("endpoint_group_id")
            parts[try row.text("project_id"), default: []].formUnion(members[group] ?? [])
        }
        return parts
    }
}
