import API
import Base
import CloudTesting
import HTTP
import Policy
import SQL
import Testing

@testable import Identity

/// Every endpoint as everybody: what follows from the list of endpoints is promised for all of them, also for those that
/// are added later.
@Suite struct PersonaTests {
    let identity: Identity
    let talk: Conversation
    let entries: [ServiceAPI.Entry]
    /// What the paths about tokens want to know beside the path.
    private let subject: HTTPHeaders = ["X-Subject-Token": "made-up"]

    init() async throws {
        identity = try await Identity.fixture()
        entries = identity.api.endpoints
        talk = try Conversation([identity.api])
    }

    @Test func withoutATokenThereIsNothing() async {
        for entry in entries where !entry.isOpen {
            let answer = await talk.send(entry.method, entry.target(), entry.example)
            #expect(answer.status == 401, "\(entry.label): \(answer.status), though no token was shown")
        }
    }

    @Test func aTokenThatIsNoneIsRefused() async {
        for entry in entries where !entry.isOpen {
            let answer = await talk.send(entry.method, entry.target(), entry.example, token: "made-up")
            #expect(answer.status == 401, "\(entry.label): \(answer.status), though the token is none")
        }
    }

    @Test func whoHasNoRoleThatCountsMayNothingThatARuleGuards() async {
        for entry in entries where !entry.isForAnyone {
            let answer = await talk.send(
                entry.method, entry.target(), entry.example, token: Persona.nobody.token, headers: subject)
            #expect(
                [403, 404].contains(answer.status) || answer.isEmptyList,
                "\(entry.label): \(answer.status) \(answer.text)")
        }
    }

    @Test(arguments: Persona.all.map(\.token)) func nobodyMeetsAnErrorOfOurs(persona: String) async {
        for entry in entries {
            let answer = await talk.send(entry.method, entry.target(), entry.example, token: persona)
            #expect(answer.status < 500, "\(entry.label) as \(persona): \(answer.status) \(answer.text)")
        }
    }

    @Test func whatIsAskedForByHeadIsThereAsForGet() async {
        for entry in entries where entry.method == "GET" && !entry.path.hasSuffix("/auth/tokens") {
            let (get, head) = (
                await talk.get(entry.target(), as: .admin),
                await talk.send("HEAD", entry.target(), token: Persona.admin.token)
            )
            #expect(
                head.status == get.status || head.status == 204, "\(entry.label): \(get.status), HEAD \(head.status)")
        }
    }

    // MARK: Another domain

    private static let mark = "secret-of-the-other-domain"

    @Test func nothingOfAnotherDomainIsVisible() async throws {
        let ids = try await makeOtherDomain()
        let insiders: [Persona] = [.manager, .member, .reader, .nobody, .stranger, .domainManager, .domainReader]
        let talk = try Conversation(
            [identity.api], authenticator: PersonaAuthenticator(insiders))
        for persona in insiders {
            for entry in entries where entry.method == "GET" {
                for target in [entry.target(ids), entry.target(ids) + "?domain_id=\(ids["domain_id"] ?? "")"] {
                    let answer = await talk.get(target, as: persona)
                    #expect(
                        !answer.text.contains(PersonaTests.mark),
                        "\(entry.label) shows \(persona.token) what is in another domain: \(answer.text)")
                }
            }
        }
    }

    @Test func nothingInAnotherDomainIsChanged() async throws {
        let ids = try await makeOtherDomain()
        for persona in [Persona.manager, .member, .nobody, .stranger, .domainManager] {
            for entry in entries where entry.method != "GET" && entry.method != "HEAD" && entry.isAbout(ids) {
                let answer = await talk.send(entry.method, entry.target(ids), entry.example, token: persona.token)
                #expect(
                    [401, 403, 404].contains(answer.status), "\(entry.label) as \(persona.token): \(answer.status)")
            }
        }
    }

    /// A domain with one of everything that is in domains, all with the mark in their names.
    private func makeOtherDomain() async throws -> [String: String] {
        let mark = PersonaTests.mark
        func make(_ path: String, _ noun: String, _ body: [(String, JSON)]) async throws -> String {
            let object = JSON.object(.init(body.map { .init(name: $0.0, value: $0.1) }))
            let made = await talk.post(
                "/identity/v3\(path)", .object(.init([.init(name: noun, value: object)])), as: .admin)
            return try #require(made[noun]?["id"]?.string, "\(path): \(made.text)")
        }
        let domain = try await make("/domains", "domain", [("name", .string(mark))])
        let inDomain: [(String, JSON)] = [("name", .string(mark)), ("domain_id", .string(domain))]
        let ids = [
            "domain_id": domain, "project_id": try await make("/projects", "project", inDomain),
            "user_id": try await make("/users", "user", inDomain),
            "group_id": try await make("/groups", "group", inDomain),
            "role_id": try await make("/roles", "role", inDomain),
        ]
        let base = "/identity/v3"
        _ = await talk.put("\(base)/domains/\(domain)/config", ["config": ["ldap": ["url": .string(mark)]]], as: .admin)
        for place in ["projects/\(ids["project_id"] ?? "")", "domains/\(domain)"] {
            let path = "\(base)/\(place)/users/\(ids["user_id"] ?? "")/roles/\(ids["role_id"] ?? "")"
            #expect(await talk.put(path, as: .admin).status == 204)
        }
        return ids
    }
}

extension Persona {
    fileprivate static let domainReader = Persona(
        "domain-reader", roles: ["reader"], reach: .domain(id: "default", name: "Default"))
}

extension Answer {
    /// A list of what is one's own, to somebody who has nothing.
    fileprivate var isEmptyList: Bool {
        status == 200 && json.object?.members.contains { $0.value == .array([]) } ?? false
    }
}

extension ServiceAPI.Entry {
    /// How the reference names it.
    fileprivate var label: String { "\(method) \(path)" }

    fileprivate var isOpen: Bool { if case .open = access { true } else { false } }

    /// Whether any token will do, as far as the rules go.
    fileprivate var isForAnyone: Bool {
        switch access {
        case .open, .authenticated: true
        case .rule(let rule): rule.check.isEmpty
        case .decided(let rules): rules.contains { $0.check.isEmpty }
        }
    }

    fileprivate var example: JSON? { if case .json(let shape, _) = body { shape.example } else { nil } }

    /// The path with ids where it has names; what isn't given is something that isn't there.
    fileprivate func target(_ ids: [String: String] = [:]) -> String {
        let segments = path.split(separator: "/").map { segment -> String in
            guard segment.hasPrefix("{") else { return String(segment) }
            return ids[String(segment.dropFirst().dropLast())] ?? "absent"
        }
        return "/identity/" + segments.joined(separator: "/")
    }

    /// Whether its path names something in the domain.
    fileprivate func isAbout(_ ids: [String: String]) -> Bool { ids.keys.contains { path.contains("{\($0)}") } }
}
