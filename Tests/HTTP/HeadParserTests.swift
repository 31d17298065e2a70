import Base
import Testing

@testable import HTTP

/// Where requests come from that came from nowhere.
let nowhere = HTTPRequest.Route(scheme: "http", peer: nil, local: nil)

/// Reads one request's head the way a connection does, all at once.
func readHead(_ text: String, limits: HTTPLimits = HTTPLimits()) throws(HTTPRefusal) -> (HTTPRequest, HTTPFraming)? {
    let bytes = Array(text.utf8)
    var parser = HTTPHeadParser(.request, limits: limits, start: 0)
    guard try parser.parse(bytes.span), case .request(let method, let target) = parser.startLine else { return nil }
    let headers = HTTPHeaders(bytes: bytes, fields: parser.fields)
    let framing = try HTTPFraming(request: headers, minorVersion: parser.minorVersion)
    return (try HTTPRequest(headers: headers, method: method, target: target, route: nowhere), framing)
}

@Suite struct HeadParserTests {
    /// The numbers by which bytes are told apart, spelt out.
    @Test func eachByteIsWhatTheStandardSaysItIs() {
        let letters = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        for byte in UInt8.min...UInt8.max {
            let isVisible = byte > 0x20 && byte < 0x7F
            let isTarget = isVisible && byte != UInt8(ascii: "#")
            #expect(HTTPSyntax.isToken(byte) == (letters.contains(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)))
            #expect(HTTPSyntax.isTarget(byte) == isTarget)
            #expect(HTTPSyntax.isHost(byte) == (isTarget && !"/?@,\"\\<>".utf8.contains(byte)))
        }
    }

    @Test func aRequestIsTakenApart() throws {
        let (request, framing) = try #require(
            try readHead(
                "POST /v3/users/a%2Fb?name=x&name=y HTTP/1.1\r\nHost: example.org:5000\r\nX-Auth-Token:  abc \t\r\n"
                    + "Accept: text/html\r\naccept: application/json\r\nEmpty:\r\nContent-Length: 12\r\n\r\n"))
        #expect(request.method == "POST")
        #expect(request.path == "/v3/users/a%2Fb")
        #expect(request.query == "name=x&name=y")
        #expect(request.target == "/v3/users/a%2Fb?name=x&name=y")
        #expect(request.host == "example.org:5000")
        #expect(request.headers["x-AUTH-token"] == "abc")
        #expect(request.headers["accept"] == "text/html")
        #expect(request.headers.all("Accept") == ["text/html", "application/json"])
        #expect(request.headers["Empty"] == "")
        #expect(request.headers["Absent"] == nil)
        #expect(framing.body == .length(12))
        #expect(framing.keepsAlive)
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "/"),
        ("\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", "/x"),
        ("GET http://b:80/y?z HTTP/1.1\r\nHost: a\r\n\r\n", "/y"),
        ("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", "/"),
        ("GET HTTPS://b?q HTTP/1.1\r\nHost: a\r\n\r\n", "/"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*"),
        ("GET / HTTP/1.0\r\n\r\n", "/"),
        ("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", "/pot"),
        ("get /%00 HTTP/1.1\r\nHost:\r\n\r\n", "/%00"),
        ("GET //double HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "//double"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \u{e4}\r\n\r\n", "/"),
    ]) func goodRequestsAreTaken(text: String, path: String) throws {
        let (request, _) = try #require(try readHead(text))
        #expect(request.path == path)
    }

    @Test(arguments: [
        (400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET / a HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        (400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/x.1\r\nHost: a\r\n\r\n"),
        (505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        (505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        (505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
        (400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /\u{e4} HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET x HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: \u{0}\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: \u{7f}\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (400, "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (501, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
        (501, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"),
        (501, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"),
        (501, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n"),
        (417, "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n"),
        (400, "\u{16}\u{3}\u{1}"),
    ]) func badRequestsAreRefused(status: Int, text: String) {
        let refusal = #expect(throws: HTTPRefusal.self) { try readHead(text) }
        #expect(refusal?.status == status)
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x , CLOSE\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", false),
    ]) func itIsKnownWhetherTheConnectionGoesOn(text: String, keepsAlive: Bool) throws {
        #expect(try #require(try readHead(text)).1.keepsAlive == keepsAlive)
    }

    @Test func whatIsTooLongIsRefusedAsSoonAsThatIsKnown() {
        var limits = HTTPLimits()
        limits.requestLine = 100
        limits.headerBytes = 200
        limits.headerCount = 3
        let path = String(repeating: "a", count: 100)
        let many = "GET / HTTP/1.1\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n"
        for (status, text) in [
            (414, "GET /\(path)"), (414, "GET /\(path) HTTP/1.1\r\n"), (431, many),
            (431, "GET / HTTP/1.1\r\nA: \(path)\r\nB: \(path)\(path)"),
        ] {
            let refusal = #expect(throws: HTTPRefusal.self) { try readHead(text, limits: limits) }
            #expect(refusal?.status == status)
        }
    }

    @Test func aHeadCutAnywhereIsTheSameHead() throws {
        let bytes = Array("GET /x HTTP/1.1\r\nHost: a\r\nOne: 1\r\nTwo: 2\r\n\r\n".utf8)
        for cut in 0...bytes.count {
            var parser = HTTPHeadParser(.request, limits: HTTPLimits(), start: 0)
            let first = try parser.parse(Array(bytes[..<cut]).span)
            #expect(first == (cut == bytes.count))
            if !first { #expect(try parser.parse(bytes.span)) }
            #expect(parser.end == bytes.count)
            #expect(parser.fields.count == 3)
        }
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "GET", HTTPFraming.Body.length(3), true),
        ("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", .chunked, true),
        ("HTTP/1.0 200 OK\r\n\r\n", "GET", .untilClose, false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD", .none, true),
        ("HTTP/1.1 204 No Content\r\n\r\n", "GET", .none, true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", "GET", .none, true),
    ]) func aResponseSaysWhereItsBodyEnds(
        text: String, method: String, body: HTTPFraming.Body, keepsAlive: Bool
    ) throws {
        let bytes = Array(text.utf8)
        var parser = HTTPHeadParser(.response, limits: HTTPLimits(), start: 0)
        #expect(try parser.parse(bytes.span))
        guard case .response(let status) = parser.startLine else { throw Failure.bug("no status") }
        let headers = HTTPHeaders(bytes: bytes, fields: parser.fields)
        let framing = try HTTPFraming(
            response: headers, minorVersion: parser.minorVersion, status: status, method: method)
        #expect(framing.body == body)
        #expect(framing.keepsAlive == keepsAlive)
    }

    @Test func aValueNeverBecomesASecondHeader() {
        var headers = HTTPHeaders()
        headers.append("X\r\nEvil", "a\r\nSet-Cookie: b\u{0}")
        var written: [UInt8] = []
        headers.write(to: &written) { _ in false }
        #expect(String(decoding: written, as: UTF8.self) == "X--Evil: a  Set-Cookie: b \r\n")
    }

    @Test func settingAHeaderReplacesIt() {
        var headers: HTTPHeaders = ["A": "1", "b": "2", "a": "3"]
        headers["A"] = "4"
        #expect(headers.map { "\($0.name)=\($0.value)" } == ["b=2", "A=4"])
        headers["B"] = nil
        #expect(!headers.contains("b"))
    }
}
