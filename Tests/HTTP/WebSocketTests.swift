import Base
import IO
import Testing

@testable import HTTP

@Suite struct WebSocketTests {
    static let handshake =
        "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

    static let echo: HTTPServer.Handler = { _ in
        HTTPResponse(
            101,
            body: .webSocket(subprotocol: "binary") { socket in
                while let message = try? await socket.receive() { try? await socket.send(message) }
            })
    }

    /// As a client sends it: masked.
    static func frame(_ kind: UInt8, _ payload: [UInt8], isLast: Bool = true) -> [UInt8] {
        var bytes: [UInt8] = [(isLast ? 0x80 : 0) | kind]
        switch payload.count {
        case ..<126: bytes.append(0x80 | UInt8(payload.count))
        case ..<65_536: bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default:
            bytes.append(0x80 | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift))
            }
        }
        let mask: [UInt8] = [1, 200, 3, 77]
        return bytes + mask + payload.enumerated().map { $0.element ^ mask[$0.offset % 4] }
    }

    func open(_ client: Client) async throws -> Wire {
        let wire = try await client.connect()
        try await wire.send(WebSocketTests.handshake)
        let head = try await wire.head()
        #expect(head.hasPrefix("HTTP/1.1 101 "))
        #expect(head.header("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(head.header("Sec-WebSocket-Protocol") == "binary")
        return wire
    }

    @Test func messagesComeBack() async throws {
        try await withServer(handler: WebSocketTests.echo) { client in
            let wire = try await open(client)
            try await wire.stream.write(WebSocketTests.frame(1, Array("hello".utf8)))
            #expect(try await wire.bytes(7) == [0x81, 5] + Array("hello".utf8))
            let large = SeededChance(seed: 3).bytes(100_000)
            try await wire.stream.write(WebSocketTests.frame(2, large))
            #expect(try await wire.bytes(10) == [0x82, 127, 0, 0, 0, 0, 0, 1, 0x86, 0xA0])
            #expect(try await wire.bytes(100_000) == large)
            await wire.stream.close()
        }
    }

    @Test func fragmentsBecomeOneMessageAndPingsMayComeBetween() async throws {
        try await withServer(handler: WebSocketTests.echo) { client in
            let wire = try await open(client)
            try await wire.stream.write(
                WebSocketTests.frame(1, Array("one ".utf8), isLast: false) + WebSocketTests.frame(9, [7, 8])
                    + WebSocketTests.frame(0, Array("message".utf8)))
            #expect(try await wire.bytes(4) == [0x8A, 2, 7, 8])
            #expect(try await wire.bytes(13) == [0x81, 11] + Array("one message".utf8))
            await wire.stream.close()
        }
    }

    @Test func closingIsAnswered() async throws {
        try await withServer(handler: WebSocketTests.echo) { client in
            let wire = try await open(client)
            try await wire.stream.write(WebSocketTests.frame(8, [0x03, 0xE9]))
            #expect(try await wire.rest() == String(decoding: [0x88, 2, 0x03, 0xE9] as [UInt8], as: UTF8.self))
            await wire.stream.close()
        }
    }

    @Test(
        arguments: [
            ([0x81, 0x01, 0x41], 1002), ([0xC1, 0x81, 0, 0, 0, 0, 0x41], 1002), (frame(3, []), 1002),
            (frame(0, [1]), 1002), (frame(1, [0xFF]), 1007), (frame(9, [], isLast: false), 1002),
            (frame(9, [UInt8](repeating: 0, count: 126)), 1002), (frame(8, [1]), 1002), (frame(8, [0x03, 0xED]), 1002),
            (frame(1, [0x41], isLast: false) + frame(1, [0x41]), 1002), ([0x82, 0xFE, 0, 5], 1002),
            ([0x82, 0xFF, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF], 1009),
            (
                frame(2, [UInt8](repeating: 0, count: 700_000), isLast: false)
                    + frame(0, [UInt8](repeating: 0, count: 700_000)), 1009
            ),
        ] as [([UInt8], Int)]) func whatBreaksTheProtocolClosesWithItsCode(bytes: [UInt8], code: Int) async throws
    {
        try await withServer(handler: WebSocketTests.echo) { client in
            let wire = try await open(client)
            try await wire.stream.write(bytes)
            #expect(try await wire.bytes(4) == [0x88, 2, UInt8(code >> 8), UInt8(code & 255)])
            await wire.stream.close()
        }
    }

    @Test func whoDidNotAskForAWebSocketIsToldSo() async throws {
        try await withServer(handler: WebSocketTests.echo) { client in
            let answer = try await client.talk("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 426 "))
            #expect(answer.header("Upgrade") == "websocket")
        }
    }
}

@Suite struct PercentCodingTests {
    @Test func textIsEncodedAndDecoded() throws {
        #expect(PercentCoding.decode("a%2Fb%20%C3%A4+") == "a/b \u{e4}+")
        #expect(PercentCoding.decode("a+b", plusIsBlank: true) == "a b")
        #expect(PercentCoding.encode("a/b \u{e4}~", keeping: "/") == "a/b%20%C3%A4~")
        #expect(PercentCoding.encode("a/b") == "a%2Fb")
        for bad: Substring in ["%", "%4", "%zz", "%FF"] { #expect(PercentCoding.decode(bad) == nil) }
    }

    @Test func aQueryKeepsItsOrder() throws {
        let query = try HTTPQuery("b=1&a=x%20y&flag&b=2&=z&e=")
        #expect(
            query.items == [
                .init("b", "1"), .init("a", "x y"), .init("flag", nil), .init("b", "2"), .init("", "z"), .init("e", ""),
            ])
        #expect(query["b"] == "1")
        #expect(query["flag"] == "")
        #expect(query["absent"] == nil)
        #expect(query.all("b") == ["1", "2"])
        #expect(query.text == "b=1&a=x%20y&flag&b=2&=z&e=")
        #expect(throws: Failure.self) { try HTTPQuery("a=%x") }
    }

    @Test func theDateIsWrittenAsTheProtocolWantsIt() {
        #expect(HTTPDate.text(Moment(seconds: 784_111_777)) == "Sun, 06 Nov 1994 08:49:37 GMT")
    }
}
