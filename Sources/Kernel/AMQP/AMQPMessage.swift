package import Base

/// What is sent from one to another: bytes, and what is said about them.
package struct AMQPMessage: Sendable, Hashable {
    package var body: [UInt8]
    package var contentType: String?
    package var headers = AMQPTable()
    /// Whether it outlives its broker.
    package var isPersistent = false
    package var correlationID: String?
    package var replyTo: String?
    /// In milliseconds, from when the broker has it.
    package var expiration: Int?
    package var id: String?
    package var timestamp: Moment?
    /// What kind of message it is, as its sender and its receiver have agreed.
    package var type: String?

    package init(_ body: [UInt8]) { self.body = body }

    /// Beyond this it is none of ours.
    static let sizeLimit = 32 << 20
}

/// A message that has come, and what it takes to acknowledge it.
package struct AMQPDelivery: Sendable {
    package let consumer: String
    package let number: UInt64
    package let isRedelivered: Bool
    package let message: AMQPMessage
}

extension AMQPMessage {
    private enum Flag {
        static let contentType: UInt16 = 1 << 15
        static let contentEncoding: UInt16 = 1 << 14
        static let headers: UInt16 = 1 << 13
        static let deliveryMode: UInt16 = 1 << 12
        static let priority: UInt16 = 1 << 11
        static let correlationID: UInt16 = 1 << 10
        static let replyTo: UInt16 = 1 << 9
        static let expiration: UInt16 = 1 << 8
        static let id: UInt16 = 1 << 7
        static let timestamp: UInt16 = 1 << 6
        static let type: UInt16 = 1 << 5
        static let userID: UInt16 = 1 << 4
        static let appID: UInt16 = 1 << 3
        static let clusterID: UInt16 = 1 << 2
        static let unknown: UInt16 = 0b11
    }

    /// The payload of its header frame.
    var header: [UInt8] {
        var flags: UInt16 = Flag.deliveryMode
        var values = AMQPWriter()
        func put(_ text: String?, _ flag: UInt16) {
            guard let text else { return }
            flags |= flag
            values.shortText(text)
        }
        put(contentType, Flag.contentType)
        if !headers.fields.isEmpty {
            flags |= Flag.headers
            values.table(headers)
        }
        values.octet(isPersistent ? 2 : 1)
        put(correlationID, Flag.correlationID)
        put(replyTo, Flag.replyTo)
        put(expiration.map { String($0) }, Flag.expiration)
        put(id, Flag.id)
        if let timestamp {
            flags |= Flag.timestamp
            values.longLong(UInt64(max(0, timestamp.seconds)))
        }
        put(type, Flag.type)
        var writer = AMQPWriter()
        writer.short(60)
        writer.short(0)
        writer.longLong(UInt64(body.count))
        writer.short(flags)
        writer.blob(values.bytes)
        return writer.bytes
    }

    /// A message without its body yet, and how long that will be.
    static func read(header payload: [UInt8]) throws(Failure) -> (message: AMQPMessage, size: Int) {
        var reader = AMQPReader(payload)
        guard try reader.short() == 60, try reader.short() == 0 else { throw .malformed("a header is of no message") }
        let size = try reader.longLong()
        guard size <= UInt64(sizeLimit) else { throw .malformed("a message has \(size) bytes") }
        let flags = try reader.short()
        guard flags & Flag.unknown == 0 else { throw .malformed("a header has unknown properties") }
        func text(_ flag: UInt16) throws(Failure) -> String? { flags & flag == 0 ? nil : try reader.shortText() }
        var message = AMQPMessage([])
        message.contentType = try text(Flag.contentType)
        _ = try text(Flag.contentEncoding)
        if flags & Flag.headers != 0 { message.headers = try reader.table() }
        if flags & Flag.deliveryMode != 0 { message.isPersistent = try reader.octet() == 2 }
        if flags & Flag.priority != 0 { _ = try reader.octet() }
        message.correlationID = try text(Flag.correlationID)
        message.replyTo = try text(Flag.replyTo)
        message.expiration = try text(Flag.expiration).flatMap { Int($0) }
        message.id = try text(Flag.id)
        if flags & Flag.timestamp != 0 {
            message.timestamp = Int64(exactly: try reader.longLong()).flatMap {
                $0 < Int64.max / 1_000_000 ? Moment(seconds: $0) : nil
            }
        }
        message.type = try text(Flag.type)
        for flag in [Flag.userID, Flag.appID, Flag.clusterID] { _ = try text(flag) }
        guard reader.isAtEnd else { throw .malformed("a header goes on after its end") }
        return (message, Int(size))
    }
}
