package import Base
import IO

/// Where a broker is, and as whom to go there: `amqp://user:password@host:5672/vhost`, or `amqps://…` over TLS.
package struct AMQPAddress: Sendable, Hashable {
    package let host: String
    package let port: Int
    package let user: String
    package let password: String
    package let virtualHost: String
    package let isEncrypted: Bool
    /// How long the other end may be silent.
    package var heartbeat: Int = 15
    /// A PEM file with whom to trust for TLS; the system's authorities if not given.
    package var authorities: String?

    package init(_ url: String) throws(Failure) {
        let (scheme, rest) = AMQPAddress.split(url, at: "://")
        guard let rest, scheme == "amqp" || scheme == "amqps" else {
            throw .invalid("The address of a broker begins with amqp:// or amqps://.")
        }
        isEncrypted = scheme == "amqps"
        let (place, query) = AMQPAddress.split(rest, at: "?")
        let (authority, path) = AMQPAddress.split(place, at: "/")
        var (who, address) = ("", authority)
        if let at = authority.lastIndex(of: "@") {
            who = String(authority[..<at])
            address = String(authority[authority.index(after: at)...])
        }
        let (name, secret) = AMQPAddress.split(who, at: ":")
        // The broker's own defaults, which it takes from its own machine only.
        user = try AMQPAddress.decoded(name.isEmpty ? "guest" : name)
        password = try AMQPAddress.decoded(secret ?? (name.isEmpty ? "guest" : ""))
        virtualHost = try path.flatMap { $0.isEmpty ? nil : $0 }.map(AMQPAddress.decoded) ?? "/"
        (host, port) = try AMQPAddress.place(address, usual: isEncrypted ? 5671 : 5672)
        try read(query)
    }

    private mutating func read(_ query: String?) throws(Failure) {
        for pair in (query ?? "").split(separator: "&") {
            let (name, value) = AMQPAddress.split(String(pair), at: "=")
            switch name {
            case "heartbeat":
                guard let seconds = value.flatMap({ Int($0) }), (1...600).contains(seconds) else {
                    throw .invalid("The heartbeat of a broker's address is a number of seconds from 1 to 600.")
                }
                heartbeat = seconds
            case "cacertfile": authorities = try AMQPAddress.decoded(value ?? "")
            default: throw .invalid("A broker's address has no option \"\(name)\": there are heartbeat and cacertfile.")
            }
        }
    }

    private static func place(_ text: String, usual: Int) throws(Failure) -> (host: String, port: Int) {
        var (host, port) = (text, usual)
        let isBare = text.hasSuffix("]")
        if !isBare, let colon = text.lastIndex(of: ":") {
            host = String(text[..<colon])
            guard let number = Int(text[text.index(after: colon)...]), (1...65_535).contains(number) else {
                throw .invalid("The port of a broker's address is a number from 1 to 65535.")
            }
            port = number
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { throw .invalid("The address of a broker names no host.") }
        return (host, port)
    }

    private static func split(_ text: String, at mark: String) -> (String, String?) {
        guard let range = text.firstRange(of: mark) else { return (text, nil) }
        return (String(text[..<range.lowerBound]), String(text[range.upperBound...]))
    }

    private static func decoded(_ text: String) throws(Failure) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                throw .invalid("A % in a broker's address is followed by two hexadecimal digits.")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    var address: Address { .tcp(host: host, port: port) }

    /// Without who and with which password: for people.
    package var description: String {
        let name = host.contains(":") ? "[\(host)]" : host
        let path = virtualHost == "/" ? "" : virtualHost
        return "\(isEncrypted ? "amqps" : "amqp")://\(name):\(port)/\(path)"
    }
}
