package import Base
import COpenSSLTLS
import IO

/// A connection that an HTTP request was switched over to (RFC 6455), the server's end.
///
///     HTTPResponse(101, body: .webSocket(subprotocol: "binary") { socket in
///         while let message = try? await socket.receive() { try? await socket.send(message) }
///     })
///
/// Pings are answered on the way; one is sent when the client is silent, and one that stays silent is given up.
package actor WebSocket {
    package enum Message: Sendable, Equatable {
        case text(String)
        case binary([UInt8])
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { connection.loop.asUnownedSerialExecutor() }

    private let connection: Socket
    private let limits: HTTPLimits
    private var input: [UInt8]
    private var place = 0
    private var assembly: WebSocketAssembly
    private var isClosing = false
    private var isOver = false
    private var isSending = false
    private var senders: [UnsafeContinuation<Void, Never>] = []

    /// - Parameter input: what came behind the request.
    init(_ connection: Socket, limits: HTTPLimits, input: [UInt8]) {
        self.connection = connection
        self.limits = limits
        self.input = input
        assembly = WebSocketAssembly(limit: limits.webSocketMessage)
    }

    /// The next message; nil when the other end has closed.
    package func receive() async throws(Failure) -> Message? {
        while !isOver {
            switch try await nextEvent() {
            case .message(let message): return message
            case .ping(let payload): try? await transmit(WebSocketFrame(kind: .pong, isLast: true, payload: payload))
            case .close(let code):
                isOver = true
                await close(code == 1005 ? 1000 : code)
            case nil: isOver = true
            }
        }
        return nil
    }

    /// nil at the end of the connection that our own goodbye has brought.
    private func nextEvent() async throws(Failure) -> WebSocketAssembly.Event? {
        while true {
            do throws(WebSocketFrame.Violation) {
                if let event = try decode() { return event }
            } catch {
                isOver = true
                await close(error.code)
                throw .invalid("The client broke the WebSocket protocol (\(error.code)).")
            }
            do throws(Failure) { try await readMore() } catch {
                isOver = true
                if isClosing { return nil }
                isClosing = true
                throw error
            }
        }
    }

    /// What the bytes that are there complete, if anything.
    private func decode() throws(WebSocketFrame.Violation) -> WebSocketAssembly.Event? {
        while let frame = try WebSocketFrame.take(from: input, at: &place, limit: max(assembly.room, 125)) {
            guard frame.isControl || frame.payload.count <= assembly.room else { throw .tooLarge }
            if let event = try assembly.add(frame) { return event }
        }
        return nil
    }

    package func send(_ message: Message) async throws(Failure) {
        guard !isClosing else { throw .unavailable("The WebSocket is closed.") }
        switch message {
        case .text(let text):
            try await transmit(WebSocketFrame(kind: .text, isLast: true, payload: Array(text.utf8)))
        case .binary(let bytes): try await transmit(WebSocketFrame(kind: .binary, isLast: true, payload: bytes))
        }
    }

    /// Says goodbye, once. What the other end still sends can be received until it closes, too.
    package func close(_ code: UInt16 = 1000, reason: String = "") async {
        guard !isClosing else { return }
        isClosing = true
        let payload = [UInt8(code >> 8), UInt8(code & 255)] + Array(reason.utf8.prefix(123))
        try? await transmit(WebSocketFrame(kind: .close, isLast: true, payload: payload))
    }

    // MARK: Bytes

    /// How long a client may be silent before it is asked whether it is there, and how long it may take to answer.
    private static let silence = Duration.seconds(30)

    private func readMore() async throws(Failure) {
        input.removeFirst(place)
        place = 0
        guard let bytes = try await readOrAsk() else { throw .unavailable("The WebSocket's connection is lost.") }
        input.append(contentsOf: bytes)
    }

    private func readOrAsk() async throws(Failure) -> [UInt8]? {
        do throws(Failure) {
            return try await connection.read(by: .after(WebSocket.silence))
        } catch {
            guard error.kind == .timedOut else { throw error }
            try await transmit(WebSocketFrame(kind: .ping, isLast: true, payload: []))
            return try await connection.read(by: .after(WebSocket.silence))
        }
    }

    /// One frame after the other, whoever sends them.
    private func transmit(_ frame: WebSocketFrame) async throws(Failure) {
        while isSending { await withUnsafeContinuation { senders.append($0) } }
        isSending = true
        defer {
            isSending = false
            if !senders.isEmpty { senders.removeFirst().resume() }
        }
        try await connection.write(frame.bytes, by: .after(limits.slowBody))
    }
}

extension HTTPConnection {
    /// What the answer to the handshake proves: that the server has read the key as one of a WebSocket.
    private static let handshakeSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// Switches the connection over and lets the handler talk; afterwards it is over.
    func upgrade(
        _ request: HTTPRequest, _ framing: HTTPFraming, _ headers: HTTPHeaders, _ subprotocol: String?,
        _ talk: @Sendable (WebSocket) async -> Void
    ) async -> Bool {
        guard framing.upgradesToWebSocket, request.method == "GET", framing.body == .none,
            request.headers["Sec-WebSocket-Version"] == "13",
            let key = request.headers["Sec-WebSocket-Key"], key.utf8.count == 24
        else {
            let headers: HTTPHeaders = ["Upgrade": "websocket", "Sec-WebSocket-Version": "13"]
            let reason = Array("A WebSocket (version 13) is needed here.\n".utf8)
            return await answer(request, with: HTTPResponse(426, headers: headers, body: .bytes(reason)))
        }
        var headers = headers
        headers["Upgrade"] = "websocket"
        headers["Sec-WebSocket-Accept"] = HTTPConnection.proof(of: key)
        headers["Sec-WebSocket-Protocol"] = subprotocol
        var output: [UInt8] = []
        HTTPConnection.writeStatus(101, to: &output)
        headers.write(to: &output) { headers.isNamed($0, "connection") || headers.isNamed($0, "content-length") }
        output.append("Connection: Upgrade\r\n\r\n")
        guard (try? await socket.write(output, by: socket.deadline(service.slowBody))) != nil else { return false }
        let talker = WebSocket(socket, limits: service.limits, input: input.takeRest())
        await talk(talker)
        await talker.close()
        return false
    }

    private static func proof(of key: String) -> String {
        let bytes = Array((key + handshakeSuffix).utf8)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 29) { text in
            guard let base = text.baseAddress else { return "" }
            tls_sha1_base64(bytes, bytes.count, base)
            return String(cString: base)
        }
    }
}
