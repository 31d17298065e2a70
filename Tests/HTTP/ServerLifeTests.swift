import Base
import HTTP
import IO
import Synchronization
import Testing

@Suite struct ServerLifeTests {
    @Test(arguments: [
        (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        (400, "nonsense\r\n\r\n"), (505, "GET / HTTP/3.0\r\nHost: a\r\n\r\n"),
        (414, "GET /" + String(repeating: "a", count: 20_000) + " HTTP/1.1\r\nHost: a\r\n\r\n"),
        (431, "GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 200) + "\r\n"),
    ]) func whatIsMalformedIsSaidAndEndsTheConnection(status: Int, text: String) async throws {
        try await withServer(handler: ServerTests.hello) { client in
            let answer = try await client.talk(text + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
            #expect(answer.header("Connection") == "close")
            #expect(!answer.contains("/next"))
        }
    }

    @Test func aBadChunkIsTheHandlersToAnswerAndEndsTheConnection() async throws {
        try await withServer(handler: ServerTests.echo) { client in
            let answer = try await client.talk(
                "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
            )
            #expect(answer.hasPrefix("HTTP/1.1 400 "))
            #expect(answer.header("Connection") == "close")
        }
    }

    @Test func aBodyThatEndsEarlyIsNoWholeOne() async throws {
        try await withServer(handler: ServerTests.echo) { client in
            let wire = try await client.connect()
            try await wire.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive.")
            await wire.stream.finishWriting()
            #expect(try await wire.rest().hasPrefix("HTTP/1.1 400 "))
            await wire.stream.close()
        }
    }

    @Test func aClientThatStopsInTheMiddleOfAHeadIsGivenUp() async throws {
        var limits = HTTPLimits()
        limits.slowHead = .milliseconds(50)
        try await withServer(limits: limits, handler: ServerTests.hello) { client in
            let answer = try await client.talk("GET / HTTP/1.1\r\nHo")
            #expect(answer.hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test func aSilentConnectionIsClosedWithoutAWord() async throws {
        var limits = HTTPLimits()
        limits.idle = .milliseconds(50)
        try await withServer(limits: limits, handler: ServerTests.hello) { client in
            let answer = try await client.talk("")
            #expect(answer == "")
        }
    }

    @Test func aBodyThatStandsStillIsGivenUp() async throws {
        var limits = HTTPLimits()
        limits.slowBody = .milliseconds(50)
        let handler: HTTPServer.Handler = { request in
            do throws(Failure) { _ = try await request.body.collect(limit: 10) } catch {
                return HTTPResponse(error.kind == .timedOut ? 408 : 500)
            }
            return HTTPResponse(200)
        }
        try await withServer(limits: limits, handler: handler) { client in
            let answer = try await client.talk("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive.")
            #expect(answer.hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test func oneConnectionTooManyIsTurnedAway() async throws {
        var limits = HTTPLimits()
        limits.connections = 2
        try await withServer(limits: limits, loops: 1, handler: ServerTests.hello) { client in
            let first = try await client.connect()
            let second = try await client.connect()
            for wire in [first, second] {
                try await wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await wire.head().hasPrefix("HTTP/1.1 200 "))
            }
            #expect(try await client.talk("").hasPrefix("HTTP/1.1 503 "))
            await first.stream.close()
            await second.stream.close()
        }
    }

    @Test func aHandlerIsNotCancelledWhenItsClientGoes() async throws {
        let (done, finish) = AsyncStream<Bool>.makeStream()
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let (gone, leave) = AsyncStream<Void>.makeStream()
        let handler: HTTPServer.Handler = { _ in
            begin.finish()
            for await _ in gone {}
            finish.yield(Task.isCancelled)
            return HTTPResponse(200)
        }
        try await withServer(handler: handler) { client in
            let wire = try await client.connect()
            try await wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            for await _ in begun {}
            await wire.stream.close()
            leave.finish()
            var cancelled = done.makeAsyncIterator()
            #expect(await cancelled.next() == false)
        }
    }

    @Test func aStoppingServerFinishesWhatIsInFlight() async throws {
        let loops = Loops(count: 2)
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let (go, release) = AsyncStream<Void>.makeStream()
        let path = "/tmp/martlet-\(UUID(SystemChance()).hex).sock"
        let server = try HTTPServer(on: loops, listeners: [.init(.unix(path: path))]) { request in
            if request.path == "/slow" {
                begin.finish()
                for await _ in go {}
            }
            return HTTPResponse(200, body: .bytes(Array("done".utf8)))
        }
        let running = Task { try await server.run() }
        let client = Client(address: server.addresses[0].address, loops: loops)
        let idle = try await client.connect()
        try await idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = try await idle.head()
        let busy = try await client.connect()
        try await busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        for await _ in begun {}
        running.cancel()
        #expect(try await idle.rest() == "done", "An idle connection is closed at once.")
        await #expect(throws: Failure.self) { try await client.connect() }
        release.finish()
        let answer = try await busy.rest()
        #expect(answer.hasSuffix("done"))
        #expect(answer.header("Connection") == "close")
        try await running.value
        await loops.stop()
    }

    @Test func aHandlerThatDoesNotEndIsCancelledWhenTheServerStops() async throws {
        var limits = HTTPLimits()
        limits.stop = .milliseconds(50)
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let handler: HTTPServer.Handler = { _ in
            begin.finish()
            do { try await SystemClock().sleep(for: .seconds(3_600)) } catch { return HTTPResponse(503) }
            return HTTPResponse(200)
        }
        try await withServer(limits: limits, handler: handler) { client in
            let wire = try await client.connect()
            try await wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            for await _ in begun {}
        }
    }
}
