import Base
import Glibc
import HTTP
import IO
import Testing

/// A server on a free port that lives as long as the body, and stops the way the program does.
func withServer(
    limits: HTTPLimits = HTTPLimits(), loops count: Int = 2, address: Address = .tcp(host: "127.0.0.1", port: 0),
    handler: @escaping HTTPServer.Handler, _ body: (Client) async throws -> Void
) async throws {
    try await withServer(.init(address), limits: limits, loops: count, handler: handler, body)
}

func withServer(
    _ listen: HTTPServer.Listen, limits: HTTPLimits = HTTPLimits(), loops count: Int = 2,
    handler: @escaping HTTPServer.Handler, _ body: (Client) async throws -> Void
) async throws {
    let loops = Loops(count: count)
    let server = try HTTPServer(on: loops, listeners: [listen], limits: limits, handler: handler)
    let running = Task { try await server.run() }
    let result: Result<Void, any Error>
    do {
        try await body(Client(address: server.addresses[0].address, loops: loops))
        result = .success(())
    } catch { result = .failure(error) }
    running.cancel()
    try await running.value
    await loops.stop()
    try result.get()
}

/// Speaks bytes, so that a test sees exactly what is sent.
struct Client {
    let address: Address
    let loops: Loops

    func connect() async throws -> Wire { Wire(stream: try await Stream.connect(to: address, on: loops)) }

    /// Sends it all on a connection of its own and returns everything that comes until the server hangs up.
    func talk(_ text: String) async throws -> String {
        let wire = try await connect()
        try await wire.send(text)
        let answer = try await wire.rest()
        await wire.stream.close()
        return answer
    }
}

final class Wire {
    let stream: Stream
    private var pending: [UInt8] = []

    init(stream: Stream) { self.stream = stream }

    func send(_ text: String) async throws { try await stream.write(Array(text.utf8), by: .after(.seconds(120))) }

    func rest() async throws -> String {
        while let bytes = try await stream.read(by: .after(.seconds(120))) { pending += bytes }
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }

    func bytes(_ count: Int) async throws -> [UInt8] {
        while pending.count < count {
            pending += try #require(try await stream.read(by: .after(.seconds(120))))
        }
        defer { pending.removeFirst(count) }
        return Array(pending.prefix(count))
    }

    /// What is there, at most so much.
    func some(upTo limit: Int = 64 * 1024) async throws -> [UInt8] {
        if pending.isEmpty { pending = try #require(try await stream.read(upTo: limit, by: .after(.seconds(120)))) }
        defer { pending = [] }
        return pending
    }

    func text(_ count: Int) async throws -> String { String(decoding: try await bytes(count), as: UTF8.self) }

    /// Up to and with the empty line.
    func head() async throws -> String {
        var head = ""
        while !head.hasSuffix("\r\n\r\n") { head += try await text(1) }
        return head
    }
}

extension String {
    /// The value of a header in a head.
    func header(_ name: String) -> String? {
        for line in split(separator: "\r\n") where line.lowercased().hasPrefix(name.lowercased() + ": ") {
            return String(line.dropFirst(name.count + 2))
        }
        return nil
    }
}

func write(_ bytes: [UInt8], to path: String) throws {
    let file = try #require(fopen(path, "w"))
    defer { fclose(file) }
    #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
}
