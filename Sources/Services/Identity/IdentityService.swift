package import API
package import Base
package import SQL

/// Who is who, who may do what where, and where the services are: the Identity API, version 3.
package final class Identity: Sendable {
    package let database: Database
    package let world: World
    let tokens: Tokens
    let passwords: Passwords
    let catalog = CatalogMemory()
    let serviceTokens = ServiceTokenMemory()
    let credentialKeys: CredentialSeal
    let settings: IdentitySettings
    let changes = Changes()
    let keys: [any TokenKeys]

    package init(
        database: Database, world: World, keys: any TokenKeys, credentialKeys: any TokenKeys,
        settings: IdentitySettings = IdentitySettings()
    ) {
        self.keys = [keys, credentialKeys]
        self.credentialKeys = CredentialSeal(keys: credentialKeys, chance: world.chance)
        self.database = database
        self.world = world
        self.settings = settings
        passwords = Passwords(settings: settings, chance: world.chance)
        tokens = Tokens(
            database: database, world: world, keys: keys, changes: changes, lifetime: settings.tokenLifetime)
    }

    /// To be called once, before the first request.
    package func start() async throws(Failure) {
        changes.accept(try await database.read { try $0.changes() })
        try await tokens.catchUp()
    }

    func currentCatalog() async throws(Failure) -> Catalog { try await catalog.catalog(database) }

    package var api: ServiceAPI {
        ServiceAPI(
            "identity", port: 5000, versions: .only("3.14"), dialect: .identity, service: self, bases: ["/v3"],
            definitions: Identity.definitions,
            roots: Identity.discovery, endpoints: Identity.endpoints)
    }

    /// The table of contents of the API reference.
    package static let endpoints: [Endpoint<Identity>] = [
        Token.endpoints, Region.endpoints, CatalogService.endpoints, CatalogEndpoint.endpoints, Domain.endpoints,
        Project.endpoints, User.endpoints, Group.endpoints, Role.endpoints, ImpliedRole.endpoints, Grants.endpoints,
        RoleAssignment.endpoints, RegisteredLimit.endpoints, Limit.endpoints, PolicyDocument.endpoints,
        EndpointGroup.endpoints, DomainConfiguration.endpoints, Revocation.endpoints, ApplicationCredential.endpoints,
        OwnedAccessRule.endpoints, Trust.endpoints, Credential.endpoints, EC2Key.endpoints, SignedRequest.endpoints,
        Consumer.endpoints, OAuth.endpoints,
    ].flatMap { $0 }

    package static let migrations: [Migration] = [
        Region.created, CatalogService.created, CatalogEndpoint.created, Project.created, User.created, Group.created,
        Role.created, Assignment.created, Revocation.created, RegisteredLimit.created, Limit.created,
        PolicyDocument.created, EndpointGroup.created, DomainConfiguration.created, OwnedAccessRule.created,
        ApplicationCredential.created, Trust.created, Credential.created, Changes.created,
        Consumer.created, RequestToken.created, AccessToken.created, User.activity,
    ]
}

/// What an operator may set.
package struct IdentitySettings: Sendable {
    package var tokenLifetime: Duration = .seconds(3_600)
    package var passwordCost = 12
    /// Whether a token that is scoped may be exchanged for another.
    package var allowsRescoping = true
    /// Failed logins until an account is locked; nil never locks one.
    package var lockoutAttempts: Int?
    package var lockoutDuration: Duration = .seconds(1_800)
    /// How many of the last passwords may not be used again; the current one counts.
    package var passwordHistory = 0
    /// After how long without a login an account can't be used any more; nil for never.
    package var inactivityLimit: Duration?
    package var minimumPasswordAge: Duration = .zero
    package var passwordLifetime: Duration?
    package var changePasswordUponFirstUse = false
    /// A regular expression that every new password begins with, and what to tell those whose doesn't.
    package var passwordPattern: String?
    package var passwordAdvice: String?
    /// How many things a list has at most for those who don't ask for so many; nil for all.
    package var listLimit: Int?
    /// How deep projects may stand in projects.
    package var projectDepth = 5
    var defaultDomain: ID<Domain> = ID("default")
    /// Whether a password that was right is remembered for a few minutes.
    package var isPasswordMemoryOn = true

    package init() {}
}
