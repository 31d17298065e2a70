import Base
import COpenSSL

/// A hash function. MD5 and SHA-1 are here for the checksums and signatures that APIs still ask for.
package enum Digest: String, Sendable, CaseIterable {
    case md5, sha1, sha256, sha512

    package var length: Int {
        switch self {
        case .md5: 16
        case .sha1: 20
        case .sha256: 32
        case .sha512: 64
        }
    }

    package func hash(_ bytes: RawSpan) -> [UInt8] {
        bytes.withUnsafeBytes { bytes in
            [UInt8](count: length) {
                must(EVP_Digest(bytes.baseAddress, bytes.count, $0, nil, algorithm.pointer, nil))
            }
        }
    }

    package func hash(_ bytes: [UInt8]) -> [UInt8] { hash(bytes.span.bytes) }
    package func hash(_ text: String) -> [UInt8] { hash(Array(text.utf8)) }

    /// In hex digits, as checksums and ETags are written.
    package func hex(_ bytes: [UInt8]) -> String { Hex.text(hash(bytes)) }
    package func hex(_ text: String) -> String { Hex.text(hash(text)) }

    /// The name by which OpenSSL's message authentication finds it.
    var name: String {
        switch self {
        case .md5: "MD5"
        case .sha1: "SHA1"
        case .sha256: "SHA2-256"
        case .sha512: "SHA2-512"
        }
    }

    var algorithm: Algorithm {
        switch self {
        case .md5: Self.fetchedMD5
        case .sha1: Self.fetchedSHA1
        case .sha256: Self.fetchedSHA256
        case .sha512: Self.fetchedSHA512
        }
    }

    private static let fetchedMD5 = Algorithm.digest("MD5")
    private static let fetchedSHA1 = Algorithm.digest("SHA1")
    private static let fetchedSHA256 = Algorithm.digest("SHA2-256")
    private static let fetchedSHA512 = Algorithm.digest("SHA2-512")
}

/// A digest of what passes by, for bodies too large to hold.
///
/// `@unchecked Sendable`: it cannot be copied, so only one task has it at a time.
package struct RunningDigest: ~Copyable, @unchecked Sendable {
    package let digest: Digest
    private let context: OpaquePointer

    package init(_ digest: Digest) {
        self.digest = digest
        context = must(EVP_MD_CTX_new())
        must(EVP_DigestInit_ex2(context, digest.algorithm.pointer, nil))
    }

    deinit { EVP_MD_CTX_free(context) }

    package mutating func update(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { must(EVP_DigestUpdate(context, $0.baseAddress, $0.count)) }
    }

    package mutating func update(_ bytes: [UInt8]) { update(bytes.span.bytes) }

    package consuming func finish() -> [UInt8] {
        [UInt8](count: digest.length) { must(EVP_DigestFinal_ex(context, $0, nil)) }
    }
}
