import API
import Base
import HTTP
import Policy
import SQL

/// How a consumer comes by an access token, and what becomes of it.
enum OAuth {
    private static let ofUser = "/users/{user_id}/OS-OAUTH1/access_tokens"

    static let endpoints: [Endpoint<Identity>] = [
        Endpoint("POST", "/OS-OAUTH1/request_token", "Ask for a project, as a consumer", access: .open, request),
        .put(
            "/OS-OAUTH1/authorize/{request_token_id}", "Agree to what a consumer asks", may: .authorizeRequestToken,
            takes: .object(Fields([.required("roles", .list(of: RoleReference.shape))])), agree),
        Endpoint(
            "POST", "/OS-OAUTH1/access_token", "Exchange what a user has agreed to for an access token", access: .open,
            exchange),
        .get(ofUser, "List the access tokens that a user has given", may: .listAccessTokens, list),
        .get("\(ofUser)/{access_token_id}", "Show an access token", may: .getAccessToken, show),
        .delete("\(ofUser)/{access_token_id}", "Take an access token back", may: .deleteAccessToken, delete),
        .get("\(ofUser)/{access_token_id}/roles", "List an access token's roles", may: .listAccessTokenRoles, roles),
        .get(
            "\(ofUser)/{access_token_id}/roles/{role_id}", "Show a role of an access token", may: .getAccessTokenRole,
            role),
    ]
}

extension Rule {
    static let authorizeRequestToken = Rule(
        "identity:authorize_request_token", "Agree to what a consumer asks", May.admin, for: .project)
    static let listAccessTokens = Rule(
        "identity:list_access_tokens", "List a user's access tokens", May.admin, for: .project)
    static let getAccessToken = Rule("identity:get_access_token", "Show an access token", May.admin, for: .project)
    static let deleteAccessToken = Rule(
        "identity:delete_access_token", "Take an access token back", May.admin, for: .project)
    static let listAccessTokenRoles = Rule(
        "identity:list_access_token_roles", "List an access token's roles", May.admin, for: .project)
    static let getAccessTokenRole = Rule(
        "identity:get_access_token_role", "Show a role of an access token", May.admin, for: .project)
}

// MARK: Coming by one

extension OAuth {
    static func request(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (service, now) = (call.service, call.service.world.now)
        let signature = try call.signature
        let id = ID<Consumer>(try signature.required("consumer_key"))
        guard let project = call.request.headers["requested-project-id"], !project.isEmpty else {
            throw .field("Requested-Project-Id", "is required")
        }
        let consumer = try await service.database.read { tx in
            _ = try tx.project(ID(project))
            return try tx.consumer(id)
        }
        try signature.verify(consumer: service.credentialKeys.reveal(consumer.secret), now: now)
        let secret = UUID(service.world.chance).hex
        let token = RequestToken(
            id: .hex(service.world.chance), secret: service.credentialKeys.seal(secret, now: now), consumer: id,
            project: ID(project), expires: now + RequestToken.lifetime)
        try await service.database.write { try $0.insert(token) }
        return form(token.id.text, secret, token.expires)
    }

    static func agree(_ call: Call<Identity>) async throws(Failure) -> Reply {
        guard call.caller.delegations.isEmpty else {
            throw .forbidden("Cannot authorize a request token with a token issued via delegation.")
        }
        let (world, user) = (call.service.world, ID<User>(call.caller.user.id))
        let references = try (call.body["roles"]?.array ?? []).map { json throws(Failure) in try RoleReference(json) }
        let agreed = RequestToken.Agreement(user: user, verifier: RequestToken.verifier(world.chance))
        try await call.service.database.write { tx in
            let token = try tx.requestToken(call.id("request_token_id"))
            try token.refuseExpired(at: world.now)
            let roles = try references.map { try tx.role($0) }
            let own = Set(try tx.roles(of: user, on: .project(token.project)).map(\.id))
            guard roles.allSatisfy({ own.contains($0.id) }) else {
                throw Failure(.unauthenticated, "authorizing user does not have role required")
            }
            try tx.note(agreed, to: token.id, roles: roles)
        }
        return .json { $0.object("token") { $0.put("oauth_verifier", agreed.verifier) } }
    }

    static func exchange(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (service, now) = (call.service, call.service.world.now)
        let signature = try call.signature
        let id = ID<Consumer>(try signature.required("consumer_key"))
        let requestID = ID<RequestToken>(try signature.required("token"))
        let verifier = try signature.required("verifier")
        let secret = UUID(service.world.chance).hex
        let (sealed, newID) = (service.credentialKeys.seal(secret, now: now), ID<AccessToken>.hex(service.world.chance))
        // All in one transaction, so that of two who come with the same request one finds it used up.
        let token = try await service.database.write { tx in
            let request = try tx.requestToken(requestID)
            try request.refuseExpired(at: now)
            guard request.consumer == id else {
                throw Failure(.unauthenticated, "Provided consumer key does not match stored consumer key.")
            }
            let keys = service.credentialKeys
            try signature.verify(
                consumer: keys.reveal(tx.consumer(id).secret), token: keys.reveal(request.secret), now: now)
            guard let agreed = request.agreed else {
                throw Failure(.unauthenticated, "Request Token does not have an authorizing user id.")
            }
            guard agreed.verifier == verifier else {
                throw Failure(.unauthenticated, "Provided verifier does not match stored verifier")
            }
            let token = AccessToken(
                id: newID, secret: sealed, consumer: id, project: request.project, user: agreed.user,
                expires: now + AccessToken.lifetime)
            try tx.exchange(request, for: token)
            return token
        }
        return form(token.id.text, secret, token.expires)
    }

    /// As the standard has it: a form, not JSON.
    private static func form(_ id: String, _ secret: String, _ expires: Moment) -> Reply {
        let end = Timestamp.identity.text(expires)
        let text = "oauth_token=\(id)&oauth_token_secret=\(secret)&oauth_expires_at=\(end)"
        return Reply(
            201, headers: ["Content-Type": "application/x-www-form-urlencoded"], body: .bytes(Array(text.utf8)))
    }
}

// MARK: What users have given

extension OAuth {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try call.refuseBorrowedAccess()
        let tokens = try await call.service.database.read { try $0.accessTokens(of: call.id("user_id")) }
        return .many(AccessToken.many, tokens, call) { token, json in token.writeLinked(to: &json, call) }
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try call.refuseBorrowedAccess()
        let token = try await find(call)
        return .json { json in json.object(AccessToken.one) { token.writeLinked(to: &$0, call) } }
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try call.refuseBorrowedAccess()
        let (token, tokens) = (try await find(call), call.service.tokens)
        try await call.service.database.write { tx in
            try tokens.forget(user: token.user, tx)
            try tx.deleteAccessTokens("id = \(token.id)")
        }
        return .noContent
    }

    static func roles(_ call: Call<Identity>) async throws(Failure) -> Reply { .many(try await find(call).roles, call) }

    static func role(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let id: ID<Role> = call.id("role_id")
        guard let role = try await find(call).roles.first(where: { $0.id == id }) else {
            throw .notFound(Role.one, id.text)
        }
        return .one(role, call)
    }

    /// Of that user and of no other.
    private static func find(_ call: Call<Identity>) async throws(Failure) -> AccessToken {
        let id: ID<AccessToken> = call.id("access_token_id")
        let found = try await call.service.database.read { try $0.accessToken(id) }
        guard let found, found.user.text == call["user_id"] else { throw .notFound("access token", id.text) }
        return found
    }
}

extension AccessToken {
    fileprivate func writeLinked(to json: inout JSONWriter, _ call: Call<Identity>) {
        write(to: &json)
        json.object("links") {
            $0.put("roles", call.link("/v3\(path)/roles"))
            $0.put("self", call.link("/v3\(path)"))
        }
    }
}

extension Call<Identity> {
    /// How the request is signed.
    fileprivate var signature: OAuthSignature {
        get throws(Failure) { try OAuthSignature(request, url: ownURL) }
    }

    fileprivate func refuseBorrowedAccess() throws(Failure) {
        guard caller.delegations.isEmpty else {
            throw .forbidden("Cannot manage OAuth access tokens with a token issued via delegation.")
        }
    }
}
