import API
import Base
import Crypto

/// A public key that a user may put into new servers.
struct Keypair: Hashable, Sendable {
    enum Kind: String, Sendable { case ssh, x509 }

    let name: String
    let user: String
    let kind: Kind
    let publicKey: String
    let fingerprint: String
    let created: Moment
}

extension Keypair {
    /// A key that the user brings.
    init(importing publicKey: String, name: String, user: String, kind: Kind, now: Moment) throws(Failure) {
        let fingerprint: String
        do throws(Failure) {
            fingerprint =
                kind == .ssh
                ? try SSHPublicKey(publicKey).fingerprint : try Certificate(pem: publicKey).fingerprint(.sha1)
        } catch {
            throw .invalid("Keypair data is invalid: failed to generate fingerprint")
        }
        self.init(
            name: try Keypair.checked(name), user: user, kind: kind, publicKey: publicKey, fingerprint: fingerprint,
            created: now)
    }

    static func checked(_ name: String) throws(Failure) -> String {
        let isFine = name.unicodeScalars.allSatisfy {
            $0.isASCII
                && ($0.properties.isAlphabetic || $0.properties.numericType != nil
                    || " -_.@".unicodeScalars.contains($0))
        }
        guard isFine, name.trimmed == name else {
            throw .invalid("Keypair data is invalid: Keypair name contains unsafe characters")
        }
        return name
    }

    func write(to json: inout JSONWriter, at version: Microversion) {
        json.put("name", name)
        json.put("public_key", publicKey)
        json.put("fingerprint", fingerprint)
        if version >= "2.2" { json.put("type", kind.rawValue) }
    }
}
