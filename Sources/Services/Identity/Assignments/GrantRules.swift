import Policy

/// Who may grant which role to whom, and where: the actor, the target and the role each have a domain.
extension Rule {
    /// Somebody with a role in the domain that both the actor and the target of a grant are in.
    private static func inDomainOfBoth(_ role: String) -> String {
        let pairs = [
            ("user", "project.domain_id"), ("user", "domain.id"), ("group", "project.domain_id"),
            ("group", "domain.id"),
        ]
        let checks = pairs.map { actor, target in
            "(role:\(role) and domain_id:%(target.\(actor).domain_id)s and domain_id:%(target.\(target))s)"
        }
        return "(\(checks.joined(separator: " or ")))"
    }

    /// The role is one of that domain, or of all.
    private static let roleIsOfDomain = "(domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s)"

    private static let managed = """
        (\(May.admin)) or \(inDomainOfBoth("admin")) and \(roleIsOfDomain) \
        or \(inDomainOfBoth("manager")) and rule:domain_managed_target_role
        """

    static let checkGrant = Rule(
        "identity:check_grant", "Check whether a role is granted",
        "(\(May.admin)) or ((role:reader and system_scope:all) or \(inDomainOfBoth("reader")) and \(roleIsOfDomain))")
    static let listGrants = Rule(
        "identity:list_grants", "List the roles granted to somebody on something",
        "(\(May.admin)) or ((role:reader and system_scope:all) or \(inDomainOfBoth("reader")))")
    static let createGrant = Rule("identity:create_grant", "Grant a role", managed)
    static let revokeGrant = Rule("identity:revoke_grant", "Take a granted role back", managed)

    // MARK: On the system

    static let listSystemGrantsForUser = Rule(
        "identity:list_system_grants_for_user", "List a user's roles on the system", May.adminOrSystemReader,
        for: [.system, .project])
    static let checkSystemGrantForUser = Rule(
        "identity:check_system_grant_for_user", "Check whether a user has a role on the system",
        May.adminOrSystemReader, for: [.system, .project])
    static let createSystemGrantForUser = Rule(
        "identity:create_system_grant_for_user", "Grant a user a role on the system", May.admin,
        for: [.system, .project])
    static let revokeSystemGrantForUser = Rule(
        "identity:revoke_system_grant_for_user", "Take a user's role on the system back", May.admin,
        for: [.system, .project])
    static let listSystemGrantsForGroup = Rule(
        "identity:list_system_grants_for_group", "List a group's roles on the system", May.adminOrSystemReader,
        for: [.system, .project])
    static let checkSystemGrantForGroup = Rule(
        "identity:check_system_grant_for_group", "Check whether a group has a role on the system",
        May.adminOrSystemReader, for: [.system, .project])
    static let createSystemGrantForGroup = Rule(
        "identity:create_system_grant_for_group", "Grant a group a role on the system", May.admin,
        for: [.system, .project])
    static let revokeSystemGrantForGroup = Rule(
        "identity:revoke_system_grant_for_group", "Take a group's role on the system back", May.admin,
        for: [.system, .project])
}
