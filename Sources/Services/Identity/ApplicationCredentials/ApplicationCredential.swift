import Base
import Policy

/// A name and a secret by which a program acts for a user on one project, with some of the user's roles, without
/// knowing the user's password.
struct ApplicationCredential: Resource, Hashable {
    static let one = "application_credential"
    static let many = "application_credentials"

    let id: ID<ApplicationCredential>
    let name: String
    let user: ID<User>
    let project: ID<Project>
    let description: String?
    let expires: Moment?
    /// Whether it may make others of its kind.
    let isUnrestricted: Bool
    var roles: [Role] = []
    /// The only requests that it is good for; empty when it is good for all.
    var accessRules: [AccessRule] = []
}

extension ApplicationCredential {
    var path: String { "/users/\(user)/application_credentials/\(id)" }

    func isExpired(at now: Moment) -> Bool { expires.map { now >= $0 } ?? false }

    func attribute(_ name: String) -> String? { name == "user_id" ? user.text : nil }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("name", name)
        json.put("user_id", user)
        json.put("project_id", project)
        json.putNull("system")
        json.put("description", description)
        json.put("expires_at", expires, as: .bare)
        json.put("unrestricted", isUnrestricted)
        json.array("roles", of: roles) { role, json in
            json.object {
                $0.put("id", role.id)
                $0.put("name", role.name)
                $0.put("domain_id", role.domain)
                $0.put("description", role.description)
                role.options.write(to: &$0)
            }
        }
        if !accessRules.isEmpty {
            json.array("access_rules", of: accessRules) { rule, json in json.object { rule.write(to: &$0) } }
        }
    }
}

extension AccessRule {
    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("service", service)
        json.put("method", method)
        json.put("path", path)
    }
}
