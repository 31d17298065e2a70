import Base
import HTTP
import IO
import Synchronization
import Testing

/// A server that says what the test wants, to each connection the next of its scripts, and notes what it is told.
private final class Scripted: Sendable {
    private let heard = Mutex<[String]>([])
    let listener: Listener
    var origin: HTTPOrigin { HTTPOrigin(listener.local.address) }
    var requests: [String] { heard.withLock { $0 } }

    init(on loops: Loops) throws { listener = try Listener(.tcp(host: "127.0.0.1", port: 0), on: loops.all[0]) }

    /// Each answer is given when a whole head has come. After the last one of a connection the server hangs up.
    func run(_ scripts: [[String]]) async throws {
        for answers in scripts {
            guard let stream = try await listener.accept() else { return }
            let wire = Wire(stream: stream)
            for answer in answers {
                let head = try await wire.head()
                heard.withLock { $0.append(head) }
                try await wire.send(answer)
            }
            await stream.close()
        }
    }
}

private func withScripts(_ scripts: [[String]], _ body: (HTTPClient, Scripted) async throws -> Void) async throws {
    try await withLoops { loops in
        let server = try Scripted(on: loops)
        let client = HTTPClient(on: loops)
        let running = Task { try await server.run(scripts) }
        let result: Result<Void, any Error>
        do {
            try await body(client, server)
            result = .success(())
        } catch { result = .failure(error) }
        await client.close()
        await server.listener.close()
        running.cancel()
        _ = await running.result
        try result.get()
    }
}

func withLoops(_ body: (Loops) async throws -> Void) async throws {
    let loops = Loops(count: 1)
    let result: Result<Void, any Error>
    do {
        try await body(loops)
        result = .success(())
    } catch { result = .failure(error) }
    await loops.stop()
    try result.get()
}

@Suite struct ClientTests {
    static let echo: HTTPServer.Handler = { request in
        var headers: HTTPHeaders = [
            "X-Method": request.method, "X-Target": request.target, "X-Host": request.host ?? "",
        ]
        headers["X-Port"] = request.peer?.port.map(String.init)
        headers["X-Expect"] = request.headers["Expect"]
        return HTTPResponse(
            200, headers: headers,
            body: .stream(length: request.body.length) { body in
                while let piece = try await request.body.next() { try await body.write(piece) }
            })
    }

    func withClient(
        _ handler: @escaping HTTPServer.Handler = echo, _ body: (HTTPClient, HTTPOrigin) async throws -> Void
    )
        async throws
    {
        try await withServer(loops: 1, handler: handler) { server in
            let client = HTTPClient(on: server.loops)
            try await body(client, HTTPOrigin(server.address))
            await client.close()
        }
    }

    @Test func requestsShareAConnection() async throws {
        try await withClient { client, origin in
            var ports: Set<String> = []
            for index in 0..<5 {
                let reply = try await client.send(HTTPRequest("GET", "/a?n=\(index)"), to: origin)
                #expect(reply.status == 200)
                #expect(reply.headers["X-Target"] == "/a?n=\(index)")
                #expect(reply.headers["X-Host"] == origin.host)
                #expect(try await reply.body.collect(limit: 10) == [])
                ports.insert(try #require(reply.headers["X-Port"]))
            }
            #expect(ports.count == 1)
        }
    }

    @Test func requestsAtOnceHaveConnectionsOfTheirOwn() async throws {
        try await withClient { client, origin in
            let ports = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let reply = try await client.send(HTTPRequest("PUT", "/", body: HTTPBody("x")), to: origin)
                        _ = try await reply.body.collect(limit: 10)
                        return reply.headers["X-Port"]
                    }
                }
                return try await group.reduce(into: [String?]()) { $0.append($1) }
            }
            #expect(ports.count == 8)
        }
    }

    @Test(arguments: [0, 1, 70_000, 3_000_000]) func bodiesGoThereAndBack(size: Int) async throws {
        let content = SeededChance(seed: 9).bytes(size)
        try await withClient { client, origin in
            let known = try await client.send(HTTPRequest("PUT", "/", body: HTTPBody(content)), to: origin)
            #expect(known.body.length == size)
            #expect(known.headers["X-Expect"] == (size > 1_048_576 ? "100-continue" : nil))
            #expect(try await known.body.collect(limit: size) == content)
            let pieces = Mutex(
                stride(from: 0, to: size, by: 50_000).map { Array(content[$0..<min(size, $0 + 50_000)]) })
            let streamed = HTTPBody(length: nil) { () async throws(Failure) -> [UInt8]? in
                pieces.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            }
            let chunked = try await client.send(HTTPRequest("POST", "/", body: streamed), to: origin)
            #expect(chunked.body.length == nil)
            #expect(try await chunked.body.collect(limit: size) == content)
        }
    }

    @Test func headHasNoBody() async throws {
        let handler: HTTPServer.Handler = { _ in HTTPResponse(200, headers: ["Content-Length": "77"]) }
        try await withClient(handler) { client, origin in
            for _ in 0..<2 {
                let reply = try await client.send(HTTPRequest("HEAD", "/"), to: origin)
                #expect(reply.headers["Content-Length"] == "77")
                #expect(try await reply.body.collect(limit: 0) == [])
            }
        }
    }

    @Test func anUnwantedBodyIsNotSent() async throws {
        let asked = Mutex(false)
        let handler: HTTPServer.Handler = { _ in HTTPResponse(401) }
        try await withClient(handler) { client, origin in
            let body = HTTPBody(length: 2_000_000) { () async throws(Failure) -> [UInt8]? in
                asked.withLock { $0 = true }
                return nil
            }
            let reply = try await client.send(HTTPRequest("PUT", "/", body: body), to: origin)
            #expect(reply.status == 401)
        }
        #expect(asked.withLock { $0 } == false)
    }

    @Test func aUnixSocketIsAServerToo() async throws {
        let path = "/tmp/martlet-\(UUID(SystemChance()).hex).sock"
        try await withServer(loops: 1, address: .unix(path: path), handler: ClientTests.echo) { server in
            let client = HTTPClient(on: server.loops)
            let reply = try await client.send(HTTPRequest("GET", "/"), to: HTTPOrigin(.unix(path: path)))
            #expect(reply.headers["X-Host"] == "localhost")
            await client.close()
        }
    }

    @Test func overTLSTheServerHasToBeTheRightOne() async throws {
        let certificate = try SelfMadeCertificate()
        try await withTLSServer(certificate, handler: ClientTests.echo) { server, _ in
            let trusting = HTTPClient(on: server.loops, trust: try TLSTrust(authorities: certificate.certificate))
            let origin = HTTPOrigin(server.address, isEncrypted: true)
            for _ in 0..<2 {
                let reply = try await trusting.send(HTTPRequest("PUT", "/", body: HTTPBody("hello")), to: origin)
                #expect(try await reply.body.collect(limit: 10) == Array("hello".utf8))
            }
            let strict = HTTPClient(on: server.loops, trust: try TLSTrust())
            let failure = await #expect(throws: Failure.self) {
                try await strict.send(HTTPRequest("GET", "/"), to: origin)
            }
            #expect(failure?.message.contains("certificate") == true)
            await trusting.close()
            await strict.close()
        }
    }

    @Test func aRepeatableRequestSurvivesADeadConnection() async throws {
        let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        // The second request is heard on the kept connection, which then dies without a word.
        try await withScripts([[ok, ""], [ok]]) { client, server in
            for _ in 0..<2 {
                let reply = try await client.send(HTTPRequest("GET", "/"), to: server.origin)
                #expect(try await reply.body.collect(limit: 10) == Array("ok".utf8))
            }
            #expect(server.requests.count == 3)
        }
    }

    @Test func aRequestThatMayHaveHadItsEffectIsNotRepeated() async throws {
        let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        try await withScripts([[ok, ""], [ok]]) { client, server in
            _ = try await client.send(HTTPRequest("POST", "/"), to: server.origin)
            let failure = await #expect(throws: Failure.self) {
                try await client.send(HTTPRequest("POST", "/"), to: server.origin)
            }
            #expect(failure?.kind == .unavailable)
            #expect(server.requests.count == 2)
        }
    }

    @Test func anAnswerHasToBeWhole() async throws {
        try await withScripts([["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"]]) { client, server in
            let reply = try await client.send(HTTPRequest("GET", "/"), to: server.origin)
            await #expect(throws: Failure.self) { try await reply.body.collect(limit: 10) }
        }
    }

    @Test func anOldAnswerEndsWithItsConnection() async throws {
        try await withScripts([["HTTP/1.0 200 OK\r\n\r\nall of it"]]) { client, server in
            let reply = try await client.send(HTTPRequest("GET", "/"), to: server.origin)
            #expect(try await reply.body.collect(limit: 100) == Array("all of it".utf8))
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "nonsense\r\n\r\n",
        "HTTP/1.1 99 No\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "",
    ]) func whatIsNoAnswerIsAFailure(answer: String) async throws {
        try await withScripts([[answer]]) { client, server in
            let failure = await #expect(throws: Failure.self) {
                try await client.send(HTTPRequest("GET", "/"), to: server.origin)
            }
            #expect(failure?.kind == .unavailable)
        }
    }

    @Test func interimAnswersArePassedOver() async throws {
        let answer = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
        try await withScripts([[answer]]) { client, server in
            let reply = try await client.send(HTTPRequest("GET", "/"), to: server.origin)
            #expect(reply.status == 204)
        }
    }

    @Test func aRedirectIsAnAnswer() async throws {
        let answer = "HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n"
        try await withScripts([[answer]]) { client, server in
            let reply = try await client.send(HTTPRequest("GET", "/"), to: server.origin)
            #expect(reply.status == 302)
            #expect(reply.headers["location"] == "http://elsewhere/")
        }
    }

    @Test func aDeadlineEndsTheWaitForAnAnswer() async throws {
        let handler: HTTPServer.Handler = { _ in
            do { try await SystemClock().sleep(for: .seconds(3_600)) } catch { return HTTPResponse(503) }
            return HTTPResponse(200)
        }
        try await withClient(handler) { client, origin in
            let failure = await #expect(throws: Failure.self) {
                try await client.send(HTTPRequest("GET", "/"), to: origin, by: .after(.milliseconds(50)))
            }
            #expect(failure?.kind == .timedOut)
            let task = Task { try await client.send(HTTPRequest("GET", "/"), to: origin) }
            task.cancel()
            await #expect(throws: Failure.self) { _ = try await task.value }
        }
    }
}

@Suite struct URLTests {
    @Test(arguments: [
        ("http://a", "a", 80, "/", "a"), ("https://a:5000/v3?x=1#frag", "a", 5000, "/v3?x=1", "a:5000"),
        ("HTTP://[::1]:80/", "::1", 80, "/", "[::1]"), ("http://a?q", "a", 80, "/?q", "a"),
        ("https://[fe80::1]", "fe80::1", 443, "/", "[fe80::1]"),
    ]) func aURLIsTakenApart(text: String, host: String, port: Int, target: String, hostHeader: String) throws {
        let url = try HTTPURL(text)
        #expect(url.origin.address == .tcp(host: host, port: port))
        #expect(url.target == target)
        #expect(url.origin.host == hostHeader)
    }

    @Test(arguments: [
        "", "ftp://a", "http://", "http:///x", "http://a:0", "http://a:x", "http://u@a", "http://[::1", "http://a b",
    ])
    func whatIsNoURLIsRefused(text: String) {
        #expect(throws: Failure.self) { try HTTPURL(text) }
    }
}
