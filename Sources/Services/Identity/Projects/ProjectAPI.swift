import API
import Base
import HTTP
import Policy
import SQL

extension Project {
    static let endpoints: [Endpoint<Identity>] =
        [
            .get("/projects", "List projects", may: .listProjects, query: filterParameters + paging, list),
            .post(
                "/projects", "Create a project", may: .createProject,
                takes: .wrapped("project", [.required("name", name)] + fields + placeFields, others: .allowed), create),
            .get("/projects/{project_id}", "Show a project", may: .getProject, query: treeParameters, show),
            .patch(
                "/projects/{project_id}", "Update a project", may: .updateProject,
                takes: .wrapped("project", [.optional("name", name)] + fields + placeFields, others: .allowed), update),
            .delete("/projects/{project_id}", "Delete a project", may: .deleteProject, delete),
        ] + ProjectTags.endpoints

    private static let name: Shape = .text(1...64, format: .name)
    static let optionsShape: Shape = .object(Fields([.optional("immutable", .nullable(.boolean))]))
    static let tagShape: Shape = .text(1...255, format: .tag)
    static let tagsShape: Shape = .list(of: tagShape, count: 0...80, unique: true)

    private static let fields: [Field] = [
        .optional("enabled", .boolean), .optional("description", .description), .optional("options", optionsShape),
        .optional("tags", tagsShape),
    ]
    private static let placeFields: [Field] = [
        .optional("domain_id", .nullable(.text(1...64))), .optional("parent_id", .nullable(.text(1...64))),
        .optional("is_domain", .boolean),
    ]
    private static let filterParameters: [Parameter] = [
        Parameter("name"), Parameter("domain_id"), Parameter("parent_id"), Parameter("enabled", .looseBoolean),
        Parameter("is_domain", .looseBoolean), Parameter("tags"), Parameter("tags-any"), Parameter("not-tags"),
        Parameter("not-tags-any"),
    ]
    private static let treeParameters: [Parameter] = [
        Parameter("parents_as_list"), Parameter("parents_as_ids"), Parameter("subtree_as_list"),
        Parameter("subtree_as_ids"),
    ]
}

extension Rule {
    private static let seenBy =
        "\(May.adminOrSystemReader) or (role:reader and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s) or project_id:%(target.project.id)s"
    private static let managedBy =
        "\(May.admin) or (role:manager and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s)"

    static let getProject = Rule("identity:get_project", "Show a project", seenBy)
    static let listProjects = Rule(
        "identity:list_projects", "List projects", May.adminOrReader(ofDomain: "target.domain_id"))
    static let createProject = Rule("identity:create_project", "Create a project", managedBy)
    static let updateProject = Rule("identity:update_project", "Update a project", managedBy)
    static let deleteProject = Rule("identity:delete_project", "Delete a project", managedBy)
    static let listProjectTags = Rule("identity:list_project_tags", "List a project's tags", seenBy)
    static let getProjectTag = Rule("identity:get_project_tag", "Check whether a project has a tag", seenBy)
    static let updateProjectTags = Rule("identity:update_project_tags", "Replace a project's tags", managedBy)
    static let createProjectTag = Rule("identity:create_project_tag", "Add a tag to a project", managedBy)
    static let deleteProjectTags = Rule("identity:delete_project_tags", "Remove all of a project's tags", managedBy)
    static let deleteProjectTag = Rule("identity:delete_project_tag", "Remove a tag from a project", managedBy)
}

// MARK: Handlers

extension Project {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .many(
            try await call.service.database.read {
                try $0.projects(call.listing, in: call.scopeOfList("target.domain_id"))
            }, call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (project, tree) = try await call.service.database.read { tx in
            let project = try tx.project(call.id("project_id"), in: call.scope)
            return (project, call.wantsTree ? try tx.tree(of: project) : nil)
        }
        guard let tree else { return .one(project, call) }
        return .json { json in
            json.object(one) { json in
                project.write(to: &json, with: call)
                if call.query.has("parents_as_list") { json.put("parents", tree.ancestors, call) }
                if call.query.has("parents_as_ids") { json.put("parents", tree.ancestorIDs(of: project)) }
                if call.query.has("subtree_as_list") { json.put("subtree", tree.descendants, call) }
                if call.query.has("subtree_as_ids") { json.put("subtree", tree.descendantIDs(of: project.id)) }
            }
        }
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("project")
        let id: ID<Project> = .hex(call.service.world.chance)
        let project = try await call.service.database.write { tx in
            let project = try tx.place(body, id: id, call)
            guard call.scope.covers(project.attribute) else { throw Failure.outOfReach }
            try tx.insert(project)
            return project
        }
        return .one(project, call, status: 201)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("project")
        let cascades = try call.query.boolean("cascade") ?? false
        let tokens = call.service.tokens
        let project = try await call.service.database.write { tx in
            var project = try tx.project(call.id("project_id"), in: call.scope)
            let wasEnabled = project.isEnabled
            try project.change(body)
            if wasEnabled != project.isEnabled { try tx.allowSwitch(of: project, cascades: cascades) }
            try tx.update(project)
            try tokens.forgetAll(tx)
            return project
        }
        return .one(project, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let cascades = try call.query.boolean("cascade") ?? false
        let tokens = call.service.tokens
        try await call.service.database.write { tx in
            let project = try tx.project(call.id("project_id"), in: call.scope)
            try project.options.allowDeletion(of: project)
            guard !project.isDomain || !project.isEnabled else {
                throw Failure.forbidden("Cannot delete a domain that is enabled, please disable it first.")
            }
            let descendants = try tx.tree(of: project).descendants
            guard descendants.isEmpty || cascades else {
                throw Failure.forbidden(
                    "Cannot delete the project \(project.id) since it is not a leaf in the hierarchy. Use the cascade option if you want to delete a whole subtree."
                )
            }
            for descendant in descendants.reversed() { try tx.deleteProject(descendant.id) }
            try tx.deleteProject(project.id)
            try tokens.forgetAll(tx)
        }
        return .noContent
    }
}

extension Call<Identity> {
    fileprivate var wantsTree: Bool {
        query.items.contains { $0.name.hasPrefix("parents_as_") || $0.name.hasPrefix("subtree_as_") }
    }
}

extension JSONWriter {
    fileprivate mutating func put(_ name: String, _ projects: [Project], _ call: Call<Identity>) {
        array(name, of: projects) { project, json in
            json.object { $0.object(Project.one) { project.write(to: &$0, with: call) } }
        }
    }
}
