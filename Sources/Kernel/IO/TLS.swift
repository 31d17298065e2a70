package import Base
import COpenSSLTLS
import Glibc
import Synchronization

/// Who a TLS server is. Its certificate can be renewed while it runs.
///
///     let identity = try TLSIdentity(certificates: "/etc/martlet/tls.crt", key: "/etc/martlet/tls.key")
///     try identity.reload()        // new connections show the new certificate, those that are open go on
package final class TLSIdentity: Sendable {
    private let certificates: String
    private let key: String
    private let context: Mutex<TLSContext>

    /// - Parameter certificates: a PEM file with the server's certificate first, then those that lead to its authority.
    package init(certificates: String, key: String) throws(Failure) {
        self.certificates = certificates
        self.key = key
        context = Mutex(try TLSContext(certificates: certificates, key: key))
    }

    /// Reads the files again; if they are no good, the old certificate stays and the problem is thrown.
    package func reload() throws(Failure) {
        let new = try TLSContext(certificates: certificates, key: key)
        context.withLock { $0 = new }
    }

    var current: TLSContext { context.withLock { $0 } }
}

/// Whom a TLS client trusts. There is no way to trust everybody.
package final class TLSTrust: Sendable {
    let context: TLSContext

    /// - Parameters:
    ///   - authorities: a PEM file; the system's if not given.
    ///   - certificates: what the client shows of itself, if it has to, with its key.
    package init(authorities: String? = nil, certificates: String? = nil, key: String? = nil) throws(Failure) {
        context = try TLSContext(authorities: authorities)
        if let certificates, let key { try context.use(certificates: certificates, key: key) }
    }
}

/// OpenSSL's context: counted by OpenSSL itself and not changed once it is set up, so it may be used on any thread.
final class TLSContext: @unchecked Sendable {
    fileprivate let raw: OpaquePointer

    init(certificates: String, key: String) throws(Failure) {
        guard let raw = tls_server_context(certificates, key) else {
            throw TLSContext.unreadable("\(certificates) or \(key)")
        }
        self.raw = raw
    }

    init(authorities: String?) throws(Failure) {
        guard let raw = tls_client_context(authorities) else {
            throw TLSContext.unreadable(authorities ?? "the system's authorities")
        }
        self.raw = raw
    }

    deinit { tls_free_context(raw) }

    func use(certificates: String, key: String) throws(Failure) {
        guard tls_use_certificate(raw, certificates, key) == 1 else {
            throw TLSContext.unreadable("\(certificates) or \(key)")
        }
    }

    private static func unreadable(_ what: String) -> Failure {
        .invalid("Cannot use \(what) for TLS: \(TLSSession.lastError).")
    }
}

/// One connection's TLS: what goes in and comes out on either side, without a socket. Confined to the socket's owner.
final class TLSSession {
    enum Step { case done, needsMore }

    private let raw: OpaquePointer

    init(accepting identity: TLSIdentity) throws(Failure) {
        guard let raw = tls_accept_session(identity.current.raw) else {
            throw .unavailable("No TLS session: \(TLSSession.lastError).")
        }
        self.raw = raw
    }

    /// - Parameter name: the host's, or its numeric address: the certificate has to be for it.
    init(connectingTo name: String, trusting trust: TLSTrust) throws(Failure) {
        let isAddress = TLSSession.isAddress(name)
        guard let raw = tls_connect_session(trust.context.raw, name, isAddress ? 1 : 0) else {
            throw .unavailable("No TLS session: \(TLSSession.lastError).")
        }
        self.raw = raw
    }

    deinit { tls_free_session(raw) }

    func handshake() throws(Failure) -> Step {
        switch tls_handshake(raw) {
        case 1: return .done
        case Int32(tls_more): return .needsMore
        default: throw .unavailable("The TLS handshake failed: \(TLSSession.lastError).")
        }
    }

    /// How many bytes; nil: more bytes of the other end are needed; 0: the end.
    func decrypt(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int? {
        var filled = 0
        while filled < buffer.count {
            let count = tls_read(raw, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
            if count > 0 {
                filled += count
            } else if filled > 0 {
                break
            } else if count == 0 {
                return 0
            } else if count == tls_more {
                return nil
            } else {
                throw .unavailable("The TLS connection is broken: \(TLSSession.lastError).")
            }
        }
        return filled
    }

    func encrypt(_ bytes: ArraySlice<UInt8>) throws(Failure) {
        let written = bytes.withUnsafeBytes { tls_write(raw, $0.baseAddress, $0.count) }
        guard written == bytes.count else {
            throw .unavailable("The TLS connection is broken: \(TLSSession.lastError).")
        }
    }

    func finish() { tls_finish(raw) }

    func feed(_ bytes: [UInt8]) throws(Failure) {
        guard tls_feed(raw, bytes, bytes.count) == 1 else { throw .unavailable("No memory for TLS.") }
    }

    /// What has to be sent to the other end.
    func takeOutput() -> [UInt8] {
        let count = tls_waiting(raw)
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, tls_take(raw, buffer.baseAddress, count))
        }
    }

    fileprivate static var lastError: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
            guard let base = text.baseAddress else { return "" }
            tls_last_error(base, text.count)
            let words = String(cString: base)
            return words.isEmpty ? "the other end hung up" : words
        }
    }

    private static func isAddress(_ name: String) -> Bool {
        var room = in6_addr()
        return inet_pton(AF_INET, name, &room) == 1 || inet_pton(AF_INET6, name, &room) == 1
    }
}
