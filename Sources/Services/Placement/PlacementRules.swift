package import Policy

/// The pieces that placement's rules are made of. Each rule stands beside the endpoints that use it.
enum May {
    static let operate = "rule:admin_or_service_api"
    static let reshape = "rule:service_api"
    static let seeUsage = "rule:admin_or_project_reader_or_service_api"
}

extension Placement {
    /// Rules that others are built upon; operators may redefine them.
    package static let definitions: Policy.Definitions = [
        (name: "admin_api", check: "role:admin"),
        (name: "service_api", check: "role:service"),
        (name: "admin_or_service_api", check: "role:admin or role:service"),
        (name: "project_reader_api", check: "role:reader and project_id:%(project_id)s"),
        (
            name: "admin_or_project_reader_or_service_api",
            check: "role:admin or rule:project_reader_api or role:service"
        ),
    ]
}
