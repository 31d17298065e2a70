import Base

/// How a message says where its body ends, and what else its head says about the connection.
///
/// This is where requests are smuggled, when two programs read one message in two ways. So there is one way, and
/// everything else is refused.
struct HTTPFraming: Sendable {
    enum Body: Sendable, Equatable {
        case none
        case length(Int)
        case chunked
        /// Only of a response: until the server hangs up.
        case untilClose
    }

    private(set) var body = Body.none
    private(set) var keepsAlive: Bool
    /// HTTP/1.0: no chunks, and one request per connection unless both say otherwise.
    let isOldVersion: Bool
    private(set) var expectsContinue = false
    private(set) var upgradesToWebSocket = false
    private var hosts = 0
    private var lengths = 0
    private var encodings = 0
    private var length = 0
    private var hasUpgrade = false

    /// Of a request.
    init(request headers: HTTPHeaders, minorVersion: Int) throws(HTTPRefusal) {
        isOldVersion = minorVersion == 0
        keepsAlive = !isOldVersion
        for field in headers.fields { try note(field, headers) }
        guard hosts <= 1, hosts == 1 || isOldVersion else { throw .malformed("A request has one Host header.") }
        try settleBody()
        upgradesToWebSocket = hasUpgrade && headers.lists("upgrade", in: "connection")
    }

    /// Of a response to a request of that method.
    init(response headers: HTTPHeaders, minorVersion: Int, status: Int, method: String) throws(HTTPRefusal) {
        isOldVersion = minorVersion == 0
        keepsAlive = !isOldVersion
        for field in headers.fields { try note(field, headers) }
        try settleBody()
        if method == "HEAD" || status < 200 || status == 204 || status == 304 {
            body = .none
        } else if lengths == 0 && encodings == 0 {
            body = .untilClose
            keepsAlive = false
        }
    }

    private mutating func note(_ field: HTTPHeaders.Field, _ headers: HTTPHeaders) throws(HTTPRefusal) {
        switch field.name.count {
        case 4 where headers.isNamed(field, "host"):
            hosts += 1
            guard headers.value(field).allSatisfy(HTTPSyntax.isHost) else {
                throw .malformed("The Host header is no host.")
            }
        case 6 where headers.isNamed(field, "expect"):
            guard headers.valueIs(field, "100-continue") else {
                throw HTTPRefusal(417, "The only expectation that can be met is 100-continue.")
            }
            expectsContinue = !isOldVersion
        case 7 where headers.isNamed(field, "upgrade"): hasUpgrade = headers.valueIs(field, "websocket")
        case 10 where headers.isNamed(field, "connection"):
            if headers.lists("close", in: "connection") {
                keepsAlive = false
            } else if isOldVersion && headers.lists("keep-alive", in: "connection") {
                keepsAlive = true
            }
        case 14 where headers.isNamed(field, "content-length"):
            guard let value = HTTPSyntax.number(headers.value(field)) else {
                throw .malformed("Content-Length is no whole number.")
            }
            lengths += 1
            length = value
        case 17 where headers.isNamed(field, "transfer-encoding"):
            guard headers.valueIs(field, "chunked") else {
                throw HTTPRefusal(501, "The only transfer encoding that is known is chunked.")
            }
            encodings += 1
        default: break
        }
    }

    private mutating func settleBody() throws(HTTPRefusal) {
        guard lengths <= 1 else { throw .malformed("Content-Length is given more than once.") }
        guard encodings <= 1 else { throw .malformed("Transfer-Encoding is given more than once.") }
        guard lengths == 0 || encodings == 0 else {
            throw .malformed("Content-Length and Transfer-Encoding exclude each other.")
        }
        guard encodings == 0 || !isOldVersion else { throw .malformed("HTTP/1.0 has no Transfer-Encoding.") }
        if encodings == 1 { body = .chunked } else if length > 0 { body = .length(length) }
    }
}

/// Takes the chunks of a body apart.
struct HTTPChunks: Sendable {
    private enum State: Sendable {
        case size
        case data(Int)
        case afterData, trailer, done
    }

    private var state = State.size
    private var trailerBytes = 0

    /// A size, and perhaps an extension that nobody uses. Without a limit, endless ones would never be data.
    private static let longestSizeLine = 1_024
    /// Trailers are read and dropped.
    private static let longestTrailer = 8 * 1024

    var isDone: Bool {
        if case .done = state { return true }
        return false
    }

    /// Moves the data that `bytes` have from `place` on over to `data`, at most to `limit` of it. Stops where more bytes
    /// are needed, and at the end of the body.
    mutating func decode(
        _ bytes: [UInt8], from place: inout Int, into data: inout [UInt8], upTo limit: Int
    ) throws(HTTPRefusal) {
        while place < bytes.count {
            switch state {
            case .size:
                guard let line = try line(bytes, place, limit: HTTPChunks.longestSizeLine) else { return }
                let size = try HTTPChunks.size(bytes, line)
                state = size == 0 ? .trailer : .data(size)
                place = line.upperBound + 2
            case .data(let left):
                let count = min(left, bytes.count - place, limit - data.count)
                guard count > 0 else { return }
                data.append(contentsOf: bytes[place..<(place + count)])
                place += count
                state = count == left ? .afterData : .data(left - count)
            case .afterData:
                guard bytes[place] == HTTPSyntax.carriageReturn else {
                    throw .malformed("A chunk is longer than its size.")
                }
                guard place + 1 < bytes.count else { return }
                guard bytes[place + 1] == HTTPSyntax.newline else {
                    throw .malformed("A chunk is longer than its size.")
                }
                place += 2
                state = .size
            case .trailer:
                guard let line = try line(bytes, place, limit: HTTPChunks.longestTrailer - trailerBytes) else { return }
                if !line.isEmpty { _ = try HTTPHeadParser.field(bytes.span, line) }
                trailerBytes += line.count + 2
                place = line.upperBound + 2
                if line.isEmpty { state = .done }
            case .done: return
            }
        }
    }

    /// The line that begins there, without its end; nil if it isn't all there.
    private func line(_ bytes: [UInt8], _ start: Int, limit: Int) throws(HTTPRefusal) -> Range<Int>? {
        let end = min(bytes.count, start + limit)
        guard start < end, let newline = bytes[start..<end].firstIndex(of: HTTPSyntax.newline) else {
            guard bytes.count - start < limit else { throw .malformed("A line between chunks is too long.") }
            return nil
        }
        guard newline > start, bytes[newline - 1] == HTTPSyntax.carriageReturn else {
            throw .malformed("A line ends without a carriage return.")
        }
        return start..<(newline - 1)
    }

    /// Hexadecimal digits, at most 15, then nothing or `;` and an extension, which is ignored.
    private static func size(_ bytes: [UInt8], _ line: Range<Int>) throws(HTTPRefusal) -> Int {
        var size = 0
        var place = line.lowerBound
        while place < line.upperBound, let digit = Hex.value(bytes[place]) {
            guard place - line.lowerBound < 15 else { throw .malformed("A chunk's size is too large.") }
            size = size << 4 | Int(digit)
            place += 1
        }
        guard place > line.lowerBound, place == line.upperBound || bytes[place] == UInt8(ascii: ";") else {
            throw .malformed("A chunk's size is no hexadecimal number.")
        }
        for byte in bytes[place..<line.upperBound] where !HTTPSyntax.isValue(byte) {
            throw .malformed("A chunk's extension has control characters.")
        }
        return size
    }
}
