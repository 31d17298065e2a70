import API
import Base
import Crypto
import HTTP
import IO
import Policy
import SQL

extension Keypair {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint(
            "GET", "/os-keypairs", "List keypairs", access: .decided(by: [.listKeypairs]), query: parameters, list),
        Endpoint(
            "POST", "/os-keypairs", "Create or import a keypair", access: .decided(by: [.createKeypair]),
            body: .json(shape), create),
        Endpoint(
            "GET", "/os-keypairs/{name}", "Show a keypair", access: .decided(by: [.showKeypair]), query: parameters,
            show),
        Endpoint(
            "DELETE", "/os-keypairs/{name}", "Delete a keypair", access: .decided(by: [.deleteKeypair]),
            query: parameters, delete),
    ]

    private static let parameters: [Parameter] = [
        Parameter("user_id", since: "2.10"), Parameter("limit", .looseInteger(0...Int64(Int32.max)), since: "2.35"),
        Parameter("marker", since: "2.35"),
    ]
    private static let shape: Shape = .wrapped(
        "keypair",
        [
            .required("name", .name), .optional("public_key", .text),
            .optional("type", .choice(["ssh", "x509"]), since: "2.2"),
            .optional("user_id", .text(1...255), since: "2.10"),
        ])
}

extension Rule {
    static let listKeypairs = Rule("os_compute_api:os-keypairs:index", "List keypairs", May.ownUser)
    static let createKeypair = Rule("os_compute_api:os-keypairs:create", "Create or import a keypair", May.ownUser)
    static let showKeypair = Rule("os_compute_api:os-keypairs:show", "Show a keypair", May.ownUser)
    static let deleteKeypair = Rule("os_compute_api:os-keypairs:delete", "Delete a keypair", May.ownUser)
}

// MARK: Handlers

extension Keypair {
    static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let user = try user(call, call.query["user_id"], may: .listKeypairs)
        let limit = call.version >= "2.35" ? try call.limit() : Compute.greatestPage
        let marker = call.version >= "2.35" ? call.query["marker"] : nil
        let page = try await call.service.database.read { try $0.keypairs(of: user, limit: limit, marker: marker) }
        return .json { json in
            json.array("keypairs", of: page.things) { keypair, json in
                json.object { $0.object("keypair") { keypair.write(to: &$0, at: call.version) } }
            }
            if call.version >= "2.35" { call.writeNext("keypairs", page.next, at: "/os-keypairs", to: &json) }
        }
    }

    static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let user = try user(call, call.query["user_id"], may: .showKeypair)
        let (keypair, number) = try await call.service.database.read { tx in
            (try tx.keypair(call["name"], of: user), try tx.keypairNumber(call["name"], of: user))
        }
        return .json { json in
            json.object("keypair") {
                keypair.write(to: &$0, at: call.version)
                $0.put("user_id", keypair.user)
                $0.put("created_at", keypair.created, as: .bare)
                $0.put("deleted", false)
                $0.putNull("deleted_at")
                $0.put("id", number)
                $0.putNull("updated_at")
            }
        }
    }

    static func create(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let body = try call.fields("keypair")
        let user = try user(call, body.text("user_id"), may: .createKeypair)
        let (name, now) = (try body.required("name").trimmed, call.service.world.now)
        let kind = Kind(rawValue: body.text("type") ?? "ssh") ?? .ssh
        var privateKey: String?
        let publicKey: String
        if let given = body.text("public_key") {
            publicKey = given
        } else {
            guard call.version < "2.92" else { throw .field("keypair.public_key", "is required") }
            let chance = call.service.world.chance
            (privateKey, publicKey) = try await call.service.keys.run { () throws(Failure) in
                try fresh(kind, for: user, now, chance)
            }
        }
        let keypair = try Keypair(importing: publicKey, name: name, user: user, kind: kind, now: now)
        let (project, settings) = (call.caller.projectID ?? "", call.service.settings)
        try await call.service.database.write { tx in
            let quota = try tx.limits(of: project, user: user, settings)["key_pairs"]
            try tx.insert(keypair, quota: quota)
        }
        return .json(call.version >= "2.2" ? 201 : 200) { json in
            json.object("keypair") {
                keypair.write(to: &$0, at: call.version)
                $0.put("user_id", keypair.user)
                if let privateKey { $0.put("private_key", privateKey) }
            }
        }
    }

    /// A private key that only the user gets, and what it is known by: a public key, or a certificate of itself.
    private static func fresh(
        _ kind: Kind, for user: String, _ now: Moment, _ chance: any Chance
    ) throws(Failure) -> (privateKey: String?, publicKey: String) {
        let key = try PrivateKey.make(.rsa(bits: 2_048))
        guard kind == .x509 else { return (key.traditionalPEM, SSHPublicKey(of: key, comment: "Generated").text) }
        let draft = CertificateDraft(
            commonName: String(user.prefix(64)), uses: [.client], notBefore: now, notAfter: now + tenYears)
        return (key.traditionalPEM, try draft.selfSigned(by: key, chance: chance).pem)
    }

    private static let tenYears: Duration = .seconds(3_650 * 86_400)

    static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let user = try user(call, call.query["user_id"], may: .deleteKeypair)
        try await call.service.database.write { try $0.deleteKeypair(call["name"], of: user) }
        return call.version >= "2.2" ? .noContent : Reply(202)
    }

    /// Whose keypairs are meant: the caller's own, or since 2.10 those of a user that an administrator names.
    private static func user(_ call: Call<Compute>, _ asked: String?, may rule: Rule) throws(Failure) -> String {
        let user = call.version >= "2.10" ? asked ?? call.caller.user.id : call.caller.user.id
        try call.require(rule, of: ["user_id": user])
        return user
    }
}
