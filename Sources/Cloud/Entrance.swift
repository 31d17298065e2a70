package import Base
import Glibc
import HTTP
import IO
import Trace

/// Where a cloud is listened for.
package enum Entrance: Sendable, Equatable {
    /// A numeric address of either family, on the port or ports of the cloud.
    case host(String)
    /// A socket in the file system, for a proxy on the same machine. What comes by it is told apart by path.
    case socket(path: String)

    /// `127.0.0.1`, `::`, `[::1]`, or `unix:/run/martlet.sock`.
    package init(_ text: String) throws(Failure) {
        if text.hasPrefix("unix:/") {
            self = .socket(path: String(text.dropFirst(5)))
            return
        }
        let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
        guard let address = IPAddress(isBracketed ? String(text.dropFirst().dropLast()) : text) else {
            throw .invalid("listen: \(text) is no address. There are 127.0.0.1, ::1, and unix:/run/martlet.sock.")
        }
        self = .host(address.description)
    }

    /// Whoever is in the group of the process may come by the socket: a proxy has a user of its own.
    private static let socketMode: UInt32 = 0o660

    func listeners(_ ports: [Int], _ identity: TLSIdentity?) -> [HTTPServer.Listen] {
        switch self {
        case .host(let host): ports.map { HTTPServer.Listen(.tcp(host: host, port: $0), tls: identity) }
        case .socket(let path): [HTTPServer.Listen(.unix(path: path), mode: Entrance.socketMode)]
        }
    }
}

/// The files by which a cloud shows who it is.
package struct Certificate: Sendable {
    package let certificates: String
    package let key: String

    package init(certificates: String, key: String) {
        self.certificates = certificates
        self.key = key
    }

    /// What tells one state of the files from the next.
    private var stamp: [Int] {
        [certificates, key].flatMap { path in
            var facts = stat()
            guard stat(path, &facts) == 0 else { return [0] }
            return [Int(facts.st_ino), facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, Int(facts.st_size)]
        }
    }

    /// How soon a renewed certificate is shown: sooner than anybody looks who renewed it weeks before it ends.
    private static let interval: Duration = .seconds(5)

    /// Reads the files again whenever they have changed, for as long as it runs. Files that are no good, or of which one
    /// is still the old one, change nothing: they are tried again when they have changed again.
    func renew(_ identity: TLSIdentity, _ clock: any Clock, _ log: Log) async throws {
        var known = stamp
        while true {
            try await clock.sleep(for: Certificate.interval)
            let now = stamp
            guard now != known else { continue }
            known = now
            do throws(Failure) {
                try identity.reload()
                log.info("The certificate in \(certificates) is shown from now on.")
            } catch {
                log.warning("The certificate stays the one there was: \(error.message)")
            }
        }
    }
}
