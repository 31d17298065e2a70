import Base

/// What goes over the connection: a kind, a channel, a payload, and a mark at the end.
struct AMQPFrame: Sendable, Hashable {
    enum Kind: UInt8, Sendable {
        case method = 1
        case header = 2
        case body = 3
        case heartbeat = 8
    }

    let kind: Kind
    let channel: UInt16
    let payload: [UInt8]

    static let mark: UInt8 = 0xCE
    /// What surrounds the payload.
    static let overhead = 8
    /// Payloads of our own choice: what RabbitMQ proposes, too.
    static let sizeLimit = 128 << 10

    func write(to output: inout [UInt8]) {
        var writer = AMQPWriter()
        writer.octet(kind.rawValue)
        writer.short(channel)
        writer.long(UInt32(payload.count))
        output += writer.bytes
        output += payload
        output.append(AMQPFrame.mark)
    }
}

/// Cuts what arrives into frames. A frame that is too large, of no kind or without its mark ends the connection.
struct AMQPFrames {
    private var bytes: [UInt8] = []
    private var place = 0
    /// As agreed with the broker.
    var limit = AMQPFrame.sizeLimit

    mutating func add(_ more: [UInt8]) {
        if place == bytes.count {
            bytes = more
        } else {
            bytes.removeFirst(place)
            bytes += more
        }
        place = 0
    }

    /// Nil: the next frame hasn't arrived as a whole.
    mutating func next() throws(Failure) -> AMQPFrame? {
        guard bytes.count - place >= 7 else { return nil }
        guard let kind = AMQPFrame.Kind(rawValue: bytes[place]) else {
            throw .malformed("a frame is of an unknown kind, \(bytes[place])")
        }
        let channel = UInt16(bytes[place + 1]) << 8 | UInt16(bytes[place + 2])
        var size = 0
        for byte in bytes[place + 3..<place + 7] { size = size << 8 | Int(byte) }
        guard size + AMQPFrame.overhead <= limit else { throw .malformed("a frame has \(size) bytes") }
        guard kind != .heartbeat || (size == 0 && channel == 0) else { throw .malformed("a heartbeat says something") }
        guard bytes.count - place >= size + AMQPFrame.overhead else { return nil }
        let start = place + 7
        guard bytes[start + size] == AMQPFrame.mark else { throw .malformed("a frame has no end") }
        place = start + size + 1
        return AMQPFrame(kind: kind, channel: channel, payload: Array(bytes[start..<start + size]))
    }
}
