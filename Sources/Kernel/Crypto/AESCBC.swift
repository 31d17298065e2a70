package import Base
import COpenSSL

/// AES-128 in CBC mode with PKCS#7 padding. It hides but doesn't prove: authenticate what you open first.
package struct AESCBC: Sendable {
    package static let blockSize = 16

    private static let algorithm = Algorithm.cipher("AES-128-CBC")
    private let sealing: Contexts
    private let opening: Contexts

    package init(key: [UInt8]) throws(Failure) {
        guard key.count == 16 else { throw .invalid("An AES-128 key has 16 bytes, not \(key.count).") }
        sealing = Contexts(make: { Self.keyed(key, encrypt: 1) }, free: { EVP_CIPHER_CTX_free($0) })
        opening = Contexts(make: { Self.keyed(key, encrypt: 0) }, free: { EVP_CIPHER_CTX_free($0) })
    }

    package func seal(_ bytes: [UInt8], iv: [UInt8]) throws(Failure) -> [UInt8] {
        guard iv.count == Self.blockSize else {
            throw .invalid("An initialisation vector has 16 bytes, not \(iv.count).")
        }
        return [UInt8](count: Self.sealedLength(bytes.count)) { seal(bytes, iv: iv, to: $0) }
    }

    /// Nil when the padding is wrong.
    package func open(_ bytes: [UInt8], iv: [UInt8]) throws(Failure) -> [UInt8]? {
        guard iv.count == Self.blockSize else {
            throw .invalid("An initialisation vector has 16 bytes, not \(iv.count).")
        }
        return bytes.withUnsafeBufferPointer { bytes in
            iv.withUnsafeBufferPointer { iv in open(bytes, iv: iv) }
        }
    }

    /// Padding always adds something, so a whole number of blocks grows by one.
    static func sealedLength(_ count: Int) -> Int { (count / blockSize + 1) * blockSize }

    /// Writes `sealedLength` bytes; the vector must have 16.
    func seal(_ bytes: [UInt8], iv: [UInt8], to output: UnsafeMutablePointer<UInt8>) {
        sealing.use { context in
            var written: Int32 = 0
            var last: Int32 = 0
            must(EVP_EncryptInit_ex2(context, nil, nil, iv, nil))
            must(EVP_EncryptUpdate(context, output, &written, bytes, Int32(bytes.count)))
            must(EVP_EncryptFinal_ex(context, output + Int(written), &last))
        }
    }

    /// The vector must have 16 bytes.
    func open(_ bytes: UnsafeBufferPointer<UInt8>, iv: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard !bytes.isEmpty, bytes.count % Self.blockSize == 0 else { return nil }
        return opening.use { context in
            var sound = false
            let plain = [UInt8](unsafeUninitializedCapacity: bytes.count + Self.blockSize) { plain, filled in
                guard let start = plain.baseAddress else { return }
                var written: Int32 = 0
                var last: Int32 = 0
                must(EVP_DecryptInit_ex2(context, nil, nil, iv.baseAddress, nil))
                must(EVP_DecryptUpdate(context, start, &written, bytes.baseAddress, Int32(bytes.count)))
                sound = EVP_DecryptFinal_ex(context, start + Int(written), &last) == 1
                filled = sound ? Int(written + last) : 0
            }
            if !sound { ERR_clear_error() }
            return sound ? plain : nil
        }
    }

    private static func keyed(_ key: [UInt8], encrypt: Int32) -> OpaquePointer {
        let context: OpaquePointer = must(EVP_CIPHER_CTX_new())
        must(EVP_CipherInit_ex2(context, algorithm.pointer, key, nil, encrypt, nil))
        return context
    }
}
