package import Base
import COpenSSL

/// AES-256 in GCM: hides and proves. A sealed text is the nonce (12 bytes), what is hidden, and the tag (16 bytes).
///
/// Nonces are drawn by chance, so one key is good for some four thousand million texts.
package struct AESGCM: Sendable {
    private static let nonceLength = 12
    private static let tagLength = 16
    private static let algorithm = Algorithm.cipher("AES-256-GCM")

    private let key: [UInt8]

    package init(key: [UInt8]) throws(Failure) {
        guard key.count == 32 else { throw .invalid("An AES-256 key has 32 bytes, not \(key.count).") }
        self.key = key
    }

    /// `context` isn't hidden, but must be the same when the text is opened: say there whose text it is.
    package func seal(_ bytes: [UInt8], context: [UInt8] = [], chance: any Chance) -> [UInt8] {
        let nonce = chance.bytes(Self.nonceLength)
        let cipher: OpaquePointer = must(EVP_CIPHER_CTX_new())
        defer { EVP_CIPHER_CTX_free(cipher) }
        must(EVP_EncryptInit_ex2(cipher, Self.algorithm.pointer, key, nonce, nil))
        var written: Int32 = 0
        if !context.isEmpty { must(EVP_EncryptUpdate(cipher, nil, &written, context, Int32(context.count))) }
        let hidden = [UInt8](count: bytes.count + Self.tagLength) { output in
            must(EVP_EncryptUpdate(cipher, output, &written, bytes, Int32(bytes.count)))
            must(EVP_EncryptFinal_ex(cipher, output + bytes.count, &written))
            let tag = output + bytes.count
            must(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), tag))
        }
        return nonce + hidden
    }

    /// Nil when it wasn't sealed with this key and context, or was changed since.
    package func open(_ sealed: [UInt8], context: [UInt8] = []) -> [UInt8]? {
        let length = sealed.count - Self.nonceLength - Self.tagLength
        guard length >= 0 else { return nil }
        let hidden = Array(sealed[Self.nonceLength..<Self.nonceLength + length])
        var tag = Array(sealed.suffix(Self.tagLength))
        let cipher: OpaquePointer = must(EVP_CIPHER_CTX_new())
        defer { EVP_CIPHER_CTX_free(cipher) }
        must(EVP_DecryptInit_ex2(cipher, Self.algorithm.pointer, key, sealed, nil))
        var written: Int32 = 0
        if !context.isEmpty { must(EVP_DecryptUpdate(cipher, nil, &written, context, Int32(context.count))) }
        var sound = false
        let room = length + Self.tagLength
        var plain = [UInt8](count: room) { output in
            output.initialize(repeating: 0, count: room)
            must(EVP_DecryptUpdate(cipher, output, &written, hidden, Int32(length)))
            must(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagLength), &tag))
            sound = EVP_DecryptFinal_ex(cipher, output + length, &written) == 1
        }
        guard sound else {
            ERR_clear_error()
            return nil
        }
        plain.removeLast(Self.tagLength)
        return plain
    }
}
