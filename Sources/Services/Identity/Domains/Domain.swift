import Base

/// A namespace of users, groups and projects with administrators of its own.
///
/// It is kept as a project that acts as a domain, as the API has it: `/projects` shows it with `is_domain`.
struct Domain: Resource, Hashable {
    static let one = "domain"
    static let many = "domains"

    let id: ID<Domain>
    var name: String
    var isEnabled: Bool
    var description: String
    var options: Options
    var tags: [String]
    var extra: Extra
}

extension Domain {
    static let known: Set<String> = [
        "id", "name", "enabled", "description", "options", "tags", "is_domain", "domain_id", "parent_id",
    ]

    init(_ body: JSON.Object, id: ID<Domain>) throws(Failure) {
        self.init(
            id: id, name: try body.required("name").trimmed, isEnabled: body.boolean("enabled") ?? true,
            description: body.text("description") ?? "", options: Options(body), tags: body.texts("tags") ?? [],
            extra: Extra(of: body, except: Domain.known))
    }

    mutating func change(_ body: JSON.Object) throws(Failure) {
        try options.allowChange(of: self, to: body)
        if let name = body.text("name") { self.name = name.trimmed }
        if let enabled = body.boolean("enabled") { isEnabled = enabled }
        if body.has("description") { description = body.text("description") ?? "" }
        if let tags = body.texts("tags") { self.tags = tags }
        options.change(body)
        extra = extra.merging(Extra(of: body, except: Domain.known))
    }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("name", name)
        json.put("enabled", isEnabled)
        json.put("description", description)
        json.put("tags", tags)
        options.write(to: &json)
        extra.write(to: &json)
    }

    func attribute(_ name: String) -> String? { name == "target.domain.id" ? id.text : nil }
}

// MARK: As a project

extension Domain {
    init(_ project: Project) {
        self.init(
            id: ID(project.id.text), name: project.name, isEnabled: project.isEnabled, description: project.description,
            options: project.options, tags: project.tags, extra: project.extra)
    }

    var project: Project {
        Project(
            id: ID(id.text), name: name, domain: nil, parent: nil, isDomain: true, isEnabled: isEnabled,
            description: description, options: options, extra: extra, tags: tags)
    }
}
