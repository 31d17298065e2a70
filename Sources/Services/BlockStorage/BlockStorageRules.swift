import API
import Base
package import Policy

/// The pieces that block storage's rules are made of: its personas.
enum May {
    static let anyone = ""
    static let admin = "rule:admin_api"
    static let member = "rule:xena_system_admin_or_project_member"
    static let reader = "rule:xena_system_admin_or_project_reader"
}

extension BlockStorage {
    /// Rules that others are built upon; operators may redefine them.
    package static let definitions: Policy.Definitions = [
        (name: "context_is_admin", check: "role:admin"),
        (name: "admin_api", check: "is_admin:True or (role:admin and is_admin_project:True)"),
        (
            name: "admin_or_owner",
            check: "is_admin:True or (role:admin and is_admin_project:True) or project_id:%(project_id)s"
        ),
        (
            name: "system_or_domain_or_project_admin",
            check: "(role:admin and system_scope:all) or (role:admin and domain_id:%(domain_id)s)"
                + " or (role:admin and project_id:%(project_id)s)"
        ),
        (
            name: "xena_system_admin_or_project_reader",
            check: "(role:admin) or (role:reader and project_id:%(project_id)s)"
        ),
        (
            name: "xena_system_admin_or_project_member",
            check: "(role:admin) or (role:member and project_id:%(project_id)s)"
        ),
    ]
}

extension Endpoint<BlockStorage> {
    /// A path may name a project, as it had to before 3.67; then it is the caller's own.
    var withTenantChecked: Endpoint<BlockStorage> {
        let handle = handle
        return Endpoint(
            method, path, summary, access: access, query: query, body: body, since: since, until: until,
            { call in
                if let tenant = call.tenant, tenant != call.caller.projectID {
                    throw Failure.invalid("Malformed request url")
                }
                return try await handle(call)
            })
    }
}

extension Call<BlockStorage> {
    /// The project that the path names, where it does.
    var tenant: String? { exchange.path["tenant"] }

    /// What the caller makes is their project's.
    var ownTarget: [String: String] {
        ["project_id": caller.projectID ?? "", "tenant_id": caller.projectID ?? "", "user_id": caller.user.id]
    }

    var project: String { caller.projectID ?? "" }

    /// The reach of a rule, when only the handler knows which one it is.
    func reach(_ rule: Rule) throws(Failure) -> Scope {
        let scope = scope(under: rule)
        guard scope != .nowhere else { throw exchange.refusal(rule) }
        return scope
    }

    /// The beginning of the links of this service, with the project where the request's path had one.
    var home: String { link("/v3") + (tenant.map { "/" + $0 } ?? "") }
    var bookmarkHome: String { link("") + (tenant.map { "/" + $0 } ?? "") }

    func writeLinks(_ collection: String, _ id: String, to json: inout JSONWriter) {
        json.array("links") { json in
            json.object {
                $0.put("rel", "self")
                $0.put("href", "\(home)/\(collection)/\(id)")
            }
            json.object {
                $0.put("rel", "bookmark")
                $0.put("href", "\(bookmarkHome)/\(collection)/\(id)")
            }
        }
    }
}
