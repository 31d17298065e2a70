import API
package import Base
package import Policy

/// People whom every rule has something to say to. A persona's name is its token.
package struct Persona: Sendable {
    package let caller: Caller

    package var token: String { caller.token }

    package init(_ name: String, roles: [String], reach: Caller.Reach, domain: String = "default") {
        let implied = ["admin", "manager", "member", "reader"]
        let all = roles.flatMap { role in implied.firstIndex(of: role).map { Array(implied[$0...]) } ?? [role] }
        caller = Caller(
            user: Caller.Named(id: "\(name)-user", name: name, domainID: domain, domainName: domain), reach: reach,
            roles: all, expires: Moment(seconds: 1 << 40), token: name)
    }

    private static func project(_ id: String, domain: String = "default") -> Caller.Reach {
        .project(Caller.Named(id: id, name: id, domainID: domain, domainName: domain))
    }

    package static let admin = Persona("admin", roles: ["admin"], reach: project("admin-project"))
    package static let manager = Persona("manager", roles: ["manager"], reach: project("project-1"))
    package static let member = Persona("member", roles: ["member"], reach: project("project-1"))
    package static let reader = Persona("reader", roles: ["reader"], reach: project("project-1"))
    /// Has a token for the project, but no role that any rule knows.
    package static let nobody = Persona("nobody", roles: ["unknown"], reach: project("project-1"))
    /// A member of somebody else's project.
    package static let stranger = Persona("stranger", roles: ["member"], reach: project("project-2"))
    package static let service = Persona("service", roles: ["service"], reach: project("service-project"))
    package static let systemReader = Persona("system-reader", roles: ["reader"], reach: .system)
    package static let domainManager = Persona(
        "domain-manager", roles: ["manager"], reach: .domain(id: "default", name: "Default"))

    package static let all: [Persona] = [
        admin, manager, member, reader, nobody, stranger, service, systemReader, domainManager,
    ]
}

/// Knows the personas by their names, so that a service can be tested without identity.
package struct PersonaAuthenticator: Authenticator {
    private let personas: [String: Persona]

    package init(_ personas: [Persona] = Persona.all) {
        self.personas = Dictionary(personas.map { ($0.token, $0) }, uniquingKeysWith: { first, _ in first })
    }

    package func caller(token: String, evenIfExpired: Bool) async throws(Failure) -> Caller {
        guard let persona = personas[token] else {
            throw Failure(.unauthenticated, "The request you have made requires authentication.")
        }
        return persona.caller
    }
}
