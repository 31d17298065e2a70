import Base
import Crypto

/// A pair of keys as EC2 and S3 have them, the way it stands in a credential.
struct EC2Key: Sendable, Hashable {
    static let type = "ec2"

    let access: String
    let secret: String
    /// What the pair was lent by, when it wasn't made by its user in person.
    let trust: ID<Trust>?
    let applicationCredential: ID<ApplicationCredential>?
}

extension EC2Key {
    init(_ blob: String) throws(Failure) {
        guard let object = (try? JSONReader.read(blob))?.object else { throw .invalid("Invalid blob in credential") }
        guard let access = object.text("access") else { throw .field("credential.blob.access", "is required") }
        self.init(
            access: access, secret: object.text("secret") ?? "", trust: object.id("trust_id"),
            applicationCredential: object.id("app_cred_id"))
    }

    init(_ chance: any Chance) {
        self.init(
            access: UUID(chance).hex, secret: UUID(chance).hex, trust: nil, applicationCredential: nil)
    }

    var blob: String {
        JSON.object(
            JSON.Object([
                JSON.Member(name: "access", value: .string(access)),
                JSON.Member(name: "secret", value: .string(secret)),
                JSON.Member(name: "trust_id", value: trust.map { .string($0.text) } ?? .null),
            ])
        ).text
    }

    /// The credential is found by its access key, without that being written anywhere in the open.
    static func id(of access: String) -> ID<Credential> { ID(Digest.sha256.hex(access)) }

    /// What lends a pair its power stays as it is.
    func allowChange(to other: EC2Key) throws(Failure) {
        guard trust == other.trust else { throw .invalid("trust_id can not be updated for credential") }
        guard applicationCredential == other.applicationCredential else {
            throw .invalid("app_cred_id can not be updated for credential")
        }
    }
}
