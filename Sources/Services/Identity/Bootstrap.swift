package import Base
import SQL

/// What a new cloud starts with: a domain, an administrator, the usual projects and roles, and the catalog.
package struct Bootstrap: Sendable {
    /// A service with the URL at which it answers.
    package struct Listed: Sendable {
        package let type: String
        package let name: String
        package let url: String

        package init(type: String, name: String, url: String) {
            self.type = type
            self.name = name
            self.url = url
        }
    }

    package let region: String
    package let adminPassword: String
    package let demoPassword: String
    package let services: [Listed]

    package init(region: String, adminPassword: String, demoPassword: String, services: [Listed]) {
        self.region = region
        self.adminPassword = adminPassword
        self.demoPassword = demoPassword
        self.services = services
    }

    /// Each implies the next.
    static let roles = ["admin", "manager", "member", "reader"]
    static let projects = ["admin", "demo", "service"]
    /// In whose name services act. It has no password, so nobody else can.
    static let serviceUser = "martlet"
}

extension Identity {
    /// Whether there is an administrator already: passwords are only made for a cloud that has none.
    package func isBootstrapped() async throws(Failure) -> Bool {
        let domain = settings.defaultDomain
        return try await database.read { try $0.user(named: "admin", in: domain) != nil }
    }

    /// The administrator's project: what the cloud itself owns is in it.
    package func adminProject() async throws(Failure) -> String? {
        let domain = settings.defaultDomain
        return try await database.read { try $0.project(named: "admin", in: domain)?.id.text }
    }

    /// Whoever may do everything in a new cloud.
    package func adminToken() async throws(Failure) -> String? {
        let domain = settings.defaultDomain
        let user = try await database.read { try $0.user(named: "admin", in: domain)?.id.text }
        guard let user, let project = try await adminProject() else { return nil }
        return try await token(user: user, project: project)
    }

    /// Makes what is missing and leaves what is there; only the catalog's URLs follow where the cloud now answers.
    package func bootstrap(_ bootstrap: Bootstrap) async throws(Failure) {
        if try await !isBootstrapped() {
            let hashes = (
                admin: try await passwords.hash(bootstrap.adminPassword),
                demo: try await passwords.hash(bootstrap.demoPassword)
            )
            let (settings, world) = (settings, world)
            try await database.write { try $0.makeFirst(hashes.admin, hashes.demo, settings, world) }
        }
        let world = world
        try await writeCatalog { try $0.list(bootstrap.services, in: ID(bootstrap.region), world) }
    }
}

extension Transaction {
    fileprivate func makeFirst(
        _ adminHash: String, _ demoHash: String, _ settings: IdentitySettings, _ world: World
    ) throws(Failure) {
        let domain = settings.defaultDomain
        try insert(
            Domain(
                id: domain, name: "Default", isEnabled: true, description: "The default domain", options: Options(),
                tags: [], extra: Extra()
            ).project)
        let roles = try makeRoles(world)
        var projects: [ID<Project>] = []
        for name in Bootstrap.projects {
            let project = Project(
                id: .hex(world.chance), name: name, domain: domain, parent: nil, isDomain: false, isEnabled: true,
                description: "", options: Options(), extra: Extra(), tags: [])
            try insert(project)
            projects.append(project.id)
        }
        let admin = try makeUser("admin", adminHash, settings, world)
        let demo = try makeUser("demo", demoHash, settings, world)
        let service = try makeUser(Bootstrap.serviceUser, nil, settings, world)
        let grants: [(ID<User>, Assignment.Target, ID<Role>)] = [
            (admin, .project(projects[0]), roles[0]), (admin, .project(projects[1]), roles[0]),
            (admin, .domain(domain), roles[0]), (admin, .system, roles[0]), (demo, .project(projects[1]), roles[2]),
            (service, .project(projects[2]), roles[0]), (service, .project(projects[2]), roles[4]),
        ]
        for (user, target, role) in grants {
            try insert(Assignment(actor: .user(user), target: target, role: role, isInherited: false))
        }
    }

    private func makeRoles(_ world: World) throws(Failure) -> [ID<Role>] {
        var ids: [ID<Role>] = []
        for name in Bootstrap.roles + ["service"] {
            let role = Role(
                id: .hex(world.chance), name: name, domain: nil, description: nil, options: .immutable,
                extra: Extra())
            try insert(role)
            ids.append(role.id)
        }
        for (prior, implied) in zip(ids, ids.dropFirst()).prefix(Bootstrap.roles.count - 1) {
            try insert(ImpliedRole(prior: prior, implied: implied))
        }
        return ids
    }

    private func makeUser(
        _ name: String, _ hash: String?, _ settings: IdentitySettings, _ world: World
    ) throws(Failure) -> ID<User> {
        var user = User(
            id: .hex(world.chance), name: name, domain: settings.defaultDomain, isEnabled: true, defaultProject: nil,
            options: Options(), extra: Extra(), passwordExpires: nil, failures: 0, failed: nil)
        try insert(user)
        guard let hash else { return user.id }
        let password = Password(hash: hash, created: world.now, expires: nil, isOwn: true)
        try setPassword(password, of: &user, keeping: settings.passwordHistory)
        return user.id
    }

    /// The catalog as this start has it: services that are there keep their ids, and their URLs are brought up to date.
    fileprivate func list(_ services: [Bootstrap.Listed], in region: ID<Region>, _ world: World) throws(Failure) {
        if try !exists("SELECT 1 FROM region WHERE id = \(region)") {
            try insert(Region(id: region, description: "", parent: nil, extra: Extra()))
        }
        for listed in services {
            let known: CatalogService? = try row(
                "SELECT * FROM service WHERE type = \(listed.type) AND name = \(listed.name)")
            let service =
                known
                ?? CatalogService(
                    id: .hex(world.chance), type: listed.type, name: listed.name, isEnabled: true, extra: Extra())
            if known == nil { try insert(service) }
            for interface in CatalogEndpoint.Interface.allCases {
                try list(listed.url, interface, of: service.id, in: region, world)
            }
        }
    }

    private func list(
        _ url: String, _ interface: CatalogEndpoint.Interface, of service: ID<CatalogService>, in region: ID<Region>,
        _ world: World
    ) throws(Failure) {
        let known: CatalogEndpoint? = try row(
            """
            SELECT * FROM endpoint
            WHERE service_id = \(service) AND region_id = \(region) AND interface = \(interface.rawValue)
            """)
        guard var endpoint = known else {
            return try insert(
                CatalogEndpoint(
                    id: .hex(world.chance), interface: interface, region: region, service: service, url: url,
                    isEnabled: true, extra: Extra()))
        }
        guard endpoint.url != url else { return }
        endpoint.url = url
        try update(endpoint)
    }
}
