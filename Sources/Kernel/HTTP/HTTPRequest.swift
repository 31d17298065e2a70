import Base
package import IO

/// A request: what a server hands to its handler, and what a client sends.
package struct HTTPRequest: Sendable {
    /// As it came, in capitals for all that anybody uses; methods that nobody knows come through, too.
    package var method: String
    /// With its percent-encoding: `/v3/users/a%2Fb`.
    package var path: String
    /// What stands behind the question mark, with its percent-encoding; nil without one.
    package var query: String?
    package var headers: HTTPHeaders
    package var body: HTTPBody
    var route: Route
    /// The host and port of a target that is a whole URL, which then count more than the Host header.
    var authority: String?

    /// - Parameter target: a path, and a query behind a question mark.
    package init(
        _ method: String, _ target: String, headers: HTTPHeaders = HTTPHeaders(), body: HTTPBody = .empty,
        scheme: String = "http", peer: SocketAddress? = nil, local: SocketAddress? = nil
    ) {
        self.method = method
        (path, query) = HTTPRequest.split(target)
        self.headers = headers
        self.body = body
        route = Route(scheme: scheme, peer: peer, local: local)
    }

    /// `http` or `https`.
    package var scheme: String { route.scheme }

    /// Who asks; nil in a request that is made, not received.
    package var peer: SocketAddress? { route.peer }

    /// Which address and port were asked.
    package var local: SocketAddress? { route.local }

    /// With its port, if the client named one.
    package var host: String? { authority ?? headers["host"] }

    /// Path and query.
    package var target: String { query.map { path + "?" + $0 } ?? path }

    /// Which way it came: the same for all requests of a connection, which share it.
    final class Route: Sendable {
        let scheme: String
        let peer: SocketAddress?
        let local: SocketAddress?

        init(scheme: String, peer: SocketAddress?, local: SocketAddress?) {
            self.scheme = scheme
            self.peer = peer
            self.local = local
        }
    }

    private static func split(_ target: String) -> (path: String, query: String?) {
        guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (target, nil) }
        return (String(target[..<mark]), String(target[target.utf8.index(after: mark)...]))
    }
}

extension HTTPRequest {
    /// From a parsed head. Without a target that is a path, an asterisk or a whole URL it is refused.
    init(
        headers: HTTPHeaders, method: Range<Int>, target: Range<Int>, route: Route
    ) throws(HTTPRefusal) {
        let methodText = String(decoding: headers.bytes[method], as: UTF8.self)
        var target = target
        var authority: String?
        switch headers.bytes[target.lowerBound] {
        case UInt8(ascii: "/"): break
        case UInt8(ascii: "*") where target.count == 1 && methodText == "OPTIONS": break
        default:
            let start = try HTTPRequest.authority(of: headers.bytes, in: target)
            let slash =
                headers.bytes[start..<target.upperBound].firstIndex { "/?".utf8.contains($0) } ?? target.upperBound
            guard slash > start else { throw .malformed("The target's URL has no host.") }
            authority = String(decoding: headers.bytes[start..<slash], as: UTF8.self)
            target = slash..<target.upperBound
        }
        var mark = target.lowerBound
        while mark < target.upperBound, headers.bytes[mark] != UInt8(ascii: "?") { mark += 1 }
        let path = String(decoding: headers.bytes[target.lowerBound..<mark], as: UTF8.self)
        self.path = path.utf8.first == UInt8(ascii: "/") || path == "*" ? path : "/" + path
        query =
            mark < target.upperBound
            ? String(decoding: headers.bytes[(mark + 1)..<target.upperBound], as: UTF8.self) : nil
        self.method = methodText
        self.headers = headers
        self.authority = authority
        self.route = route
        body = .empty
    }

    /// What can be told of a request that is refused before it is read: its method, and how its path begins.
    init(beginningWith bytes: ArraySlice<UInt8>) {
        let words = bytes.prefix(HTTPRequest.glance).split(separator: UInt8(ascii: " "), maxSplits: 2)
        let line = words.count > 1 && !words[0].contains(UInt8(ascii: "\n")) ? words[1] : []
        let path = line.prefix { !"\r\n?#".utf8.contains($0) }
        let method = words.first.flatMap { String(validating: $0, as: UTF8.self) } ?? "GET"
        self.init(method, path.first == UInt8(ascii: "/") ? String(decoding: path, as: UTF8.self) : "/")
    }

    /// Enough to see which service is asked.
    private static let glance = 256

    /// Where the authority of `http://host:port/path` begins.
    private static func authority(of bytes: [UInt8], in target: Range<Int>) throws(HTTPRefusal) -> Int {
        let schemes = ["http://", "https://"]
        for scheme in schemes where target.count > scheme.utf8.count {
            let start = target.lowerBound + scheme.utf8.count
            if bytes[target.lowerBound..<start].elementsEqual(scheme.utf8, by: { $0.asciiLowercased == $1 }) {
                return start
            }
        }
        throw .malformed("The request's target is neither a path nor a URL.")
    }
}
