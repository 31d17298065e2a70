import Base
import Glibc
import IO
import Testing

@Suite struct StreamTests {
    static let addresses = [
        Address.tcp(host: "127.0.0.1", port: 0), .tcp(host: "::1", port: 0), .tcp(host: "localhost", port: 0),
        .unix(path: "/tmp/martlet-\(UUID(SystemChance()).hex).sock"),
    ]

    @Test(arguments: addresses) func whatIsWrittenArrives(address: Address) async throws {
        try await withLoops { loops in
            let listener = try Listener(address, on: loops.all[0])
            async let accepted = listener.accept()
            let client = try await Stream.connect(to: listener.local.address, on: loops)
            let server = try #require(try await accepted)
            try await client.write(Array("ping".utf8))
            #expect(try await server.read() == Array("ping".utf8))
            try await server.write(Array("pong".utf8))
            #expect(try await client.read() == Array("pong".utf8))
            await client.finishWriting()
            #expect(try await server.read() == nil)
            await server.close()
            #expect(try await client.read() == nil)
            await client.close()
            await listener.close()
            #expect(try await listener.accept() == nil)
        }
    }

    @Test func aSlowReaderHoldsTheWriterBack() async throws {
        try await withLoops { loops in
            let (left, right) = try Stream.pair(on: loops)
            let total = 8 * 1024 * 1024
            async let writing: Void = left.write([UInt8](repeating: 7, count: total))
            var got = 0
            while got < total, let bytes = try await right.read(upTo: 200_000) { got += bytes.count }
            try await writing
            #expect(got == total)
            await left.close()
            await right.close()
        }
    }

    @Test func readingAndWritingGoOnAtOnce() async throws {
        try await withLoops { loops in
            let (left, right) = try Stream.pair(on: loops)
            let total = 3_000_000
            @Sendable func fill(_ stream: Stream) async throws {
                try await stream.write([UInt8](repeating: 1, count: total))
            }
            @Sendable func drain(_ stream: Stream) async throws -> Int {
                var got = 0
                while got < total, let bytes = try await stream.read() { got += bytes.count }
                return got
            }
            async let a: Void = fill(left)
            async let b: Void = fill(right)
            async let c = drain(left)
            async let d = drain(right)
            #expect(try await c == total)
            #expect(try await d == total)
            try await a
            try await b
            await left.close()
            await right.close()
        }
    }

    @Test func aDeadlineEndsAWait() async throws {
        try await withLoops { loops in
            let (left, right) = try Stream.pair(on: loops)
            let failure = await #expect(throws: Failure.self) { try await left.read(by: .after(.milliseconds(30))) }
            #expect(failure?.kind == .timedOut)
            try await right.write([1])
            #expect(try await left.read() == [1])
            await left.close()
            await right.close()
        }
    }

    @Test func cancellationEndsAWaitAndLeavesTheStreamWhole() async throws {
        try await withLoops { loops in
            let (left, right) = try Stream.pair(on: loops)
            let reading = Task { try await left.read() }
            reading.cancel()
            await #expect(throws: Failure.self) { try await reading.value }
            try await right.write([2])
            #expect(try await left.read() == [2])
            await left.close()
            await right.close()
        }
    }

    @Test func closingWakesTheReader() async throws {
        try await withLoops { loops in
            let (left, right) = try Stream.pair(on: loops)
            let reading = Task(executorPreference: loops.all[0]) { try await left.read() }
            await Task.yield()
            await left.close()
            await #expect(throws: Failure.self) { try await reading.value }
            #expect(try await right.read() == nil)
            await right.close()
        }
    }

    @Test func nobodyThereIsSaid() async throws {
        // Bound and not listening: so nobody else gets the port meanwhile.
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                #expect(bind(socket, raw, length) == 0)
                #expect(getsockname(socket, raw, &length) == 0)
            }
        }
        let port = Int(UInt16(bigEndian: address.sin_port))
        try await withLoops { loops in
            let failure = await #expect(throws: Failure.self) {
                try await Stream.connect(to: .tcp(host: "127.0.0.1", port: port), on: loops)
            }
            #expect(failure?.kind == .unavailable)
            #expect(failure?.message.contains("refused") == true)
        }
    }

    @Test func aPortIsTakenOnlyOnce() async throws {
        try await withLoops { loops in
            let first = try Listener(.tcp(host: "127.0.0.1", port: 0), on: loops.all[0])
            let failure = #expect(throws: Failure.self) { try Listener(first.local.address, on: loops.all[0]) }
            #expect(failure?.kind == .conflict)
            await first.close()
        }
    }

    /// A program that another test begins at this moment holds our sockets until it is itself: so a few tries.
    private func listener(at path: String, on loop: Loop) async throws -> Listener {
        for _ in 0..<100 {
            if let listener = try? Listener(.unix(path: path), on: loop) { return listener }
            try await Task.sleep(for: .milliseconds(10))
        }
        return try Listener(.unix(path: path), on: loop)
    }

    @Test func aDeadProcesssSocketIsNoHindrance() async throws {
        try await withLoops { loops in
            let path = "/tmp/martlet-\(UUID(SystemChance()).hex).sock"
            do {
                // Goes without `close`, as a killed process does: the file stays.
                _ = try Listener(.unix(path: path), on: loops.all[0])
            }
            let second = try await listener(at: path, on: loops.all[0])
            #expect(throws: Failure.self) { try Listener(.unix(path: path), on: loops.all[0]) }
            await second.close()
        }
    }
}
