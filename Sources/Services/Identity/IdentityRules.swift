package import Policy

/// The pieces that identity's rules are made of. Each rule stands beside the endpoints that use it.
enum May {
    static let anyone = ""
    static let admin = "rule:admin_required"
    static let adminOrSystemReader = "rule:admin_required or (role:reader and system_scope:all)"
    static let serviceOrAdmin = "rule:service_or_admin"

    /// Administrators, readers of the system, and those with a role in the target's domain.
    static func adminOrReader(ofDomain attribute: String) -> String {
        "\(adminOrSystemReader) or (role:reader and domain_id:%(\(attribute))s)"
    }

    /// Administrators, and managers of the target's domain.
    static func adminOrManager(ofDomain attribute: String) -> String {
        "\(admin) or (role:manager and domain_id:%(\(attribute))s)"
    }
}

extension Identity {
    /// Rules that others are built upon; operators may redefine them.
    package static let definitions: Policy.Definitions = [
        (name: "admin_required", check: "role:admin or is_admin:1"),
        (name: "service_role", check: "role:service"),
        (name: "service_or_admin", check: "rule:admin_required or rule:service_role"),
        (name: "owner", check: "user_id:%(user_id)s"),
        (name: "admin_or_owner", check: "rule:admin_required or rule:owner"),
        (name: "token_subject", check: "user_id:%(target.token.user_id)s"),
        (name: "admin_or_token_subject", check: "rule:admin_required or rule:token_subject"),
        (name: "service_admin_or_token_subject", check: "rule:service_or_admin or rule:token_subject"),
        (
            name: "domain_managed_target_role",
            check: "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s"
        ),
    ]
}
