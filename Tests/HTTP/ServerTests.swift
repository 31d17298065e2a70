import Base
import Glibc
import HTTP
import IO
import Testing

@Suite struct ServerTests {
    static let hello: HTTPServer.Handler = { request in
        HTTPResponse(200, headers: ["X-Path": request.path], body: .bytes(Array("hello".utf8)))
    }

    /// Answers with the body that it got.
    static let echo: HTTPServer.Handler = { request in
        do throws(Failure) {
            return HTTPResponse(200, body: .bytes(try await request.body.collect(limit: 1024 * 1024)))
        } catch {
            return HTTPResponse(error.kind == .tooLarge ? 413 : 400, body: .bytes(Array(error.message.utf8)))
        }
    }

    @Test(arguments: [
        Address.tcp(host: "127.0.0.1", port: 0), .tcp(host: "::1", port: 0),
        .unix(path: "/tmp/martlet-\(UUID(SystemChance()).hex).sock"),
    ]) func aRequestIsAnswered(address: Address) async throws {
        try await withServer(address: address, handler: ServerTests.hello) { client in
            let answer = try await client.talk("GET /v3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.header("Content-Length") == "5")
            #expect(answer.header("X-Path") == "/v3")
            #expect(answer.header("Date")?.hasSuffix(" GMT") == true)
            #expect(answer.hasSuffix("\r\n\r\nhello"))
        }
    }

    @Test func pipelinedRequestsAreAnsweredInTheirOrder() async throws {
        try await withServer(handler: ServerTests.hello) { client in
            var text = ""
            for index in 0..<50 { text += "GET /\(index) HTTP/1.1\r\nHost: a\r\n\r\n" }
            text += "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            let answer = try await client.talk(text)
            let paths = answer.split(separator: "\r\n").filter { $0.hasPrefix("X-Path") }
            #expect(paths.map(String.init) == (0..<50).map { "X-Path: /\($0)" } + ["X-Path: /last"])
        }
    }

    @Test func aBodyOfKnownLengthArrives() async throws {
        try await withServer(handler: ServerTests.echo) { client in
            let wire = try await client.connect()
            for word in ["one", "three", "seventeen"] {
                try await wire.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \(word.count)\r\n\r\n\(word)")
                #expect(try await wire.head().header("Content-Length") == "\(word.count)")
                #expect(try await wire.text(word.count) == word)
            }
            await wire.stream.close()
        }
    }

    @Test func aChunkedBodyArrivesHoweverItIsCut() async throws {
        var limits = HTTPLimits()
        limits.slowHead = .seconds(600)
        try await withServer(limits: limits, handler: ServerTests.echo) { client in
            let wire = try await client.connect()
            let request =
                "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "5\r\nhello\r\n1;x=y\r\n \r\nA\r\nbeautiful!\r\n0\r\nTrailer: t\r\n\r\n"
            try await wire.send(request)
            #expect(try await wire.head().header("Content-Length") == "16")
            #expect(try await wire.text(16) == "hello beautiful!")
            for byte in request.utf8 { try await wire.stream.write([byte]) }
            #expect(try await wire.head().header("Content-Length") == "16")
            #expect(try await wire.text(16) == "hello beautiful!")
            await wire.stream.close()
        }
    }

    /// Answers with the body as it came in blocks, each marked by a bar.
    static let blocks: HTTPServer.Handler = { request in
        let block = Block(size: 8)
        var text = ""
        do throws(Failure) {
            while try await request.body.fill(block) {
                while block.isFull {
                    text += String(decoding: block.bytes, as: UTF8.self) + "|"
                    block.clear()
                }
            }
        } catch { return HTTPResponse(400, body: .bytes(Array(error.message.utf8))) }
        text += String(decoding: block.bytes, as: UTF8.self)
        return HTTPResponse(200, body: .bytes(Array(text.utf8)))
    }

    @Test(arguments: ["", "short", "just8long", "eight888", "much more than one block holds"])
    func aBodyIsReadIntoBlocksAndNothingBehindIt(body: String) async throws {
        let bytes = Array(body.utf8)
        let expected = stride(from: 0, to: bytes.count, by: 8).map { start in
            let part = bytes[start..<min(start + 8, bytes.count)]
            return String(decoding: part, as: UTF8.self) + (part.count == 8 ? "|" : "")
        }.joined()
        let next = "GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        let plain = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \(bytes.count)\r\n\r\n\(body)"
        let size = String(bytes.count, radix: 16)
        let chunks = (bytes.isEmpty ? "" : "\(size)\r\n\(body)\r\n") + "0\r\n\r\n"
        let chunked = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)"
        try await withServer(handler: ServerTests.blocks) { client in
            for request in [plain, chunked] {
                let atOnce = try await client.talk(request + next)
                #expect(atOnce.contains("\r\n\r\n\(expected)HTTP/1.1 200"))
                let wire = try await client.connect()
                for byte in request.utf8 { try await wire.stream.write([byte]) }
                try await wire.send(next)
                #expect(try await wire.rest().contains("\r\n\r\n\(expected)HTTP/1.1 200"))
                await wire.stream.close()
            }
        }
    }

    @Test func aBodyThatEndsEarlyIsNoWholeOne() async throws {
        try await withServer(handler: ServerTests.blocks) { client in
            let wire = try await client.connect()
            try await wire.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nnot all of it")
            await wire.stream.finishWriting()
            let answer = try await wire.rest()
            #expect(answer.hasPrefix("HTTP/1.1 400"))
            #expect(answer.header("Connection") == "close")
            await wire.stream.close()
        }
    }

    @Test func aBodyIsAskedForOnlyWhenItIsWanted() async throws {
        let handler: HTTPServer.Handler = { request in
            request.path == "/no" ? HTTPResponse(403) : await ServerTests.echo(request)
        }
        try await withServer(handler: handler) { client in
            let wire = try await client.connect()
            try await wire.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            #expect(try await wire.head() == "HTTP/1.1 100 Continue\r\n\r\n")
            try await wire.send("ok")
            #expect(try await wire.head().hasPrefix("HTTP/1.1 200"))
            #expect(try await wire.text(2) == "ok")
            try await wire.send("PUT /no HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            let answer = try await wire.rest()
            #expect(answer.hasPrefix("HTTP/1.1 403"))
            #expect(answer.header("Connection") == "close")
            await wire.stream.close()
        }
    }

    @Test func aTooLargeBodyIsRefusedBeforeItIsSent() async throws {
        try await withServer(handler: ServerTests.echo) { client in
            let wire = try await client.connect()
            try await wire.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n")
            #expect(try await wire.head().hasPrefix("HTTP/1.1 413"))
            await wire.stream.close()
        }
    }

    @Test func anUnreadBodyDoesNotSpoilTheNextRequest() async throws {
        try await withServer(handler: ServerTests.hello) { client in
            let body = String(repeating: "GET /smuggled HTTP/1.1\r\n\r\n", count: 1_000)
            let answer = try await client.talk(
                "PUT /one HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                    + "GET /two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let paths = answer.split(separator: "\r\n").filter { $0.hasPrefix("X-Path") }
            #expect(paths == ["X-Path: /one", "X-Path: /two"])
        }
    }

    @Test func headHasTheLengthAndNoBody() async throws {
        let handler: HTTPServer.Handler = { request in
            request.path == "/own"
                ? HTTPResponse(200, headers: ["Content-Length": "12345"]) : await ServerTests.hello(request)
        }
        try await withServer(handler: handler) { client in
            let answer = try await client.talk(
                "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /own HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(!answer.contains("hello"))
            #expect(answer.contains("Content-Length: 5\r\n"))
            #expect(answer.contains("Content-Length: 12345\r\n"))
            #expect(answer.hasSuffix("\r\n\r\n"))
        }
    }

    @Test(arguments: [204, 304]) func someAnswersHaveNoBody(status: Int) async throws {
        let handler: HTTPServer.Handler = { _ in HTTPResponse(status, body: .bytes([1, 2, 3])) }
        try await withServer(handler: handler) { client in
            let answer = try await client.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(answer.hasSuffix("\r\n\r\n"))
            #expect(answer.header("Content-Length") == nil)
        }
    }

    @Test func aStreamWithoutALengthIsChunked() async throws {
        let handler: HTTPServer.Handler = { _ in
            HTTPResponse(
                200,
                body: .stream(length: nil) { body in
                    for word in ["one", "", "sixteen bytes!!!"] { try await body.write(word) }
                })
        }
        try await withServer(handler: handler) { client in
            let new = try await client.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(new.header("Transfer-Encoding") == "chunked")
            #expect(new.hasSuffix("\r\n\r\n3\r\none\r\n10\r\nsixteen bytes!!!\r\n0\r\n\r\n"))
            let old = try await client.talk("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(old.header("Transfer-Encoding") == nil)
            #expect(old.hasSuffix("\r\n\r\nonesixteen bytes!!!"))
        }
    }

    @Test func aBrokenStreamIsNotTakenForAWholeOne() async throws {
        let handler: HTTPServer.Handler = { request in
            HTTPResponse(
                200,
                body: .stream(length: request.path == "/known" ? 10 : nil) { body in
                    try await body.write("part")
                    throw Failure.unavailable("lost")
                })
        }
        try await withServer(handler: handler) { client in
            let chunked = try await client.talk("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(chunked.hasSuffix("4\r\npart\r\n"))
            let known = try await client.talk("GET /known HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(known.hasSuffix("\r\n\r\npart"))
        }
    }

    @Test func aLargeBodyReachesASlowClientWhole() async throws {
        let size = 20 * 1024 * 1024
        let piece = [UInt8](repeating: 65, count: 300_000)
        let handler: HTTPServer.Handler = { request in
            if request.path == "/bytes" { return HTTPResponse(200, body: .bytes([UInt8](repeating: 65, count: size))) }
            return HTTPResponse(
                200,
                body: .stream(length: size) { body in
                    var left = size
                    while left > 0 {
                        try await body.write(Array(piece.prefix(left)))
                        left -= min(left, piece.count)
                    }
                })
        }
        try await withServer(handler: handler) { client in
            for path in ["/bytes", "/stream"] {
                let wire = try await client.connect()
                try await wire.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await wire.head().header("Content-Length") == "\(size)")
                var got = 0
                while got < size { got += try await wire.some(upTo: 10_000).count }
                #expect(got == size)
                await wire.stream.close()
            }
        }
    }

    @Test func aFileIsSentInWholeAndInPart() async throws {
        let path = "/tmp/martlet-\(UUID(SystemChance()).hex)"
        let content = SeededChance(seed: 1).bytes(3_000_000)
        try write(content, to: path)
        defer { unlink(path) }
        let handler: HTTPServer.Handler = { request in
            let slice = try? FileSlice(path: path, range: request.path == "/part" ? 1_000..<2_500_000 : nil)
            return slice.map { HTTPResponse(200, body: .file($0)) } ?? HTTPResponse(404)
        }
        try await withServer(handler: handler) { client in
            let wire = try await client.connect()
            for (path, expected) in [("/", content[...]), ("/part", content[1_000..<2_500_000])] {
                try await wire.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await wire.head().header("Content-Length") == "\(expected.count)")
                var got: [UInt8] = []
                while got.count < expected.count { got += try await wire.some() }
                #expect(got.elementsEqual(expected))
            }
            await wire.stream.close()
        }
    }

    @Test func anUploadIsReadOnlyAsFastAsTheHandlerWants() async throws {
        let size = 30_000_000
        let handler: HTTPServer.Handler = { request in
            var got = 0
            while let piece = try? await request.body.next() {
                guard piece.count <= 256 * 1024 else { return HTTPResponse(500) }
                got += piece.count
            }
            return HTTPResponse(200, body: .bytes(Array("\(got)".utf8)))
        }
        try await withServer(handler: handler) { client in
            let wire = try await client.connect()
            try await wire.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
            try await wire.stream.write([UInt8](repeating: 1, count: size))
            _ = try await wire.head()
            #expect(try await wire.text(8) == "\(size)")
            await wire.stream.close()
        }
    }
}
