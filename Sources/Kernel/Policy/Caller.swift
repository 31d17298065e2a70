package import Base

/// Who is calling, as the token says: what rules are evaluated against, and what a service may know of its user.
/// One for all requests of a token, which share it.
package final class Caller: Sendable {
    /// A thing with the domain that its name is unique in.
    package struct Named: Sendable, Hashable {
        package var id: String
        package var name: String
        package var domainID: String
        package var domainName: String

        package init(id: String, name: String, domainID: String, domainName: String) {
            self.id = id
            self.name = name
            self.domainID = domainID
            self.domainName = domainName
        }
    }

    /// What the token is good for.
    package enum Reach: Sendable, Hashable {
        case none
        case project(Named)
        case domain(id: String, name: String)
        case system
    }

    /// By what somebody may do what they may, when it isn't by having logged in as themselves.
    package enum Delegation: Sendable, Hashable {
        case trust(String)
        /// An unrestricted one may make others of its kind.
        case applicationCredential(isUnrestricted: Bool)
        /// A signed request, exchanged for a token.
        case signature
    }

    package let user: Named
    package let reach: Reach
    package let roles: [String]
    /// The roles of the service that passes the user's token on; empty when a user calls.
    package let serviceRoles: [String]
    package let expires: Moment
    package let delegations: [Delegation]
    /// The only requests that the token is good for; empty when it is good for all.
    package let accessRules: [AccessRule]
    /// The token itself, for calls to other services on the user's behalf. Never logged.
    package let token: String

    package init(
        user: Named, reach: Reach, roles: [String], serviceRoles: [String] = [], expires: Moment,
        delegations: [Delegation] = [], accessRules: [AccessRule] = [], token: String = ""
    ) {
        self.user = user
        self.reach = reach
        self.roles = roles
        self.serviceRoles = serviceRoles
        self.expires = expires
        self.delegations = delegations
        self.accessRules = accessRules
        self.token = token
    }

    /// The same user's call, passed on by a service that vouches for it.
    package func vouched(by service: Caller) -> Caller {
        Caller(
            user: user, reach: reach, roles: roles, serviceRoles: service.roles, expires: expires,
            delegations: delegations, accessRules: accessRules, token: token)
    }

    package var projectID: String? { if case .project(let project) = reach { project.id } else { nil } }
    package var domainID: String? { if case .domain(let id, _) = reach { id } else { nil } }
    package var isSystem: Bool { reach == .system }
    package var trustID: String? {
        for case .trust(let id) in delegations { return id }
        return nil
    }
    package var isAdmin: Bool { has(role: "admin") }

    package func has(role: String) -> Bool { roles.contains { $0.equalsIgnoringCase(role) } }
}

extension Caller {
    /// The attributes that rules may name on their left side.
    func attribute(_ name: String) -> String? {
        switch name {
        case "user_id", "token.user.id", "user.id": user.id
        case "user_domain_id", "token.user.domain.id", "user.domain_id": user.domainID
        case "project_id", "tenant_id", "tenant", "token.project.id", "project.id": projectID
        case "project_domain_id", "token.project.domain.id":
            if case .project(let project) = reach { project.domainID } else { nil }
        case "domain_id", "token.domain.id": domainID
        case "system_scope", "system": isSystem ? "all" : nil
        case "is_admin": isAdmin ? "True" : "False"
        case "is_admin_project": "True"
        default: nil
        }
    }
}
