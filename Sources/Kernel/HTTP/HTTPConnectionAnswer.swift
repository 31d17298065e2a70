import Base
import IO

/// Writing the answer to the request that is being handled.
extension HTTPConnection: HTTPBodySink {
    enum Outgoing {
        case length(left: Int)
        case chunked
        case untilClose
        case done
    }

    /// A body up to this size goes out with its head, in one call; beyond, copying would cost more than the call.
    private static let smallBody = 64 * 1024
    /// What is sent of a large body before its time limit begins anew.
    private static let sentAtOnce = 1024 * 1024

    /// The usual case, a small answer on a connection that goes on, without a wait. What the kernel had no room for is
    /// returned; nil if there is more to this answer.
    func answerAtOnce(_ request: HTTPRequest, with response: HTTPResponse) -> ArraySlice<UInt8>? {
        guard let framing, framing.keepsAlive, !isStopping, input.isBodyDone, request.method != "HEAD",
            let body = response.body.held, body.count <= HTTPConnection.smallBody,
            body.isEmpty || HTTPConnection.mayHaveBody(response.status), !response.headers.contains("connection")
        else { return nil }
        let output = small(response, body, keepsAlive: true)
        guard let sent = try? socket.writeAtOnce(output) else { return output[...] }
        return output[sent...]
    }

    private func small(_ response: HTTPResponse, _ body: [UInt8], keepsAlive: Bool) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(512 + body.count)
        writeHead(response, isHead: false, keepsAlive: keepsAlive, to: &output)
        output.append(contentsOf: body)
        return output
    }

    /// Whether the connection can take another request afterwards.
    func answer(_ request: HTTPRequest, with response: HTTPResponse) async -> Bool {
        guard let framing else { return false }
        if case .webSocket(let subprotocol, let talk) = response.body {
            return await upgrade(request, framing, response.headers, subprotocol, talk)
        }
        var keepsAlive = framing.keepsAlive && !isStopping && !response.headers.lists("close", in: "connection")
        do throws(Failure) {
            // An answer that is made piece by piece may be made from the request's body.
            if awaitsContinue, response.status < 300, case .stream = response.body { try await askForBody() }
            // Who wasn't asked for its body by now may or may not send it: nothing can be read from there any more.
            if awaitsContinue && !input.isBodyDone { input.breakOff() }
            if case .broken = input.body { keepsAlive = false }
            try await write(response, isHead: request.method == "HEAD", keepsAlive: keepsAlive)
        } catch {
            return false
        }
        if case .untilClose = outgoing { return false }
        if keepsAlive, await skipRestOfBody() { return true }
        mustLinger = !input.isBodyDone
        return false
    }

    func write(_ response: HTTPResponse, isHead: Bool, keepsAlive: Bool) async throws(Failure) {
        let hasBody = !isHead && HTTPConnection.mayHaveBody(response.status)
        if case .bytes(let body) = response.body, hasBody, body.count <= HTTPConnection.smallBody {
            try await socket.write(small(response, body, keepsAlive: keepsAlive), by: patience)
            return
        }
        var output: [UInt8] = []
        output.reserveCapacity(512)
        writeHead(response, isHead: isHead, keepsAlive: keepsAlive, to: &output)
        guard hasBody else {
            try await socket.write(output, by: patience)
            return
        }
        switch response.body {
        case .none, .webSocket: try await socket.write(output, by: patience)
        case .bytes(let body):
            try await socket.write(output, moreFollows: true, by: patience)
            try await send(body)
        case .file(let slice):
            try await socket.write(output, moreFollows: slice.length > 0, by: patience)
            try await send(slice)
        case .stream(let length, let produce):
            try await socket.write(output, by: patience)
            try await send(length, produce)
        }
    }

    var patience: Deadline { socket.deadline(service.slowBody) }

    // MARK: The head

    private static func mayHaveBody(_ status: Int) -> Bool { status >= 200 && status != 204 && status != 304 }

    private func writeHead(_ response: HTTPResponse, isHead: Bool, keepsAlive: Bool, to output: inout [UInt8]) {
        var keepsAlive = keepsAlive
        HTTPConnection.writeStatus(response.status, to: &output)
        service.date.append(to: &output)
        let ownLength = isHead || response.status == 304
        response.headers.write(to: &output) { field in
            switch field.name.count {
            case 4: response.headers.isNamed(field, "date")
            case 10: response.headers.isNamed(field, "connection")
            case 14: response.headers.isNamed(field, "content-length") && !(ownLength && response.body.isNone)
            case 17: response.headers.isNamed(field, "transfer-encoding")
            default: false
            }
        }
        if HTTPConnection.mayHaveBody(response.status) { writeFraming(response, isHead, &keepsAlive, to: &output) }
        if !keepsAlive {
            output.append("Connection: close\r\n")
        } else if let framing, framing.isOldVersion {
            output.append("Connection: keep-alive\r\n")
        }
        output.append("\r\n")
    }

    static func writeStatus(_ status: Int, to output: inout [UInt8]) {
        output.append("HTTP/1.1 ")
        output.append(decimal: status)
        output.append(HTTPSyntax.blank)
        output.append(HTTPStatus.reason(status))
        output.append("\r\n")
    }

    private func writeFraming(
        _ response: HTTPResponse, _ isHead: Bool, _ keepsAlive: inout Bool, to output: inout [UInt8]
    ) {
        let length: Int?
        switch response.body {
        case .none, .webSocket: length = isHead && response.headers.contains("content-length") ? nil : 0
        case .bytes(let bytes): length = bytes.count
        case .file(let slice): length = slice.length
        case .stream(let count, _):
            length = count
            if count == nil {
                if framing?.isOldVersion == true {
                    keepsAlive = false
                } else {
                    output.append("Transfer-Encoding: chunked\r\n")
                }
            }
        }
        guard let length else { return }
        output.append("Content-Length: ")
        output.append(decimal: length)
        output.append("\r\n")
    }

    // MARK: The body

    private func send(_ body: [UInt8]) async throws(Failure) {
        var start = 0
        while start < body.count {
            let end = min(start + HTTPConnection.sentAtOnce, body.count)
            try await socket.write(Array(body[start..<end]), by: patience)
            start = end
        }
    }

    private func send(_ slice: FileSlice) async throws(Failure) {
        var start = 0
        while start < slice.length {
            let count = min(HTTPConnection.sentAtOnce, slice.length - start)
            try await socket.sendFile(slice, start..<(start + count), by: patience)
            start += count
        }
    }

    private func send(
        _ length: Int?, _ produce: @Sendable (HTTPBodyWriter) async throws -> Void
    ) async throws(Failure) {
        if let length {
            outgoing = .length(left: length)
        } else {
            outgoing = framing?.isOldVersion == true ? .untilClose : .chunked
        }
        do { try await produce(HTTPBodyWriter(sink: self, message: message)) } catch { throw Failure(error) }
        switch outgoing {
        case .length(let left) where left > 0: throw .bug("A body is shorter than was said.")
        case .chunked: try await socket.write(Array("0\r\n\r\n".utf8), by: patience)
        default: break
        }
        if case .untilClose = outgoing { return }
        outgoing = .done
    }

    func take(_ bytes: [UInt8], of message: UInt64) async throws(Failure) {
        guard message == self.message else { throw .bug("A body is written after its request was answered.") }
        switch outgoing {
        case .done: throw .bug("A body is written after its end.")
        case .untilClose: try await send(bytes)
        case .length(let left):
            guard bytes.count <= left else { throw .bug("A body is longer than was said.") }
            outgoing = .length(left: left - bytes.count)
            try await send(bytes)
        case .chunked:
            var chunk: [UInt8] = []
            let isSmall = bytes.count <= HTTPConnection.smallBody
            chunk.reserveCapacity(20 + (isSmall ? bytes.count : 0))
            chunk.append(hexadecimal: bytes.count)
            chunk.append("\r\n")
            if isSmall {
                chunk.append(contentsOf: bytes)
                chunk.append("\r\n")
                try await socket.write(chunk, by: patience)
            } else {
                try await socket.write(chunk, moreFollows: true, by: patience)
                try await send(bytes)
                try await socket.write(Array("\r\n".utf8), by: patience)
            }
        }
    }
}

extension HTTPResponse.Body {
    /// What is there already.
    var held: [UInt8]? {
        switch self {
        case .none: []
        case .bytes(let bytes): bytes
        case .file, .stream, .webSocket: nil
        }
    }

    var isNone: Bool {
        if case .none = self { return true }
        return false
    }
}
