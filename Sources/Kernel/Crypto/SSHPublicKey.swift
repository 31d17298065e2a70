package import Base
import COpenSSL

/// A public key of secure shell: `ssh-ed25519 AAAA… comment`.
package struct SSHPublicKey: Sendable, Hashable {
    package let kind: String
    package let comment: String
    /// What the middle word stands for.
    package let blob: [UInt8]

    /// From its text. What is in the blob is checked as far as its form goes.
    package init(_ text: String) throws(Failure) {
        let words = text.split(maxSplits: 2) { $0 == " " || $0 == "\t" || $0.isNewline }
        guard words.count >= 2, let blob = Base64.standard.bytes(String(words[1])) else {
            throw .invalid("A public key is its kind, its data in base 64, and perhaps a comment.")
        }
        kind = String(words[0])
        comment = words.count > 2 ? String(words[2].prefix { !$0.isNewline }) : ""
        self.blob = blob
        guard Self.isSound(blob, kind: kind) else {
            throw .invalid("The public key's data is not that of a \(kind) key.")
        }
    }

    /// The public half of a private key.
    package init(of key: PrivateKey, comment: String = "") {
        var wire = SSHWire()
        kind = key.sshKind
        wire.string(kind)
        switch key.kind {
        case .ed25519: wire.string(key.octets(OSSL_PKEY_PARAM_PUB_KEY))
        case .p256:
            wire.string(PrivateKey.sshCurve)
            wire.string(key.octets(OSSL_PKEY_PARAM_PUB_KEY))
        case .rsa:
            wire.number(key.number(OSSL_PKEY_PARAM_RSA_E))
            wire.number(key.number(OSSL_PKEY_PARAM_RSA_N))
        }
        blob = wire.bytes
        self.comment = comment
    }

    package var text: String { "\(kind) \(Base64.standard.text(blob))" + (comment.isEmpty ? "" : " \(comment)") }

    /// MD5 in pairs of hex digits with colons between, as compute's API has it.
    package var fingerprint: String { Fingerprint.text(Digest.md5.hash(blob)) }

    /// What each kind of key consists of, behind its name.
    private static func isSound(_ blob: [UInt8], kind: String) -> Bool {
        var wire = SSHWireReader(blob)
        guard wire.string().map({ String(decoding: $0, as: UTF8.self) }) == kind else { return false }
        let isWhole =
            switch kind {
            case "ssh-rsa": wire.skipNumber() && wire.skipNumber()
            case "ssh-dss": wire.skipNumber() && wire.skipNumber() && wire.skipNumber() && wire.skipNumber()
            case "ssh-ed25519": wire.string()?.count == 32
            case "sk-ssh-ed25519@openssh.com": wire.string()?.count == 32 && wire.string() != nil
            case "ecdsa-sha2-nistp256": wire.skipPoint("nistp256", 65)
            case "ecdsa-sha2-nistp384": wire.skipPoint("nistp384", 97)
            case "ecdsa-sha2-nistp521": wire.skipPoint("nistp521", 133)
            case "sk-ecdsa-sha2-nistp256@openssh.com": wire.skipPoint("nistp256", 65) && wire.string() != nil
            default: false
            }
        return isWhole && wire.atEnd
    }
}

/// How fingerprints are written.
enum Fingerprint {
    /// `43:c5:5b:5f:b1:f1`
    static func text(_ bytes: [UInt8]) -> String { bytes.map { Hex.text([$0]) }.joined(separator: ":") }
}

/// Secure shell's way to write values (RFC 4251): big-endian, with a length in front of what has one.
struct SSHWire {
    private(set) var bytes: [UInt8] = []

    mutating func word(_ value: UInt32) {
        for shift in stride(from: 24, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift)))
        }
    }

    mutating func raw(_ value: [UInt8]) { bytes += value }

    mutating func string(_ value: [UInt8]) {
        word(UInt32(value.count))
        bytes += value
    }

    mutating func string(_ text: String) { string(Array(text.utf8)) }

    /// A positive number: one whose first bit is set gets a zero in front, or it would be negative.
    mutating func number(_ value: [UInt8]) { string((value.first ?? 0) < 0x80 ? value : [0] + value) }
}

private struct SSHWireReader {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var atEnd: Bool { place == bytes.count }

    mutating func string() -> ArraySlice<UInt8>? {
        guard bytes.count - place >= 4 else { return nil }
        let count = bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count - place - 4 >= count else { return nil }
        place += 4 + count
        return bytes[place - count..<place]
    }

    mutating func skipNumber() -> Bool {
        guard let number = string(), let first = number.first else { return false }
        return first < 0x80
    }

    mutating func skipPoint(_ curve: String, _ length: Int) -> Bool {
        guard let name = string(), String(decoding: name, as: UTF8.self) == curve else { return false }
        guard let point = string() else { return false }
        return point.count == length && point.first == 4
    }
}
