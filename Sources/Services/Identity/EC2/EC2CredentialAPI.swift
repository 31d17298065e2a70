import API
import Base
import HTTP
import Policy
import SQL

extension EC2Key {
    private static let path = "/users/{user_id}/credentials/OS-EC2"

    static let endpoints: [Endpoint<Identity>] = [
        .get(path, "List a user's EC2 credentials", may: .ec2ListCredentials, list),
        Endpoint(
            "POST", path, "Create an EC2 credential", access: .decided(by: [.ec2CreateCredential]),
            body: .json(.object(Fields([.required("tenant_id", .text(1...64))], others: .allowed))), create),
        Endpoint(
            "GET", "\(path)/{credential_id}", "Show an EC2 credential", access: .decided(by: [.ec2GetCredential]), show),
        Endpoint(
            "DELETE", "\(path)/{credential_id}", "Delete an EC2 credential",
            access: .decided(by: [.ec2DeleteCredential]), delete),
    ]
}

extension Rule {
    static let ec2GetCredential = Rule(
        "identity:ec2_get_credential", "Show an EC2 credential",
        "\(May.adminOrSystemReader) or user_id:%(target.credential.user_id)s", for: [.system, .project])
    static let ec2ListCredentials = Rule(
        "identity:ec2_list_credentials", "List a user's EC2 credentials", "\(May.adminOrSystemReader) or rule:owner",
        for: [.system, .project])
    private static let changedBy = "(\(May.admin)) or (role:member and user_id:%(target.credential.user_id)s)"
    static let ec2CreateCredential = Rule(
        "identity:ec2_create_credential", "Create an EC2 credential", changedBy, for: [.system, .project])
    static let ec2DeleteCredential = Rule(
        "identity:ec2_delete_credential", "Delete an EC2 credential", changedBy, for: [.system, .project])
}

// MARK: Handlers

extension EC2Key {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        guard call.scope.covers(["user_id": call["user_id"]]) else { throw .outOfReach }
        try call.refuseDelegated()
        let credentials = try await call.service.database.read { tx in
            try tx.credentials(of: tx.user(call.id("user_id")).id, type: type)
        }
        let keys = call.service.credentialKeys
        let pairs = try credentials.map { credential throws(Failure) in
            (credential, try EC2Key(keys.reveal(credential)))
        }
        return .many(Credential.many, pairs, call) { pair, json in pair.1.write(to: &json, pair.0, call) }
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try call.require(.ec2CreateCredential, of: ["target.credential.user_id": call["user_id"]])
        try call.refuseDelegated()
        let service = call.service
        let pair = EC2Key(service.world.chance)
        let sealed = service.credentialKeys.seal(pair.blob, now: service.world.now)
        let credential = try await service.database.write { tx in
            let credential = Credential(
                id: id(of: pair.access), user: try tx.user(call.id("user_id")).id,
                project: try tx.project(ID(call.body["tenant_id"]?.string ?? "")).id, type: type, sealed: sealed,
                extra: Extra())
            try tx.insert(credential)
            return credential
        }
        return .one(pair, credential, call, status: 201)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let credential = try await find(call, may: .ec2GetCredential)
        return .one(try EC2Key(call.service.credentialKeys.reveal(credential)), credential, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let credential = try await find(call, may: .ec2DeleteCredential)
        try await call.service.database.write { try $0.deleteCredential(credential.id) }
        return .noContent
    }

    /// By its access key. One that isn't there is 404 to everybody.
    private static func find(_ call: Call<Identity>, may rule: Rule) async throws(Failure) -> Credential {
        let id = id(of: call["credential_id"])
        let found = try await call.service.database.read { try $0.credential(id) }
        guard let found, found.type == type else { throw .notFound(Credential.one, call["credential_id"]) }
        try call.require(rule, of: ["target.credential.user_id": found.user.text])
        try call.refuseDelegated()
        return found
    }

    fileprivate func write(to json: inout JSONWriter, _ credential: Credential, _ call: Call<Identity>) {
        json.put("user_id", credential.user)
        json.put("tenant_id", credential.project)
        json.put("access", access)
        json.put("secret", secret)
        json.put("trust_id", trust)
        json.object("links") {
            $0.put("self", call.link("/v3/users/\(credential.user)/credentials/OS-EC2/\(access)"))
        }
    }
}

extension Reply {
    fileprivate static func one(
        _ pair: EC2Key, _ credential: Credential, _ call: Call<Identity>, status: Int = 200
    ) -> Reply {
        .json(status) { json in json.object(Credential.one) { pair.write(to: &$0, credential, call) } }
    }
}
