package import Policy

/// The pieces that compute's rules are made of.
enum May {
    static let anyone = "@"
    static let admin = "rule:context_is_admin"
    static let member = "rule:project_member_or_admin"
    static let reader = "rule:project_reader_or_admin"
    static let manager = "rule:project_manager_or_admin"
    static let ownUser = "rule:context_is_admin or user_id:%(user_id)s"
    static let serviceOrAdmin = "rule:service_or_admin"
    static let serviceRole = "rule:service_api"
}

extension Compute {
    /// Rules that others are built upon; operators may redefine them.
    package static let definitions: Policy.Definitions = [
        (name: "context_is_admin", check: "role:admin"),
        (name: "admin_or_owner", check: "is_admin:True or project_id:%(project_id)s"),
        (name: "admin_api", check: "is_admin:True"),
        (name: "service_api", check: "role:service"),
        (name: "service_or_admin", check: "rule:service_api or rule:context_is_admin"),
        (name: "project_manager_api", check: "role:manager and project_id:%(project_id)s"),
        (name: "project_member_api", check: "role:member and project_id:%(project_id)s"),
        (name: "project_reader_api", check: "role:reader and project_id:%(project_id)s"),
        (name: "project_manager_or_admin", check: "rule:project_manager_api or rule:context_is_admin"),
        (name: "project_member_or_admin", check: "rule:project_member_api or rule:context_is_admin"),
        (name: "project_reader_or_admin", check: "rule:project_reader_api or rule:context_is_admin"),
    ]
}
