import Base
import Crypto
import SQL

/// Something secret that belongs to a user: keys for EC2, the seed of one-time passwords, whatever a client calls one.
struct Credential: Resource, Hashable {
    static let one = "credential"
    static let many = "credentials"

    let id: ID<Credential>
    let user: ID<User>
    let project: ID<Project>?
    let type: String
    /// The secret as it is kept: sealed, so that a stolen database is of no use.
    var sealed: Sealed
    var extra: Extra
}

extension Credential {
    static let known: Set<String> = ["id", "user_id", "project_id", "type", "blob"]

    init(_ body: JSON.Object, _ keys: CredentialSeal, now: Moment) throws(Failure) {
        let (type, blob) = (try body.required("type"), try body.required("blob"))
        var id: ID<Credential> = .hex(keys.chance)
        if type.lowercased() == EC2Key.type {
            guard body.text("project_id") != nil else {
                throw .field("credential.project_id", "is required for credentials of the type ec2")
            }
            id = EC2Key.id(of: try EC2Key(blob).access)
        }
        self.init(
            id: id, user: ID(try body.required("user_id")), project: body.id("project_id"), type: type,
            sealed: keys.seal(blob, now: now), extra: Extra(of: body, except: Credential.known))
    }

    func attribute(_ name: String) -> String? { name == "target.credential.user_id" ? user.text : nil }

    /// Without the secret; who may see that, says so.
    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("user_id", user)
        json.put("project_id", project)
        json.put("type", type)
        extra.write(to: &json)
    }
}

/// A secret as it is kept. What may be shown is made of it by whoever has the keys.
struct Sealed: Hashable, Sendable, SQL.Bindable {
    let text: String

    var bound: SQL.Value { .text(text) }
}

extension Row {
    func sealed(_ column: StaticString) throws(Failure) -> Sealed { Sealed(text: try text(column)) }
}

/// Seals secrets for the store and opens them again.
struct CredentialSeal: Sendable {
    let keys: any TokenKeys
    let chance: any Chance

    func seal(_ secret: String, now: Moment) -> Sealed {
        Sealed(text: keys.keys.seal(Array(secret.utf8), at: now, chance: chance))
    }

    /// Nil when none of the keys sealed it.
    func open(_ sealed: Sealed) -> String? {
        keys.keys.open(sealed.text).map { String(decoding: $0.payload, as: UTF8.self) }
    }

    func open(_ credential: Credential) -> String? { open(credential.sealed) }

    func reveal(_ sealed: Sealed) throws(Failure) -> String {
        guard let secret = open(sealed) else { throw .bug("A secret was sealed with a key that is not here.") }
        return secret
    }

    func reveal(_ credential: Credential) throws(Failure) -> String { try reveal(credential.sealed) }
}
