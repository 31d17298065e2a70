import API
import Base
import Policy
import SQL

/// Where a new project may stand, and what a change of one means for those around it.
extension Transaction {
    func place(_ body: JSON.Object, id: ID<Project>, _ call: Call<Identity>) throws(Failure) -> Project {
        let isDomain = body.boolean("is_domain") ?? false
        let parentID: ID<Project>? = body.id("parent_id")
        let domainID: ID<Domain>? = body.id("domain_id")
        if isDomain {
            guard parentID == nil, domainID == nil else {
                throw .invalid("A project that acts as a domain stands in no other project and no domain.")
            }
            return try make(body, id: id, domain: nil, parent: nil)
        }
        guard let parentID else { return try make(body, id: id, domain: domainID ?? call.ownDomain, parent: nil) }
        guard let parent: Project = try row("SELECT * FROM project WHERE id = \(parentID)") else {
            throw .invalid("Could not find project: \(parentID).")
        }
        let parentDomain = parent.domain ?? ID(parent.id.text)
        guard domainID == nil || domainID == parentDomain else {
            throw .invalid(
                "Cannot create project, since it specifies its domain_id \(domainID?.text ?? ""), but specifies a parent in a different domain (\(parentDomain))."
            )
        }
        guard parent.isEnabled else {
            throw .forbidden("Cannot create a project in a branch containing a disabled project: \(parent.id).")
        }
        let depth = try tree(of: parent).ancestors.count + 2
        guard depth <= call.service.settings.projectDepth else {
            throw .forbidden("Max hierarchy depth reached for \(parent.id) branch.")
        }
        return try make(body, id: id, domain: parentDomain, parent: parent.isDomain ? nil : parent.id)
    }

    private func make(
        _ body: JSON.Object, id: ID<Project>, domain: ID<Domain>?, parent: ID<Project>?
    ) throws(Failure) -> Project {
        if let domain {
            guard let found: Domain = try row("SELECT * FROM project WHERE id = \(domain) AND domain_id = ''") else {
                throw .notFound(Domain.one, domain.text)
            }
            guard found.isEnabled else {
                throw .forbidden("Cannot create a project in a branch containing a disabled project: \(domain).")
            }
        }
        return Project(
            id: id, name: try body.required("name").trimmed, domain: domain, parent: parent, isDomain: domain == nil,
            isEnabled: body.boolean("enabled") ?? true, description: body.text("description") ?? "",
            options: Options(body), extra: Extra(of: body, except: Project.known), tags: body.texts("tags") ?? [])
    }

    /// A project is enabled only where those above it are, and disabled only where those below it are, or with them.
    func allowSwitch(of project: Project, cascades: Bool) throws(Failure) {
        let tree = try tree(of: project)
        if project.isEnabled {
            guard tree.ancestors.allSatisfy(\.isEnabled) else {
                throw .forbidden("Cannot enable project \(project.id) since it has disabled parents.")
            }
            return
        }
        let enabled = tree.descendants.filter(\.isEnabled)
        guard !enabled.isEmpty else { return }
        guard cascades else {
            throw .forbidden("Cannot disable project \(project.id) since its subtree contains enabled projects.")
        }
        try run("UPDATE project SET enabled = \(false) WHERE id IN \(SQL.list(enabled.map(\.id)))")
    }
}

extension Call<Identity> {
    /// The domain that a thing gets when its maker doesn't say.
    var ownDomain: ID<Domain> {
        switch caller.reach {
        case .domain(let id, _): ID(id)
        case .project(let project): ID(project.domainID.isEmpty ? project.id : project.domainID)
        case .none, .system: service.settings.defaultDomain
        }
    }
}
