package import Base
package import IO

/// A server that can be asked: how to reach it, and what it is called there.
package struct HTTPOrigin: Hashable, Sendable, CustomStringConvertible {
    package let address: Address
    package let isEncrypted: Bool
    /// For the Host header and, without its port, for the certificate.
    package let host: String

    package init(_ address: Address, isEncrypted: Bool = false, host: String? = nil) {
        self.address = address
        self.isEncrypted = isEncrypted
        switch address {
        case .tcp(let name, let port):
            let bracketed = name.contains(":") ? "[\(name)]" : name
            let usual = isEncrypted ? 443 : 80
            self.host = host ?? (port == usual ? bracketed : "\(bracketed):\(port)")
        case .unix: self.host = host ?? "localhost"
        }
    }

    package var description: String { "\(isEncrypted ? "https" : "http")://\(host)" }

    /// What the server's certificate has to be for.
    var certificateName: String {
        if case .tcp(let name, _) = address { return name }
        return host
    }
}

/// `https://host:port/path?query`, taken apart.
package struct HTTPURL: Hashable, Sendable, CustomStringConvertible {
    package let origin: HTTPOrigin
    /// Path and query, at least "/".
    package let target: String

    package init(_ text: String) throws(Failure) {
        let isEncrypted = text.lowercased().hasPrefix("https://")
        guard isEncrypted || text.lowercased().hasPrefix("http://") else { throw HTTPURL.malformed(text) }
        let rest = text.utf8.dropFirst(isEncrypted ? 8 : 7)
        let end = rest.firstIndex { "/?#".utf8.contains($0) } ?? rest.endIndex
        let target = rest[end...].prefix { $0 != UInt8(ascii: "#") }
        guard let (host, port) = HTTPURL.split(rest[..<end]), !host.isEmpty, target.allSatisfy(HTTPSyntax.isTarget)
        else {
            throw HTTPURL.malformed(text)
        }
        origin = HTTPOrigin(.tcp(host: host, port: port ?? (isEncrypted ? 443 : 80)), isEncrypted: isEncrypted)
        let path = String(Substring(target))
        self.target = target.first == UInt8(ascii: "/") ? path : "/" + path
    }

    package var description: String { "\(origin)\(target)" }

    /// `host`, `host:port`, `[::1]`, `[::1]:port`
    private static func split(_ authority: Substring.UTF8View) -> (host: String, port: Int?)? {
        guard authority.allSatisfy(HTTPSyntax.isHost) else { return nil }
        var host = authority
        var port: Substring.UTF8View?
        if authority.first == UInt8(ascii: "[") {
            guard let bracket = authority.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            host = authority[..<bracket].dropFirst()
            let rest = authority[authority.index(after: bracket)...]
            guard rest.isEmpty || rest.first == HTTPSyntax.colon else { return nil }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = authority.firstIndex(of: HTTPSyntax.colon) {
            host = authority[..<colon]
            port = authority[authority.index(after: colon)...]
        }
        guard let port, !port.isEmpty else { return (String(Substring(host)), nil) }
        guard let number = HTTPSyntax.number(port), (1...65_535).contains(number) else { return nil }
        return (String(Substring(host)), number)
    }

    private static func malformed(_ text: String) -> Failure { .invalid("This is no http or https URL: \(text)") }
}
