import API
import Base
import HTTP
import Policy
import SQL

extension Credential {
    static let endpoints: [Endpoint<Identity>] = [
        .get(
            "/credentials", "List credentials", may: .listCredentials,
            query: [Parameter("user_id"), Parameter("type")] + paging, list),
        Endpoint(
            "POST", "/credentials", "Create a credential", access: .decided(by: [.createCredential]),
            body: .json(
                .wrapped(
                    "credential",
                    [
                        .required("blob", .text), .required("type", .text(1...255)),
                        .required("user_id", .text(1...64)),
                        .optional("project_id", .nullable(.text(1...64))),
                    ], others: .allowed)), create),
        .get("/credentials/{credential_id}", "Show a credential", may: .getCredential, show),
        .patch(
            "/credentials/{credential_id}", "Change a credential's secret", may: .updateCredential,
            takes: .wrapped("credential", [.required("blob", .text)]), update),
        .delete("/credentials/{credential_id}", "Delete a credential", may: .deleteCredential, delete),
    ]
}

extension Rule {
    private static let seenBy = "\(May.adminOrSystemReader) or user_id:%(target.credential.user_id)s"
    private static let changedBy = "(\(May.admin)) or user_id:%(target.credential.user_id)s"

    static let getCredential = Rule("identity:get_credential", "Show a credential", seenBy)
    static let listCredentials = Rule("identity:list_credentials", "List credentials", seenBy)
    static let createCredential = Rule("identity:create_credential", "Create a credential", changedBy)
    static let updateCredential = Rule("identity:update_credential", "Change a credential", changedBy)
    static let deleteCredential = Rule("identity:delete_credential", "Delete a credential", changedBy)
}

// MARK: Handlers

extension Credential {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        // Whoever acts by what was lent to them sees none, rather than an error.
        guard call.caller.delegations.isEmpty else { return .many([Credential](), call) }
        let page = try await call.service.database.read { try $0.credentials(call.listing, in: call.scope) }
        let keys = call.service.credentialKeys
        let revealed = try page.things.map { credential throws(Failure) in (credential, try keys.reveal(credential)) }
        return .many(many, revealed, call, next: page.next) { pair, json in
            pair.0.write(to: &json, with: call)
            json.put("blob", pair.1)
        }
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let credential = try await call.service.database.read {
            try $0.credential(call.id("credential_id"), in: call.scope)
        }
        try call.refuseDelegated()
        return try .revealed(credential, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields(one)
        try call.require(.createCredential, of: ["target.credential.user_id": try body.required("user_id")])
        try call.refuseDelegated()
        let credential = try Credential(body, call.service.credentialKeys, now: call.service.world.now)
        try await call.service.database.write { try $0.insert(credential) }
        return try .revealed(credential, call, status: 201)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try call.refuseDelegated()
        let blob = try call.fields(one).required("blob")
        let service = call.service
        let credential = try await service.database.write { tx in
            var credential = try tx.credential(call.id("credential_id"), in: call.scope)
            if credential.type.lowercased() == EC2Key.type {
                let old = try EC2Key(service.credentialKeys.reveal(credential))
                try old.allowChange(to: try EC2Key(blob))
            }
            credential.sealed = service.credentialKeys.seal(blob, now: service.world.now)
            try tx.update(credential)
            return credential
        }
        return try .revealed(credential, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try call.refuseDelegated()
        try await call.service.database.write { tx in
            try tx.deleteCredential(try tx.credential(call.id("credential_id"), in: call.scope).id)
        }
        return .noContent
    }
}

extension Reply {
    fileprivate static func revealed(
        _ credential: Credential, _ call: Call<Identity>, status: Int = 200
    ) throws(Failure) -> Reply {
        let blob = try call.service.credentialKeys.reveal(credential)
        return .json(status) { json in
            json.object(Credential.one) {
                credential.write(to: &$0, with: call)
                $0.put("blob", blob)
            }
        }
    }
}

extension Call<Identity> {
    /// Secrets are for their owner, not for those whom the owner lent some power.
    func refuseDelegated() throws(Failure) {
        guard caller.delegations.isEmpty else {
            throw .forbidden(
                "You are not authorized to perform the requested action: Delegated tokens cannot access credentials directly."
            )
        }
    }
}
