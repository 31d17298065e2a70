import Base

/// A person or a program that may log in.
struct User: Resource, Hashable {
    static let one = "user"
    static let many = "users"

    let id: ID<User>
    var name: String
    let domain: ID<Domain>
    var isEnabled: Bool
    var defaultProject: ID<Project>?
    var options: Options
    var extra: Extra
    /// When the password in use expires; nil for never, and for users without one.
    var passwordExpires: Moment?
    /// Failed logins since the last good one, and when the last of them was.
    var failures: Int
    var failed: Moment?
    /// The last day on which it logged in, as far as that is noted.
    var lastActive: Moment?
}

extension User {
    static let known: Set<String> = [
        "id", "name", "domain_id", "enabled", "default_project_id", "options", "password", "password_expires_at",
        "federated", "original_password",
    ]

    init(_ body: JSON.Object, id: ID<User>, domain: ID<Domain>) throws(Failure) {
        try User.refuseStrangers(body)
        self.init(
            id: id, name: try body.required("name").trimmed, domain: domain, isEnabled: body.boolean("enabled") ?? true,
            defaultProject: body.id("default_project_id"), options: Options(body),
            extra: Extra(of: body, except: User.known), passwordExpires: nil, failures: 0, failed: nil)
    }

    /// Who is known to another provider of identities has to name one that is known here, and so far there are none.
    private static func refuseStrangers(_ body: JSON.Object) throws(Failure) {
        guard let federated = body["federated"] else { return }
        guard let links = federated.array else { throw .field("federated", "must be a list") }
        guard let first = links.first else { return }
        guard let provider = first["idp_id"]?.string else { throw .field("federated[0].idp_id", "is required") }
        throw .invalid("Could not find Identity Provider: \(provider).")
    }

    mutating func change(_ body: JSON.Object) throws(Failure) {
        if let given = body.text("domain_id"), given != domain.text { throw .invalid("Cannot change Domain ID.") }
        if let given = body.text("id"), given != id.text { throw .invalid("Cannot change user ID.") }
        try User.refuseStrangers(body)
        if let name = body.text("name") { self.name = name.trimmed }
        if let enabled = body.boolean("enabled") { isEnabled = enabled }
        if body.has("default_project_id") { defaultProject = body.id("default_project_id") }
        options.change(body)
        extra = extra.merging(Extra(of: body, except: User.known))
    }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("name", name)
        json.put("domain_id", domain)
        json.put("enabled", isEnabled)
        if let defaultProject { json.put("default_project_id", defaultProject) }
        json.put("password_expires_at", passwordExpires, as: .bare)
        options.write(to: &json)
        extra.write(to: &json)
    }

    func attribute(_ name: String) -> String? {
        switch name {
        case "target.user.id", "user_id": id.text
        case "target.user.domain_id", "target.domain_id": domain.text
        default: nil
        }
    }
}

extension User {
    /// Whether too many failed logins keep it out for now.
    func isLocked(at now: Moment, _ settings: IdentitySettings) -> Bool {
        guard let attempts = settings.lockoutAttempts, !options.isOn("ignore_lockout_failure_attempts"),
            failures >= attempts, let failed
        else { return false }
        return now < failed + settings.lockoutDuration
    }

    /// Whether it hasn't logged in for longer than an operator allows.
    func isInactive(at now: Moment, _ settings: IdentitySettings) -> Bool {
        guard let limit = settings.inactivityLimit, !options.isOn("ignore_user_inactivity"), let lastActive else {
            return false
        }
        return now > lastActive + limit
    }

    func isPasswordExpired(at now: Moment) -> Bool {
        guard let passwordExpires, !options.isOn("ignore_password_expiry") else { return false }
        return now >= passwordExpires
    }
}
