package import Base

/// Where a MySQL or MariaDB server is, and who we are to it:
/// `mysql://user:password@host:3306/database?connections=8&tls=verify&ca=/etc/ssl/db.pem`.
///
/// Also `socket=/run/mysqld/mysqld.sock` in place of a host, and `cert=` and `key=` where the server asks for ours.
package struct MySQLAddress: Hashable, Sendable {
    package enum TLS: String, Sendable {
        case off
        /// Encrypted, whoever answers.
        case on
        /// Encrypted, and the certificate must be the host's, signed by `ca` or an authority that the machine trusts.
        case verify
    }

    package var host = ""
    package var port: UInt32 = 3_306
    package var socket: String?
    package var user: String
    package var password: String
    package var database: String
    /// Each has a thread of its own, and costs the server a thread too.
    package var connections = 8
    package var tls = TLS.off
    package var ca: String?
    package var cert: String?
    package var key: String?

    package init(url: String) throws(Failure) {
        guard let scheme = url.firstRange(of: "://"), ["mysql", "mariadb"].contains(url[..<scheme.lowerBound]) else {
            throw .invalid("A database's address starts with mysql://, and this one does not.")
        }
        let (path, query) = url[scheme.upperBound...].cut(at: "?")
        let (authority, database) = path.cut(at: "/")
        let at = authority.lastIndex(of: "@") ?? authority.startIndex
        let (user, password) = authority[..<at].cut(at: ":")
        self.user = try user.decoded()
        self.password = try (password ?? "").decoded()
        self.database = try (database ?? "").decoded()
        guard !self.user.isEmpty, !self.database.isEmpty else {
            throw .invalid("A database's address needs a user and a database: mysql://user:password@host/database.")
        }
        try read(server: authority[authority.index(after: at)...])
        for option in (query ?? "").split(separator: "&") {
            let (name, value) = option.cut(at: "=")
            try read(option: String(name), try (value ?? "").decoded())
        }
        guard !host.isEmpty || socket != nil else { throw .invalid("A database's address needs a host or a socket.") }
    }

    /// Where it is, without who goes there and how: for people.
    package var place: String { "mysql://\(socket ?? "\(host):\(port)")/\(database)" }

    /// `host`, `host:port` or `[address]:port`.
    private mutating func read(server: Substring) throws(Failure) {
        let bracket = server.first == "[" ? server.firstIndex(of: "]") : nil
        let (name, port) = bracket.map { server[server.index(after: $0)...].cut(at: ":") } ?? server.cut(at: ":")
        host = String(bracket.map { server[..<$0].dropFirst() } ?? name)
        guard let port else { return }
        guard let number = UInt16(port), number > 0 else {
            throw .invalid("A database's address has a port that is no port: \(port).")
        }
        self.port = UInt32(number)
    }

    private mutating func read(option: String, _ value: String) throws(Failure) {
        switch option {
        case "socket": socket = value
        case "ca": ca = value
        case "cert": cert = value
        case "key": key = value
        case "tls":
            guard let tls = TLS(rawValue: value) else { throw .invalid("A database's tls is off, on or verify.") }
            self.tls = tls
        case "connections":
            guard let count = Int(value), (1...64).contains(count) else {
                throw .invalid("A database's connections are between 1 and 64.")
            }
            connections = count
        default: throw .invalid("A database's address has no option \(option).")
        }
    }
}

/// For logs: without the password.
extension MySQLAddress: CustomStringConvertible, CustomReflectable {
    package var description: String { "mysql://\(user)@\(socket ?? "\(host):\(port)")/\(database)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension Substring {
    fileprivate func cut(at mark: Character) -> (Substring, Substring?) {
        guard let place = firstIndex(of: mark) else { return (self, nil) }
        return (self[..<place], self[index(after: place)...])
    }

    /// With `%41` read as "A".
    fileprivate func decoded() throws(Failure) -> String {
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Hex.value), let low = rest.popFirst().flatMap(Hex.value) else {
                throw .invalid("A database's address has a % that is not followed by two hex digits.")
            }
            bytes.append(high << 4 | low)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
