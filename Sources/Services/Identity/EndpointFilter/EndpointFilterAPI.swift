import API
import Base
import HTTP
import Policy
import SQL

/// Which part of the catalog a project is shown (OS-EP-FILTER). One that nothing is said about is shown all of it.
enum EndpointFilter {
    static let endpoints: [Endpoint<Identity>] = [
        .get(
            "/OS-EP-FILTER/endpoints/{endpoint_id}/projects", "List the projects that are shown an endpoint",
            may: .listProjectsForEndpoint, projectsOfEndpoint),
        .get(
            "/OS-EP-FILTER/projects/{project_id}/endpoints", "List the endpoints that a project is shown",
            may: .listEndpointsForProject, endpointsOfProject),
        .get(
            "/OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}",
            "Check whether a project is shown an endpoint", may: .checkEndpointInProject, checkEndpoint),
        .put(
            "/OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}", "Show a project an endpoint",
            may: .addEndpointToProject, addEndpoint),
        .delete(
            "/OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}", "No longer show a project an endpoint",
            may: .removeEndpointFromProject, removeEndpoint),
        .get(
            "/OS-EP-FILTER/projects/{project_id}/endpoint_groups",
            "List the endpoint groups that a project is shown", may: .listEndpointGroupsForProject, groupsOfProject),
        .get(
            "/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects",
            "List the projects that are shown an endpoint group", may: .listProjectsForGroup, projectsOfGroup),
        .get(
            "/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}",
            "Check whether a project is shown an endpoint group", may: .getEndpointGroupInProject, checkGroup),
        .put(
            "/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}",
            "Show a project an endpoint group", may: .addEndpointGroupToProject, addGroup),
        .delete(
            "/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}",
            "No longer show a project an endpoint group", may: .removeEndpointGroupFromProject, removeGroup),
    ]
}

extension Rule {
    fileprivate static let listProjectsForEndpoint = Rule(
        "identity:list_projects_for_endpoint", "List the projects that are shown an endpoint",
        May.adminOrSystemReader, for: [.system, .project])
    fileprivate static let listEndpointsForProject = Rule(
        "identity:list_endpoints_for_project", "List the endpoints that a project is shown", May.adminOrSystemReader,
        for: [.system, .project])
    fileprivate static let checkEndpointInProject = Rule(
        "identity:check_endpoint_in_project", "Check whether a project is shown an endpoint",
        May.adminOrSystemReader, for: [.system, .project])
    fileprivate static let addEndpointToProject = Rule(
        "identity:add_endpoint_to_project", "Show a project an endpoint", May.admin, for: [.system, .project])
    fileprivate static let removeEndpointFromProject = Rule(
        "identity:remove_endpoint_from_project", "No longer show a project an endpoint", May.admin,
        for: [.system, .project])
    fileprivate static let listEndpointGroupsForProject = Rule(
        "identity:list_endpoint_groups_for_project", "List the endpoint groups that a project is shown",
        May.adminOrSystemReader, for: [.system, .project])
    fileprivate static let listProjectsForGroup = Rule(
        "identity:list_projects_associated_with_endpoint_group",
        "List the projects that are shown an endpoint group", May.adminOrSystemReader, for: [.system, .project])
    fileprivate static let getEndpointGroupInProject = Rule(
        "identity:get_endpoint_group_in_project", "Check whether a project is shown an endpoint group",
        May.adminOrSystemReader, for: [.system, .project])
    fileprivate static let addEndpointGroupToProject = Rule(
        "identity:add_endpoint_group_to_project", "Show a project an endpoint group", May.admin,
        for: [.system, .project])
    fileprivate static let removeEndpointGroupFromProject = Rule(
        "identity:remove_endpoint_group_from_project", "No longer show a project an endpoint group", May.admin,
        for: [.system, .project])
}

// MARK: Endpoints

extension EndpointFilter {
    private static func projectsOfEndpoint(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let projects = try await call.service.database.read { tx in
            try tx.projects(shown: try tx.endpoint(call.id("endpoint_id")).id)
        }
        return .many(projects, call)
    }

    /// By name and by group, each once.
    private static func endpointsOfProject(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let endpoints = try await call.service.database.read { tx in
            let project = try tx.project(call.id("project_id"))
            let all: [CatalogEndpoint] = try tx.rows("SELECT * FROM endpoint ORDER BY id")
            let part = try tx.catalogParts(all)[project.id.text] ?? []
            return all.filter { part.contains($0.id) }
        }
        return .many(endpoints, call)
    }

    private static func checkEndpoint(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.database.read { tx in
            let (endpoint, project) = try tx.endpointAndProject(call)
            guard try tx.isShown(endpoint, to: project) else { throw Failure.notShown(endpoint, project) }
        }
        return .noContent
    }

    private static func addEndpoint(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.writeCatalog { tx in
            let (endpoint, project) = try tx.endpointAndProject(call)
            try tx.show(endpoint, to: project)
        }
        return .noContent
    }

    private static func removeEndpoint(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.writeCatalog { tx in
            let (endpoint, project) = try tx.endpointAndProject(call)
            guard try tx.hide(endpoint, from: project) else { throw Failure.notShown(endpoint, project) }
        }
        return .noContent
    }
}

// MARK: Groups

extension EndpointFilter {
    private static func groupsOfProject(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let groups = try await call.service.database.read { tx in
            try tx.endpointGroups(shownTo: try tx.project(call.id("project_id")).id)
        }
        return .many(groups, call)
    }

    private static func projectsOfGroup(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let projects = try await call.service.database.read { tx in
            try tx.projects(shown: try tx.endpointGroup(call.id("endpoint_group_id")).id)
        }
        return .many(projects, call)
    }

    private static func checkGroup(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (group, project) = try await call.service.database.read { tx in
            let (group, project) = try tx.groupAndProject(call)
            guard try tx.isShown(group, to: project) else { throw Failure.groupNotShown }
            return (group, project)
        }
        return .json { json in
            json.object("project_endpoint_group") { json in
                json.put("endpoint_group_id", group)
                json.put("project_id", project)
                json.object("links") { $0.put("self", call.ownLink) }
            }
        }
    }

    private static func addGroup(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.writeCatalog { tx in
            let (group, project) = try tx.groupAndProject(call)
            try tx.show(group, to: project)
        }
        return .noContent
    }

    private static func removeGroup(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.writeCatalog { tx in
            let (group, project) = try tx.groupAndProject(call)
            guard try tx.hide(group, from: project) else { throw Failure.groupNotShown }
        }
        return .noContent
    }
}

extension Transaction {
    fileprivate func endpointAndProject(
        _ call: Call<Identity>
    ) throws(Failure) -> (ID<CatalogEndpoint>, ID<Project>) {
        (try endpoint(call.id("endpoint_id")).id, try project(call.id("project_id")).id)
    }

    fileprivate func groupAndProject(_ call: Call<Identity>) throws(Failure) -> (ID<EndpointGroup>, ID<Project>) {
        (try endpointGroup(call.id("endpoint_group_id")).id, try project(call.id("project_id")).id)
    }
}

extension Failure {
    fileprivate static func notShown(_ endpoint: ID<CatalogEndpoint>, _ project: ID<Project>) -> Failure {
        Failure(.notFound, "Endpoint \(endpoint) not found in project \(project)")
    }

    fileprivate static let groupNotShown = Failure(.notFound, "Endpoint Group Project Association not found")
}
