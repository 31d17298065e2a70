package import Policy

/// The pieces that the rules of images are made of. Each rule stands beside the endpoints that use it.
enum May {
    static let admin = "rule:context_is_admin"
    static let owningMember = "rule:context_is_admin or (role:member and project_id:%(project_id)s)"

    /// Those with a role in the image's project, those it is shared with, and everybody where it is for everybody.
    static func seeing(with role: String) -> String {
        "rule:context_is_admin or (\(role) and (project_id:%(project_id)s or project_id:%(member_id)s"
            + " or 'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s))"
    }

    static let readingMembers =
        "rule:context_is_admin or role:reader and (project_id:%(project_id)s or project_id:%(member_id)s)"

    static let readingDefinitions =
        "rule:context_is_admin or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))"
    static let definingMetadata = "rule:metadef_admin"
}

extension Rule {
    /// Images are projects' business: a token for a domain or the whole system does not serve here.
    static func ofProjects(_ name: String, _ summary: String, _ check: String) -> Rule {
        Rule(name, summary, check, for: .project)
    }
}

extension ImageService {
    /// Rules that others are built upon; operators may redefine them.
    package static let definitions: Policy.Definitions = [
        (name: "context_is_admin", check: "role:admin"),
        (name: "service_api", check: "role:service or role:admin"),
        (name: "metadef_default", check: ""),
        (name: "metadef_admin", check: "rule:context_is_admin"),
    ]
}
