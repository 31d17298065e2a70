import Base

/// What may be granted: a name that rules ask for. A role of a domain exists only to imply others.
struct Role: Resource, Hashable {
    static let one = "role"
    static let many = "roles"

    let id: ID<Role>
    var name: String
    let domain: ID<Domain>?
    var description: String?
    var options: Options
    var extra: Extra
}

extension Role {
    static let known: Set<String> = ["id", "name", "domain_id", "description", "options"]

    init(_ body: JSON.Object, id: ID<Role>) throws(Failure) {
        self.init(
            id: id, name: try body.required("name").trimmed, domain: body.id("domain_id"),
            description: body.text("description"), options: Options(body), extra: Extra(of: body, except: Role.known))
    }

    mutating func change(_ body: JSON.Object) throws(Failure) {
        try options.allowChange(of: self, to: body)
        if body.has("domain_id"), body.text("domain_id") != domain?.text { throw .invalid("Cannot change Domain ID.") }
        if let name = body.text("name") { self.name = name.trimmed }
        if body.has("description") { description = body.text("description") }
        options.change(body)
        extra = extra.merging(Extra(of: body, except: Role.known))
    }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("name", name)
        json.put("domain_id", domain)
        json.put("description", description)
        options.write(to: &json)
        extra.write(to: &json)
    }

    func attribute(_ name: String) -> String? {
        switch name {
        case "target.role.name": self.name
        case "target.role.domain_id": domain?.text
        default: nil
        }
    }
}

/// Who has the first role has the second too.
struct ImpliedRole: Hashable, Sendable {
    let prior: ID<Role>
    let implied: ID<Role>
}

/// All roles and what implies what: small enough to be read whole.
struct RoleBook: Sendable {
    let roles: [ID<Role>: Role]
    let implications: [ID<Role>: [ID<Role>]]

    init(_ roles: [Role], _ implications: [ImpliedRole]) {
        self.roles = Dictionary(roles.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.implications = Dictionary(grouping: implications, by: \.prior).mapValues { $0.map(\.implied) }
    }

    /// The roles with all that follow from them, each once, in the order in which they were reached.
    func closure(of roles: some Sequence<ID<Role>>) -> [ID<Role>] {
        var reached: [ID<Role>] = []
        var seen: Set<ID<Role>> = []
        var next = Array(roles)
        while !next.isEmpty {
            let fresh = next.filter { seen.insert($0).inserted }
            reached += fresh
            next = fresh.flatMap { implications[$0] ?? [] }
        }
        return reached
    }

    /// The same, without the roles of domains: those are never in a token themselves.
    func effective(_ roles: some Sequence<ID<Role>>) -> [Role] {
        closure(of: roles).compactMap { self.roles[$0] }.filter { $0.domain == nil }
    }
}
