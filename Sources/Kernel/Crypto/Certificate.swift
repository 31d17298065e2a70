package import Base
import COpenSSL
import Glibc

/// An X.509 certificate.
package final class Certificate: Sendable {
    /// `@unchecked Sendable`: a certificate is never changed once it is signed, and OpenSSL counts users atomically.
    struct Handle: @unchecked Sendable { let pointer: OpaquePointer }

    let handle: Handle

    /// Takes the pointer over.
    init(_ pointer: OpaquePointer) { handle = Handle(pointer: pointer) }

    deinit { X509_free(handle.pointer) }

    package convenience init(pem: String) throws(Failure) {
        guard let pointer = Memory.read(pem, { PEM_read_bio_X509($0, nil, nil, nil) }) else {
            throw .invalid("The certificate is no PEM.")
        }
        self.init(pointer)
    }

    /// `-----BEGIN CERTIFICATE-----`
    package var pem: String { Memory.write { must(PEM_write_bio_X509($0, handle.pointer)) } }

    /// In pairs of hex digits with colons between. Compute's API has it by SHA-1.
    package func fingerprint(_ digest: Digest) -> String {
        let bytes = [UInt8](count: digest.length) {
            must(X509_digest(handle.pointer, digest.algorithm.pointer, $0, nil))
        }
        return Fingerprint.text(bytes)
    }

    package var notBefore: Moment { Self.moment(X509_get0_notBefore(handle.pointer)) }
    package var notAfter: Moment { Self.moment(X509_get0_notAfter(handle.pointer)) }

    /// Whether the holder of that certificate signed this one.
    package func isSigned(by issuer: Certificate) -> Bool {
        defer { ERR_clear_error() }
        return X509_verify(handle.pointer, X509_get0_pubkey(issuer.handle.pointer)) == 1
    }

    /// Whether it is good for a host, by name or address.
    package func isGood(forHost host: String) -> Bool {
        defer { ERR_clear_error() }
        if IPAddress(host) != nil { return X509_check_ip_asc(handle.pointer, host, 0) == 1 }
        return X509_check_host(handle.pointer, host, host.utf8.count, 0, nil) == 1
    }

    /// Whether a private key is the one that it speaks of.
    package func belongs(to key: PrivateKey) -> Bool {
        defer { ERR_clear_error() }
        return X509_check_private_key(handle.pointer, key.handle.pointer) == 1
    }

    private static func moment(_ time: UnsafePointer<ASN1_TIME>?) -> Moment {
        var parts = tm()
        must(ASN1_TIME_to_tm(time, &parts))
        return Moment(seconds: Int64(timegm(&parts)))
    }
}
