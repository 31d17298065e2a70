package import Base
import COpenSSL

/// A private key to sign with: for TLS, for certificates, for secure shell.
///
/// Keys are made of OpenSSL's own randomness, so a simulation that makes one cannot be repeated bit by bit.
package final class PrivateKey: Sendable {
    package enum Kind: Sendable, Hashable {
        case ed25519
        /// ECDSA on NIST's curve of 256 bits: what every TLS client takes.
        case p256
        case rsa(bits: Int)
    }

    /// `@unchecked Sendable`: a key is never changed once it is made, and OpenSSL counts its users atomically.
    struct Handle: @unchecked Sendable { let pointer: OpaquePointer }

    package let kind: Kind
    let handle: Handle

    private init(_ pointer: OpaquePointer, _ kind: Kind) {
        handle = Handle(pointer: pointer)
        self.kind = kind
    }

    deinit { EVP_PKEY_free(handle.pointer) }

    /// Blocks: RSA takes some tenths of a second.
    package static func make(_ kind: Kind) throws(Failure) -> PrivateKey {
        let name =
            switch kind {
            case .ed25519: "ED25519"
            case .p256: "EC"
            case .rsa: "RSA"
            }
        let context: OpaquePointer = must(EVP_PKEY_CTX_new_from_name(nil, name, nil))
        defer { EVP_PKEY_CTX_free(context) }
        must(EVP_PKEY_keygen_init(context))
        switch kind {
        case .ed25519: break
        case .p256: must(EVP_PKEY_CTX_set_group_name(context, "P-256"))
        case .rsa(let bits):
            guard (2_048...8_192).contains(bits) else {
                throw .invalid("An RSA key has 2048 to 8192 bits, not \(bits).")
            }
            must(EVP_PKEY_CTX_set_rsa_keygen_bits(context, Int32(bits)))
        }
        var key: OpaquePointer?
        must(EVP_PKEY_generate(context, &key))
        return PrivateKey(must(key), kind)
    }

    /// From PEM, in any form that OpenSSL reads without a password.
    package init(pem: String) throws(Failure) {
        // With the callback left out, OpenSSL would ask the terminal for a password.
        let pointer = Memory.read(pem) { PEM_read_bio_PrivateKey($0, nil, { _, _, _, _ in -1 }, nil) }
        guard let pointer else { throw .invalid("The private key is no PEM, or has a password.") }
        if EVP_PKEY_is_a(pointer, "ED25519") == 1 {
            kind = .ed25519
        } else if EVP_PKEY_is_a(pointer, "RSA") == 1 {
            kind = .rsa(bits: Int(EVP_PKEY_get_bits(pointer)))
        } else if EVP_PKEY_is_a(pointer, "EC") == 1, Self.group(pointer) == "prime256v1" {
            kind = .p256
        } else {
            EVP_PKEY_free(pointer)
            throw .invalid("The private key is neither Ed25519 nor ECDSA on P-256 nor RSA.")
        }
        handle = Handle(pointer: pointer)
    }

    /// `-----BEGIN PRIVATE KEY-----`
    package var pem: String {
        Memory.write { must(PEM_write_bio_PrivateKey($0, handle.pointer, nil, nil, 0, nil, nil)) }
    }

    /// `-----BEGIN RSA PRIVATE KEY-----` and its kin: the older form, which some programs still want.
    package var traditionalPEM: String {
        Memory.write { must(PEM_write_bio_PrivateKey_traditional($0, handle.pointer, nil, nil, 0, nil, nil)) }
    }

    /// The hash to sign with: Ed25519 has its own.
    var signingDigest: OpaquePointer? { kind == .ed25519 ? nil : Digest.sha256.algorithm.pointer }

    /// A number of the key by OpenSSL's name for it, without zeros in front.
    func number(_ name: String) -> [UInt8] {
        var number: OpaquePointer?
        must(EVP_PKEY_get_bn_param(handle.pointer, name, &number))
        defer { BN_clear_free(number) }
        return [UInt8](count: Int(BN_num_bits(number) + 7) / 8) { BN_bn2bin(number, $0) }
    }

    /// Bytes of the key by OpenSSL's name for them.
    func octets(_ name: String) -> [UInt8] {
        var count = 0
        must(EVP_PKEY_get_octet_string_param(handle.pointer, name, nil, 0, &count))
        return [UInt8](count: count) {
            must(EVP_PKEY_get_octet_string_param(handle.pointer, name, $0, count, nil))
        }
    }

    private static func group(_ key: OpaquePointer) -> String {
        var name = [CChar](repeating: 0, count: 64)
        guard EVP_PKEY_get_group_name(key, &name, name.count, nil) == 1 else { return "" }
        return name.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }
}

/// OpenSSL's files in memory, through which it reads and writes PEM.
enum Memory {
    static func write(_ body: (OpaquePointer) -> Void) -> String {
        let file: OpaquePointer = must(BIO_new(BIO_s_mem()))
        defer { BIO_free(file) }
        body(file)
        let count = BIO_ctrl_pending(file)
        let bytes = [UInt8](count: count) { _ = BIO_read(file, $0, Int32(count)) }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func read(_ text: String, _ body: (OpaquePointer) -> OpaquePointer?) -> OpaquePointer? {
        let bytes = Array(text.utf8)
        let file: OpaquePointer = must(BIO_new_mem_buf(bytes, Int32(bytes.count)))
        defer { BIO_free(file) }
        let result = body(file)
        if result == nil { ERR_clear_error() }
        return result
    }
}
