package import Base
import COpenSSL

extension PrivateKey {
    static let sshCurve = "nistp256"

    /// How secure shell names this kind of key.
    var sshKind: String {
        switch kind {
        case .ed25519: "ssh-ed25519"
        case .p256: "ecdsa-sha2-" + Self.sshCurve
        case .rsa: "ssh-rsa"
        }
    }

    /// `-----BEGIN OPENSSH PRIVATE KEY-----`, without a password: what `ssh -i` reads.
    package func openSSH(comment: String = "", chance: any Chance) -> String {
        var file = SSHWire()
        file.raw(Array("openssh-key-v1\0".utf8))
        file.string("none")
        file.string("none")
        file.string("")
        file.word(1)
        file.string(SSHPublicKey(of: self).blob)
        file.string(sshSecret(comment: comment, check: UInt32(truncatingIfNeeded: chance.next())))
        let text = Array(Base64.standard.text(file.bytes).utf8)
        let lines = stride(from: 0, to: text.count, by: 70).map { start in
            String(decoding: text[start..<min(start + 70, text.count)], as: UTF8.self)
        }
        return
            "-----BEGIN OPENSSH PRIVATE KEY-----\n\(lines.joined(separator: "\n"))\n-----END OPENSSH PRIVATE KEY-----\n"
    }

    /// The part that a password would hide; that the check is the same twice would show that the password was right.
    private func sshSecret(comment: String, check: UInt32) -> [UInt8] {
        var wire = SSHWire()
        wire.word(check)
        wire.word(check)
        wire.string(sshKind)
        switch kind {
        case .ed25519:
            let open = octets(OSSL_PKEY_PARAM_PUB_KEY)
            wire.string(open)
            wire.string(octets(OSSL_PKEY_PARAM_PRIV_KEY) + open)
        case .p256:
            wire.string(Self.sshCurve)
            wire.string(octets(OSSL_PKEY_PARAM_PUB_KEY))
            wire.number(number(OSSL_PKEY_PARAM_PRIV_KEY))
        case .rsa:
            let names = [
                OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
                OSSL_PKEY_PARAM_RSA_COEFFICIENT + "1",
                OSSL_PKEY_PARAM_RSA_FACTOR + "1", OSSL_PKEY_PARAM_RSA_FACTOR + "2",
            ]
            for name in names { wire.number(number(name)) }
        }
        wire.string(comment)
        var filling: UInt8 = 1
        while wire.bytes.count % 8 != 0 {
            wire.raw([filling])
            filling += 1
        }
        return wire.bytes
    }
}
