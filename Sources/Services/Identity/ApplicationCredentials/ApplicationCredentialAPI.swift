import API
import Base
import Crypto
import HTTP
import Policy
import SQL

extension ApplicationCredential {
    private static let path = "/users/{user_id}/application_credentials"

    static let endpoints: [Endpoint<Identity>] = [
        .get(
            path, "List a user's application credentials", may: .listApplicationCredentials,
            query: [Parameter("name")] + paging, list),
        Endpoint(
            "POST", path, "Create an application credential", access: .decided(by: [.createApplicationCredential]),
            body: .json(shape), create),
        .get(
            "\(path)/{application_credential_id}", "Show an application credential", may: .getApplicationCredential,
            show),
        .delete(
            "\(path)/{application_credential_id}", "Delete an application credential",
            may: .deleteApplicationCredential, delete),
    ]

    private static let shape: Shape = .object(
        Fields([
            .required(
                "application_credential",
                .object(
                    Fields([
                        .required("name", .name), .optional("id", .text(1...64)),
                        .optional("description", .description), .optional("secret", .nullable(.text(0...4_096))),
                        .optional("expires_at", .nullable(.text)), .optional("project_id", .text(1...64)),
                        .optional("system", .nullable(.text)), .optional("unrestricted", .nullable(.boolean)),
                        .optional("roles", .list(of: RoleReference.shape)),
                        .optional("access_rules", .list(of: AccessRule.shape)),
                    ])))
        ]))
}

extension Rule {
    static let getApplicationCredential = Rule(
        "identity:get_application_credential", "Show an application credential",
        "\(May.adminOrSystemReader) or rule:owner", for: [.system, .project])
    static let listApplicationCredentials = Rule(
        "identity:list_application_credentials", "List a user's application credentials",
        "\(May.adminOrSystemReader) or rule:owner", for: [.system, .project])
    static let createApplicationCredential = Rule(
        "identity:create_application_credential", "Create an application credential", "user_id:%(user_id)s",
        for: .project)
    static let deleteApplicationCredential = Rule(
        "identity:delete_application_credential", "Delete an application credential", "rule:admin_or_owner",
        for: [.system, .project])
}

// MARK: Handlers

extension ApplicationCredential {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        guard call.scope.covers(["user_id": call["user_id"]]) else { throw .outOfReach }
        try call.refuseLentTokens()
        return .many(
            try await call.service.database.read { try $0.applicationCredentials(of: call.id("user_id"), call.query) },
            call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply { .one(try await find(call), call) }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try call.require(.createApplicationCredential, of: ["user_id": call["user_id"]])
        try call.refuseLentTokens()
        try call.refuseRestricted()
        guard let project = call.caller.projectID else {
            throw .invalid("An application credential needs a project: use a token that is scoped to one.")
        }
        let (service, body) = (call.service, try call.fields(one))
        let now = service.world.now
        let draft = ApplicationCredential(
            id: .hex(service.world.chance), name: try body.required("name").trimmed, user: call.id("user_id"),
            project: ID(project), description: body.text("description"),
            expires: try Moment(expiry: body.text("expires_at"), now: now),
            isUnrestricted: body.boolean("unrestricted") ?? false)
        let given = body.text("secret") ?? ""
        let secret = given.isEmpty ? Base64.url.unpadded.text(service.world.chance.bytes(64)) : given
        let hash = try await service.passwords.hash(secret)
        let wanted = try (body["roles"]?.array ?? []).map { json throws(Failure) in try RoleReference(json) }
        let token = try await service.tokens.token(call.caller.token)
        let made = try await service.database.write { tx in
            var credential = draft
            credential.roles = try tx.roles(wanted, within: token.roles)
            credential.accessRules = try tx.accessRules(
                body["access_rules"]?.array ?? [], of: draft.user, service.world.chance)
            try tx.insert(credential, secretHash: hash)
            return credential
        }
        return .json(201) { json in
            json.object(one) { json in
                made.write(to: &json, with: call)
                // Said this once: what is kept is its hash.
                json.put("secret", secret)
            }
        }
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let credential = try await find(call)
        try call.refuseRestricted()
        let tokens = call.service.tokens
        try await call.service.database.write { tx in
            try tx.deleteApplicationCredential(credential.id)
            try tokens.forget(user: credential.user, tx)
        }
        return .noContent
    }

    /// Whose it is counts, not whose the path says it is.
    private static func find(_ call: Call<Identity>) async throws(Failure) -> ApplicationCredential {
        let id: ID<ApplicationCredential> = call.id("application_credential_id")
        guard let credential = try await call.service.database.read({ try $0.applicationCredential(id) }) else {
            guard call.scope.covers(["user_id": call["user_id"]]) else { throw .outOfReach }
            throw .notFound("Application Credential", id.text)
        }
        guard call.scope.covers(credential.attribute) else { throw .outOfReach }
        try call.refuseLentTokens()
        return credential
    }
}

extension Call<Identity> {
    /// What a trust or a signature lends for a while must not become something that lasts.
    func refuseLentTokens() throws(Failure) {
        for delegation in caller.delegations {
            if case .applicationCredential = delegation { continue }
            throw .forbidden("Cannot manage application credentials with a token issued via delegation.")
        }
    }

    fileprivate func refuseRestricted() throws(Failure) {
        guard !caller.delegations.contains(.applicationCredential(isUnrestricted: false)) else {
            throw .forbidden(
                "You are not authorized to perform the requested action: Using method 'application_credential' is not allowed for managing additional application credentials."
            )
        }
    }
}

extension Transaction {
    /// The roles that are wanted, with those that they imply; all that the token has, when none are named.
    fileprivate func roles(_ wanted: [RoleReference], within own: [Role]) throws(Failure) -> [Role] {
        guard !wanted.isEmpty else { return own }
        let named = try wanted.map { reference throws(Failure) in try role(reference).id }
        let roles = try roleBook().closure(of: named)
        let known = Dictionary(own.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        return try roles.map { id throws(Failure) in
            guard let role = known[id] else {
                throw .invalid(
                    "Invalid application credential: Cannot create an application credential with unassigned role")
            }
            return role
        }
    }
}
