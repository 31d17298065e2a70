/// The frames of RFC 6455: pure bytes, no socket.
struct WebSocketFrame: Equatable {
    enum Kind: UInt8 {
        case continuation = 0
        case text = 1
        case binary = 2
        case close = 8
        case ping = 9
        case pong = 10
    }

    /// What a peer did wrong, as the code that the connection is closed with.
    struct Violation: Error, Equatable {
        let code: UInt16

        static let malformed = Violation(code: 1002)
        static let notText = Violation(code: 1007)
        static let tooLarge = Violation(code: 1009)
    }

    let kind: Kind
    let isLast: Bool
    var payload: [UInt8]

    var isControl: Bool { kind.rawValue >= 8 }

    /// The frame that begins at `place`, which moves behind it; nil if it isn't all there.
    /// - Parameter limit: of the payload, known from the frame's first bytes, before any of it is kept.
    static func take(from bytes: [UInt8], at place: inout Int, limit: Int) throws(Violation) -> WebSocketFrame? {
        var cursor = place
        guard bytes.count - cursor >= 2 else { return nil }
        let first = bytes[cursor]
        let second = bytes[cursor + 1]
        cursor += 2
        guard first & 0x70 == 0, let kind = Kind(rawValue: first & 0x0F), second & 0x80 != 0 else { throw .malformed }
        guard let length = try length(bytes, &cursor, second & 0x7F) else { return nil }
        let isLast = first & 0x80 != 0
        guard kind.rawValue < 8 || isLast && length <= 125 else { throw .malformed }
        guard length <= limit else { throw .tooLarge }
        guard bytes.count - cursor >= 4 + length else { return nil }
        let mask = cursor
        cursor += 4
        let payload = [UInt8](unsafeUninitializedCapacity: length) { buffer, filled in
            for index in 0..<length { buffer[index] = bytes[cursor + index] ^ bytes[mask + index & 3] }
            filled = length
        }
        place = cursor + length
        return WebSocketFrame(kind: kind, isLast: isLast, payload: payload)
    }

    /// The payload's length; nil if it isn't all there. Each length has one spelling, the shortest.
    private static func length(_ bytes: [UInt8], _ cursor: inout Int, _ short: UInt8) throws(Violation) -> Int? {
        let (width, least) = short == 126 ? (2, 126) : (8, 65_536)
        guard short >= 126 else { return Int(short) }
        guard bytes.count - cursor >= width else { return nil }
        let value = bytes[cursor..<(cursor + width)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard value >= least, value <= UInt64(Int.max) else { throw .malformed }
        cursor += width
        return Int(value)
    }

    /// As a server sends it: not masked.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(10 + payload.count)
        bytes.append((isLast ? 0x80 : 0) | kind.rawValue)
        switch payload.count {
        case ..<126: bytes.append(UInt8(payload.count))
        case ..<65_536:
            bytes.append(126)
            for shift in [8, 0] { bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift)) }
        default:
            bytes.append(127)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift))
            }
        }
        bytes.append(contentsOf: payload)
        return bytes
    }
}

/// Puts the fragments of messages together.
struct WebSocketAssembly {
    enum Event: Equatable {
        case message(WebSocket.Message)
        case ping([UInt8])
        case close(UInt16)
    }

    private var kind: WebSocketFrame.Kind?
    private var gathered: [UInt8] = []
    let limit: Int

    init(limit: Int) { self.limit = limit }

    /// How much a fragment may still bring.
    var room: Int { limit - gathered.count }

    /// nil if the frame completes nothing.
    mutating func add(_ frame: WebSocketFrame) throws(WebSocketFrame.Violation) -> Event? {
        switch frame.kind {
        case .ping: return .ping(frame.payload)
        case .pong: return nil
        case .close: return .close(try WebSocketAssembly.code(frame.payload))
        case .continuation: guard kind != nil else { throw .malformed }
        case .text, .binary:
            guard kind == nil else { throw .malformed }
            kind = frame.kind
        }
        gathered.append(contentsOf: frame.payload)
        guard frame.isLast else { return nil }
        let isText = kind == .text
        kind = nil
        defer { gathered = [] }
        guard isText else { return .message(.binary(gathered)) }
        guard let text = String(validating: gathered, as: UTF8.self) else { throw .notText }
        return .message(.text(text))
    }

    private static func code(_ payload: [UInt8]) throws(WebSocketFrame.Violation) -> UInt16 {
        if payload.isEmpty { return 1005 }
        guard payload.count >= 2 else { throw .malformed }
        guard String(validating: payload[2...], as: UTF8.self) != nil else { throw .notText }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: return code
        default: throw .malformed
        }
    }
}
