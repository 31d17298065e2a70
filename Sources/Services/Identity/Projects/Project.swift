import Base

/// What owns resources: a project, also one that stands within another, also one that acts as a domain.
struct Project: Resource, Hashable {
    static let one = "project"
    static let many = "projects"

    let id: ID<Project>
    var name: String
    /// The domain it is in; a domain is in none.
    let domain: ID<Domain>?
    /// The project that it stands in; nil directly under the domain.
    let parent: ID<Project>?
    let isDomain: Bool
    var isEnabled: Bool
    var description: String
    var options: Options
    var extra: Extra
    var tags: [String]
}

extension Project {
    static let known: Set<String> = [
        "id", "name", "domain_id", "parent_id", "is_domain", "enabled", "description", "options", "tags",
    ]

    mutating func change(_ body: JSON.Object) throws(Failure) {
        try options.allowChange(of: self, to: body)
        if let given = body.text("domain_id"), given != domain?.text {
            throw .invalid("Update of `domain_id` is not allowed.")
        }
        if body.has("parent_id"), body.text("parent_id") != parentOnWire {
            throw .forbidden("Update of `parent_id` is not allowed.")
        }
        if let given = body.boolean("is_domain"), given != isDomain {
            throw .invalid("Update of `is_domain` is not allowed.")
        }
        if let name = body.text("name") { self.name = name.trimmed }
        if let enabled = body.boolean("enabled") { isEnabled = enabled }
        if body.has("description") { description = body.text("description") ?? "" }
        if let tags = body.texts("tags") { self.tags = tags }
        options.change(body)
        extra = extra.merging(Extra(of: body, except: Project.known))
    }

    /// Directly under a domain, the domain is shown as the parent.
    private var parentOnWire: String? { parent?.text ?? domain?.text }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("name", name)
        json.put("domain_id", domain)
        json.put("description", description)
        json.put("enabled", isEnabled)
        json.put("parent_id", parentOnWire)
        json.put("is_domain", isDomain)
        json.put("tags", tags)
        options.write(to: &json)
        extra.write(to: &json)
    }

    func attribute(_ name: String) -> String? {
        switch name {
        case "target.project.id": id.text
        case "target.project.domain_id", "target.domain_id": domain?.text
        default: nil
        }
    }
}

/// Where a project stands among the others.
struct ProjectTree: Sendable {
    let ancestors: [Project]
    let descendants: [Project]
}

extension ProjectTree {
    /// `{"parent": {"grandparent": null}}`
    func ancestorIDs(of project: Project) -> JSON {
        var inner = JSON.null
        if let top = ancestors.last?.domain ?? project.domain {
            inner = .object(.init([.init(name: top.text, value: .null)]))
        }
        for ancestor in ancestors.reversed() { inner = .object(.init([.init(name: ancestor.id.text, value: inner)])) }
        return inner
    }

    /// `{"child": {"grandchild": null}}`
    func descendantIDs(of id: ID<Project>) -> JSON {
        let children = descendants.filter { $0.parent == id }
        guard !children.isEmpty else { return .null }
        return .object(.init(children.map { .init(name: $0.id.text, value: descendantIDs(of: $0.id)) }))
    }
}
