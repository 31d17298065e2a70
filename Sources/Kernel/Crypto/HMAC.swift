import COpenSSL

/// A message authentication code under one key. Keep it as long as the key: a kept one costs half of a new one.
package struct HMAC: Sendable {
    package let digest: Digest
    private let contexts: Contexts

    package init(_ digest: Digest, key: [UInt8]) {
        self.digest = digest
        // A key is filled up with zeros to the digest's block, so none is the same as one zero; OpenSSL wants a byte.
        let key = key.isEmpty ? [0] : key
        contexts = Contexts(make: { Self.keyed(digest, key) }, free: { EVP_MAC_CTX_free($0) })
    }

    package init(_ digest: Digest, key: String) { self.init(digest, key: Array(key.utf8)) }

    package func code(_ message: [UInt8]) -> [UInt8] {
        message.withUnsafeBytes { message in [UInt8](count: digest.length) { write(message, to: $0) } }
    }

    package func code(_ message: String) -> [UInt8] { code(Array(message.utf8)) }

    package func verifies(_ code: [UInt8], of message: [UInt8]) -> Bool { constantTimeEqual(code, self.code(message)) }

    /// Writes the code of a message; there must be room for `digest.length` bytes.
    func write(_ message: UnsafeRawBufferPointer, to output: UnsafeMutablePointer<UInt8>) {
        contexts.use { context in
            must(EVP_MAC_init(context, nil, 0, nil))
            must(EVP_MAC_update(context, message.baseAddress, message.count))
            must(EVP_MAC_final(context, output, nil, digest.length))
        }
    }

    private static let algorithm = Algorithm.mac("HMAC")

    private static func keyed(_ digest: Digest, _ key: [UInt8]) -> OpaquePointer {
        let context: OpaquePointer = must(EVP_MAC_CTX_new(algorithm.pointer))
        var name = Array(digest.name.utf8CString)
        name.withUnsafeMutableBufferPointer { name in
            let parameters = [
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.baseAddress, 0),
                OSSL_PARAM_construct_end(),
            ]
            must(EVP_MAC_init(context, key, key.count, parameters))
        }
        return context
    }
}
