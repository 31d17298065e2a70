import Base
import IO

/// One connection of a client: one request at a time.
actor HTTPClientConnection: HTTPBodySource {
    struct Problem: Error {
        let failure: Failure
        /// The server cannot have acted on it, or acting twice does no harm.
        let mayBeRepeated: Bool
    }

    nonisolated let stream: Stream
    nonisolated var unownedExecutor: UnownedSerialExecutor { stream.unownedExecutor }

    private let host: String
    private let limits: HTTPClient.Limits
    private let giveBack: @Sendable (HTTPClientConnection) async -> Void
    private var input = HTTPInput()
    private var keepsAlive = false
    private var exchanges: UInt64 = 0

    /// - Parameter giveBack: called when the connection can take the next request.
    init(
        _ stream: Stream, host: String, limits: HTTPClient.Limits,
        giveBack: @escaping @Sendable (HTTPClientConnection) async -> Void
    ) {
        self.stream = stream
        self.host = host
        self.limits = limits
        self.giveBack = giveBack
    }

    /// A reply that nobody reads to its end takes its connection along.
    deinit { stream.abandon() }

    func close() async { await stream.close() }

    /// Nothing has come since the last reply, not even a goodbye.
    var isUsable: Bool { get async { input.isEmpty ? await stream.isSilent : false } }

    // MARK: The exchange

    func exchange(_ request: HTTPRequest, by deadline: Deadline) async throws(Problem) -> HTTPReply {
        let isReused = exchanges > 0
        exchanges += 1
        let mayRepeat = isReused && HTTPClientConnection.isRepeatable(request)
        do throws(Failure) {
            let isEarly = try await send(request, by: deadline)
            let head = try await readHead(by: deadline)
            return try await reply(head, to: request, isEarly: isEarly)
        } catch {
            await stream.close()
            let isUntouched = input.isEmpty && error.kind == .unavailable && !Task.isCancelled
            throw Problem(failure: error, mayBeRepeated: mayRepeat && isUntouched)
        }
    }

    private static func isRepeatable(_ request: HTTPRequest) -> Bool {
        let isIdempotent = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].contains(request.method)
        return isIdempotent && (request.body.isEmpty || request.body.held != nil)
    }

    /// True if the server answered before it got the body, which it then won't get.
    private func send(_ request: HTTPRequest, by deadline: Deadline) async throws(Failure) -> Bool {
        var output = head(of: request)
        if let held = request.body.held, held.count <= Socket.usualRead {
            output += held
            try await stream.write(output, by: deadline)
            return false
        }
        try await stream.write(output, moreFollows: false, by: deadline)
        guard !request.body.isEmpty else { return false }
        if isAnnounced(request), try await isAnsweredEarly(by: deadline) { return true }
        return try await !sendBody(request.body.held.map { HTTPBody($0) } ?? request.body)
    }

    private func isAnnounced(_ request: HTTPRequest) -> Bool {
        (request.body.length ?? .max) > limits.announced
    }

    private func head(of request: HTTPRequest) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(512)
        output.append(contentsOf: request.method.utf8.map { HTTPSyntax.isToken($0) ? $0 : UInt8(ascii: "-") })
        output.append(HTTPSyntax.blank)
        output.append(contentsOf: request.target.utf8.filter(HTTPSyntax.isTarget))
        output.append(" HTTP/1.1\r\n")
        var headers = request.headers
        if !headers.contains("host") { headers["Host"] = host }
        headers.write(to: &output) { field in
            ["connection", "content-length", "transfer-encoding", "expect"].contains { headers.isNamed(field, $0) }
        }
        if let length = request.body.length {
            if length > 0 || !["GET", "HEAD", "DELETE", "OPTIONS"].contains(request.method) {
                output.append("Content-Length: ")
                output.append(decimal: length)
                output.append("\r\n")
            }
        } else {
            output.append("Transfer-Encoding: chunked\r\n")
        }
        if !request.body.isEmpty && isAnnounced(request) { output.append("Expect: 100-continue\r\n") }
        output.append("\r\n")
        return output
    }

    /// False if the server hung up on it. It may have answered before, and then that says more than our broken pipe.
    private func sendBody(_ body: HTTPBody) async throws(Failure) -> Bool {
        var left = body.length
        while let piece = try await body.next() {
            guard !piece.isEmpty else { continue }
            if let known = left {
                guard piece.count <= known else { throw .bug("A request's body is longer than was said.") }
                left = known - piece.count
                guard try await isTaken(piece) else { return false }
            } else {
                var size: [UInt8] = []
                size.append(hexadecimal: piece.count)
                size.append("\r\n")
                guard try await isTaken(size, piece, Array("\r\n".utf8)) else { return false }
            }
        }
        guard let left else { return try await isTaken(Array("0\r\n\r\n".utf8)) }
        guard left == 0 else { throw .bug("A request's body is shorter than was said.") }
        return true
    }

    private func isTaken(_ pieces: [UInt8]...) async throws(Failure) -> Bool {
        do throws(Failure) {
            for piece in pieces { try await stream.write(piece, by: .after(limits.slowBody)) }
            return true
        } catch {
            guard error.kind == .unavailable, !Task.isCancelled else { throw error }
            return false
        }
    }

    /// Waits a little for what the server says to an announced body. Anything but "go on" is the answer.
    private func isAnsweredEarly(by deadline: Deadline) async throws(Failure) -> Bool {
        do throws(Failure) {
            let bytes = try await stream.read(by: min(deadline, .after(limits.expectation)))
            guard let bytes else { throw .unavailable("The server hung up without an answer.") }
            input.add(bytes)
        } catch {
            guard error.kind == .timedOut, deadline > .now else { throw error }
            return false
        }
        let head = try await readHead(by: deadline, interim: true)
        guard case .response(100) = head.startLine else { return true }
        input.begin(.none, at: head.end)
        return false
    }

    // MARK: The reply

    /// - Parameter interim: whether a 100 is wanted; else it is passed over.
    private func readHead(by deadline: Deadline, interim: Bool = false) async throws(Failure) -> HTTPHeadParser {
        var parser = HTTPHeadParser(.response, limits: HTTPLimits(), start: input.place)
        while true {
            let isWhole: Bool
            do throws(HTTPRefusal) { isWhole = try parser.parse(input.bytes.span) } catch { throw malformed(error) }
            if !isWhole {
                guard let bytes = try await stream.read(by: deadline) else {
                    throw .unavailable("The server hung up without an answer.")
                }
                let isFirst = input.isEmpty
                input.add(bytes)
                if isFirst { parser = HTTPHeadParser(.response, limits: HTTPLimits(), start: input.place) }
                continue
            }
            guard case .response(let status) = parser.startLine, (100..<200).contains(status), !interim else {
                return parser
            }
            guard status != 101 else { throw .unavailable("The server switches to a protocol that was not asked for.") }
            input.begin(.none, at: parser.end)
            parser = HTTPHeadParser(.response, limits: HTTPLimits(), start: input.place)
        }
    }

    private func reply(_ head: HTTPHeadParser, to request: HTTPRequest, isEarly: Bool) async throws(Failure)
        -> HTTPReply
    {
        guard case .response(let status) = head.startLine else { throw .bug("A reply without a status.") }
        let headers = HTTPHeaders(bytes: input.bytes, fields: head.fields)
        let framing: HTTPFraming
        do throws(HTTPRefusal) {
            framing = try HTTPFraming(
                response: headers, minorVersion: head.minorVersion, status: status, method: request.method)
        } catch { throw malformed(error) }
        keepsAlive = framing.keepsAlive && !isEarly
        input.begin(framing.body, at: head.end)
        var length: Int?
        switch framing.body {
        case .none: length = 0
        case .length(let count): length = count
        case .chunked, .untilClose: break
        }
        if input.isBodyDone {
            await finish()
            return HTTPReply(status: status, headers: headers, body: .empty)
        }
        let body = HTTPBody(length: length, source: self, message: exchanges)
        // A body that is there already needs no connection any more: it goes to the next who asks.
        if let length, input.bytes.count - input.place >= length, let whole = try await body.next() {
            return HTTPReply(status: status, headers: headers, body: HTTPBody(whole))
        }
        return HTTPReply(status: status, headers: headers, body: body)
    }

    private func malformed(_ refusal: HTTPRefusal) -> Failure {
        .unavailable("The server's answer cannot be understood: \(refusal.message)")
    }

    func nextPiece(of message: UInt64) async throws(Failure) -> [UInt8]? {
        guard message == exchanges, !input.isBodyDone else { return nil }
        do throws(Failure) {
            let piece = try await nextPiece()
            if input.isBodyDone { await finish() }
            return piece
        } catch {
            input.breakOff()
            await stream.close()
            throw error
        }
    }

    private func nextPiece() async throws(Failure) -> [UInt8]? {
        while true {
            let piece: HTTPInput.Piece
            do throws(HTTPRefusal) { piece = try input.nextPiece() } catch { throw malformed(error) }
            switch piece {
            case .data(let bytes): return bytes
            case .end: return nil
            case .needsMore(let limit):
                guard let bytes = try await stream.read(upTo: limit, by: .after(limits.slowBody)) else {
                    guard input.close() else { throw .unavailable("The server hung up in the middle of its answer.") }
                    continue
                }
                input.add(bytes)
            }
        }
    }

    private func finish() async {
        if keepsAlive && input.isEmpty { await giveBack(self) } else { await stream.close() }
    }
}
