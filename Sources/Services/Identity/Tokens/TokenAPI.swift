import API
import Base
import HTTP
import Policy
import SQL
import Synchronization

extension Token {
    static let endpoints: [Endpoint<Identity>] = [
        Endpoint(
            "POST", "/auth/tokens", "Authenticate and get a token", access: .open, query: [Parameter("nocatalog")],
            body: .json(shape), issue),
        Endpoint(
            "GET", "/auth/tokens", "Validate a token and show what it stands for",
            access: .decided(by: [.validateToken]),
            query: [Parameter("nocatalog"), Parameter("allow_expired", .looseBoolean)], show),
        Endpoint("HEAD", "/auth/tokens", "Check a token", access: .decided(by: [.checkToken]), check),
        Endpoint("DELETE", "/auth/tokens", "Revoke a token", access: .decided(by: [.revokeToken]), revoke),
        .delete("/users/{user_id}/tokens", "Revoke all tokens of a user", may: .revokeTokensForUser, revokeAll),
        .get("/auth/catalog", "Show the catalog", may: .getAuthCatalog, catalog),
        .get("/auth/projects", "List the projects that one may use", may: .getAuthProjects, projects),
        .get("/auth/domains", "List the domains that one may use", may: .getAuthDomains, domains),
        .get("/auth/system", "Show whether one may use the system", may: .getAuthSystem, system),
    ]

    private static let reference: [Field] = [
        .optional("id", .text), .optional("name", .text),
        .optional("domain", .object(Fields([.optional("id", .text), .optional("name", .text)], others: .allowed))),
    ]
    private static let shape: Shape = .object(
        Fields(
            [
                .required(
                    "auth",
                    .object(
                        Fields(
                            [
                                .required(
                                    "identity",
                                    .object(
                                        Fields(
                                            [.required("methods", .list(of: .text, count: 1...16))], others: .allowed))),
                                .optional("scope", .either([.text, .object(Fields([], others: .allowed))])),
                            ], others: .allowed)))
            ], others: .allowed))
}

extension Rule {
    static let checkToken = Rule(
        "identity:check_token", "Check a token", "\(May.adminOrSystemReader) or rule:token_subject")
    static let validateToken = Rule(
        "identity:validate_token", "Validate a token",
        "\(May.adminOrSystemReader) or rule:service_role or rule:token_subject")
    static let revokeToken = Rule(
        "identity:revoke_token", "Revoke a token", "rule:admin_required or rule:token_subject")
    static let revokeTokensForUser = Rule(
        "identity:revoke_tokens_for_user", "Revoke all tokens of a user", "rule:admin_or_owner")
    static let getAuthCatalog = Rule("identity:get_auth_catalog", "Show the catalog", May.anyone)
    static let getAuthProjects = Rule("identity:get_auth_projects", "List one's projects", May.anyone)
    static let getAuthDomains = Rule("identity:get_auth_domains", "List one's domains", May.anyone)
    static let getAuthSystem = Rule("identity:get_auth_system", "Show one's reach to the system", May.anyone)
}

// MARK: Handlers

extension Token {
    static func issue(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let attempt = Attempt(identity: call.service, request: call.request, url: call.ownURL)
        switch try await call.service.authenticate(call.body, attempt) {
        case .token(let token): return try await document(token, call, status: 201)
        case .receipt(let receipt, let user): return try await document(receipt, of: user, call)
        }
    }

    /// What there is so far, and what may make it enough.
    private static func document(
        _ receipt: Receipt, of user: User, _ call: Call<Identity>
    ) async throws(Failure) -> Reply {
        let domain = try await call.service.database.read { try $0.domain(user.domain) }
        let text = call.service.tokens.text(of: receipt)
        return .json(401, headers: ["Openstack-Auth-Receipt": text]) { json in
            json.object("receipt") { json in
                json.put("methods", receipt.methods.map(\.rawValue))
                json.object("user") {
                    $0.putNamed(
                        Caller.Named(
                            id: user.id.text, name: user.name, domainID: domain.id.text, domainName: domain.name))
                }
                json.put("expires_at", receipt.expires, as: .identity)
                json.put("issued_at", receipt.issued, as: .identity)
            }
            json.array("required_auth_methods") { json in
                for rule in user.methodRules {
                    json.array { json in for method in rule { json.value(method.rawValue) } }
                }
            }
        }
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await document(subject(call, may: .validateToken), call, status: 200)
    }

    static func check(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let token = try await subject(call, may: .checkToken)
        return Reply(200, headers: ["X-Subject-Token": token.text])
    }

    static func revoke(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let token = try await subject(call, may: .revokeToken)
        let withChain = try call.query.boolean("cascade") ?? true
        let tokens = call.service.tokens
        try await call.service.database.write { try tokens.revoke(token.content, withChain: withChain, $0) }
        return .noContent
    }

    /// For those who can't change their password here: their sessions end all the same.
    static func revokeAll(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (tokens, id) = (call.service.tokens, call.id("user_id") as ID<User>)
        guard call.scope.covers(["user_id": id.text]) else { throw .outOfReach }
        try await call.service.database.write { tx in
            _ = try tx.user(id)
            try tokens.revoke(allOf: id, tx)
        }
        return .noContent
    }

    /// The token that the request is about. One that isn't good is nobody's, so that anybody may be told so.
    private static func subject(_ call: Call<Identity>, may rule: Rule) async throws(Failure) -> Token {
        guard let text = call.request.headers["x-subject-token"] else { throw .field("X-Subject-Token", "is required") }
        let evenIfExpired = try call.query.boolean("allow_expired") ?? false
        let found = try await call.service.tokens.subject(text, evenIfExpired: evenIfExpired)
        try call.require(rule, of: ["target.token.user_id": found.user.id])
        return found
    }

    /// - Parameter showsText: whether the answer has the token itself in its header.
    static func document(
        _ token: Token, _ call: Call<Identity>, status: Int, showsText: Bool = true
    ) async throws(Failure) -> Reply {
        let catalog = call.query.has("nocatalog") ? nil : try await call.service.currentCatalog()
        var headers: HTTPHeaders = ["Vary": "X-Auth-Token"]
        if showsText { headers.append("X-Subject-Token", token.text) }
        return .json(status, headers: headers) {
            $0.object("token") { token.write(to: &$0, catalog: catalog) }
        }
    }

    // MARK: What one may use

    static func catalog(_ call: Call<Identity>) async throws(Failure) -> Reply {
        guard let project = call.caller.projectID else {
            throw .forbidden("A project-scoped token is required to produce a service catalog.")
        }
        let catalog = try await call.service.currentCatalog()
        return .json {
            catalog.write("catalog", to: &$0, project: project, user: call.caller.user.id)
            $0.object("links") { $0.put("self", call.ownLink) }
        }
    }

    static func projects(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let user = ID<User>(call.caller.user.id)
        return .many(
            try await call.service.database.read { try $0.projects(openTo: user, call.query) }.filter(\.isEnabled), call
        )
    }

    static func domains(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let user = ID<User>(call.caller.user.id)
        return .many(try await call.service.database.read { try $0.domains(openTo: user) }.filter(\.isEnabled), call)
    }

    static func system(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let user = ID<User>(call.caller.user.id)
        let roles = try await call.service.database.read { try $0.roles(of: user, on: .system) }
        return .json { json in
            json.array("system") { json in if !roles.isEmpty { json.object { $0.put("all", true) } } }
            json.object("links") { $0.put("self", call.ownLink) }
        }
    }
}

// MARK: On the wire

extension Token {
    func write(to json: inout JSONWriter, catalog: Catalog?) {
        let members = written.withLock { written in
            let members = written ?? self.members()
            written = members
            return members
        }
        json.raw(members)
        if isScoped { catalog?.write("catalog", to: &json, project: projectID, user: user.id) }
    }

    private func members() -> [UInt8] {
        var json = JSONWriter()
        json.put("methods", content.methods.map(\.rawValue))
        json.object("user") { json in
            json.putNamed(user)
            json.put("password_expires_at", passwordExpires, as: .bare)
        }
        json.put("audit_ids", content.auditIDs)
        json.put("expires_at", content.expires, as: .identity)
        json.put("issued_at", content.issued, as: .identity)
        switch reach {
        case .unscoped: break
        case .system: json.object("system") { $0.put("all", true) }
        case .domain(let id, let name):
            json.object("domain") {
                $0.put("id", id)
                $0.put("name", name)
            }
        case .project(let project, let isDomain):
            json.object("project") { $0.putNamed(project) }
            json.put("is_domain", isDomain)
        }
        delegation?.write(to: &json)
        guard isScoped else { return json.finish() }
        json.array("roles", of: roles) { role, json in
            json.object {
                $0.put("id", role.id)
                $0.put("name", role.name)
            }
        }
        return json.finish()
    }
}

extension Token.Delegation {
    fileprivate func write(to json: inout JSONWriter) {
        switch self {
        case .trust(let trust):
            json.object("OS-TRUST:trust") { json in
                json.put("id", trust.id)
                json.object("trustor_user") { $0.put("id", trust.trustor) }
                json.object("trustee_user") { $0.put("id", trust.trustee) }
                json.put("impersonation", trust.impersonates)
            }
        case .accessToken(let token):
            json.object("OS-OAUTH1") { json in
                json.put("access_token_id", token.id)
                json.put("consumer_id", token.consumer)
            }
        case .applicationCredential(let credential):
            json.object("application_credential") { json in
                json.put("id", credential.id)
                json.put("name", credential.name)
                json.put("restricted", !credential.isUnrestricted)
                guard !credential.accessRules.isEmpty else { return }
                json.array("access_rules", of: credential.accessRules) { rule, json in
                    json.object { rule.write(to: &$0) }
                }
            }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func putNamed(_ thing: Caller.Named) {
        object("domain") {
            $0.put("id", thing.domainID.isEmpty ? nil : thing.domainID)
            $0.put("name", thing.domainName.isEmpty ? nil : thing.domainName)
        }
        put("id", thing.id)
        put("name", thing.name)
    }
}
