import Base

/// The methods of AMQP 0-9-1 that a client of ours says or hears, with RabbitMQ's confirms.
enum AMQPMethod: Sendable, Hashable {
    // The connection.
    case start(major: UInt8, minor: UInt8, properties: AMQPTable, mechanisms: String, locales: String)
    case startOk(properties: AMQPTable, mechanism: String, response: [UInt8], locale: String)
    case secure(challenge: [UInt8])
    case tune(channels: UInt16, frame: UInt32, heartbeat: UInt16)
    case tuneOk(channels: UInt16, frame: UInt32, heartbeat: UInt16)
    case open(virtualHost: String)
    case openOk
    case close(Goodbye)
    case closeOk
    case blocked(reason: String)
    case unblocked
    // A channel.
    case channelOpen
    case channelOpenOk
    case flow(isActive: Bool)
    case flowOk(isActive: Bool)
    case channelClose(Goodbye)
    case channelCloseOk
    case confirmSelect
    case confirmSelectOk
    // Exchanges and queues.
    case exchangeDeclare(name: String, kind: String, isDurable: Bool, arguments: AMQPTable)
    case exchangeDeclareOk
    case queueDeclare(AMQPQueue)
    case queueDeclareOk(name: String, messages: UInt32, consumers: UInt32)
    case queueBind(queue: String, exchange: String, key: String)
    case queueBindOk
    case queueDelete(name: String)
    case queueDeleteOk(messages: UInt32)
    // Messages.
    case qos(prefetch: UInt16)
    case qosOk
    case consume(queue: String, tag: String)
    case consumeOk(tag: String)
    case cancel(tag: String, noWait: Bool)
    case cancelOk(tag: String)
    case publish(exchange: String, key: String, isMandatory: Bool)
    case returned(code: UInt16, text: String, exchange: String, key: String)
    case deliver(tag: String, number: UInt64, isRedelivered: Bool, exchange: String, key: String)
    case ack(number: UInt64, isMultiple: Bool)
    case nack(number: UInt64, isMultiple: Bool, isRequeued: Bool)
    case reject(number: UInt64, isRequeued: Bool)

    /// Why one end closes a connection or a channel.
    struct Goodbye: Sendable, Hashable {
        let code: UInt16
        let text: String
        var classID: UInt16 = 0
        var methodID: UInt16 = 0
    }
}

/// A queue as it is to be.
package struct AMQPQueue: Sendable, Hashable {
    package var name: String
    /// Only asks whether it is there.
    package var isPassive = false
    package var isDurable = true
    /// Of this connection alone, and gone with it.
    package var isExclusive = false
    package var isDeletedUnused = false
    package var arguments = AMQPTable()

    package init(_ name: String, arguments: AMQPTable = AMQPTable()) {
        self.name = name
        self.arguments = arguments
    }

    /// For answers and the like: nobody else's, and gone with the connection.
    package static func ofThisConnection(_ name: String) -> AMQPQueue {
        var queue = AMQPQueue(name)
        queue.isDurable = false
        queue.isExclusive = true
        queue.isDeletedUnused = true
        return queue
    }
}

// MARK: On the wire

extension AMQPMethod {
    /// The class, and the method within it.
    private struct Name: Hashable {
        let classID: UInt16
        let methodID: UInt16

        init(_ classID: UInt16, _ methodID: UInt16) {
            self.classID = classID
            self.methodID = methodID
        }
    }

    private var name: Name {
        switch self {
        case .start: Name(10, 10)
        case .startOk: Name(10, 11)
        case .secure: Name(10, 20)
        case .tune: Name(10, 30)
        case .tuneOk: Name(10, 31)
        case .open: Name(10, 40)
        case .openOk: Name(10, 41)
        case .close: Name(10, 50)
        case .closeOk: Name(10, 51)
        case .blocked: Name(10, 60)
        case .unblocked: Name(10, 61)
        case .channelOpen: Name(20, 10)
        case .channelOpenOk: Name(20, 11)
        case .flow: Name(20, 20)
        case .flowOk: Name(20, 21)
        case .channelClose: Name(20, 40)
        case .channelCloseOk: Name(20, 41)
        case .exchangeDeclare: Name(40, 10)
        case .exchangeDeclareOk: Name(40, 11)
        case .queueDeclare: Name(50, 10)
        case .queueDeclareOk: Name(50, 11)
        case .queueBind: Name(50, 20)
        case .queueBindOk: Name(50, 21)
        case .queueDelete: Name(50, 40)
        case .queueDeleteOk: Name(50, 41)
        case .qos: Name(60, 10)
        case .qosOk: Name(60, 11)
        case .consume: Name(60, 20)
        case .consumeOk: Name(60, 21)
        case .cancel: Name(60, 30)
        case .cancelOk: Name(60, 31)
        case .publish: Name(60, 40)
        case .returned: Name(60, 50)
        case .deliver: Name(60, 60)
        case .ack: Name(60, 80)
        case .reject: Name(60, 90)
        case .nack: Name(60, 120)
        case .confirmSelect: Name(85, 10)
        case .confirmSelectOk: Name(85, 11)
        }
    }

    var payload: [UInt8] {
        var writer = AMQPWriter()
        writer.short(name.classID)
        writer.short(name.methodID)
        if !writeConnection(&writer) { writeOthers(&writer) }
        return writer.bytes
    }

    private func writeConnection(_ writer: inout AMQPWriter) -> Bool {
        switch self {
        case .start(let major, let minor, let properties, let mechanisms, let locales):
            writer.octet(major)
            writer.octet(minor)
            writer.table(properties)
            writer.longText(mechanisms)
            writer.longText(locales)
        case .startOk(let properties, let mechanism, let response, let locale):
            writer.table(properties)
            writer.shortText(mechanism)
            writer.long(UInt32(response.count))
            writer.blob(response)
            writer.shortText(locale)
        case .secure(let challenge):
            writer.long(UInt32(challenge.count))
            writer.blob(challenge)
        case .tune(let channels, let frame, let heartbeat), .tuneOk(let channels, let frame, let heartbeat):
            writer.short(channels)
            writer.long(frame)
            writer.short(heartbeat)
        case .open(let virtualHost):
            writer.shortText(virtualHost)
            // Two fields that mean nothing any more.
            writer.shortText("")
            writer.octet(0)
        case .openOk: writer.shortText("")
        case .close(let goodbye), .channelClose(let goodbye):
            writer.short(goodbye.code)
            writer.shortText(goodbye.text)
            writer.short(goodbye.classID)
            writer.short(goodbye.methodID)
        case .blocked(let reason): writer.shortText(reason)
        case .channelOpen: writer.shortText("")
        case .channelOpenOk: writer.longText("")
        case .flow(let isActive), .flowOk(let isActive): writer.octet(isActive ? 1 : 0)
        default: return false
        }
        return true
    }

    private func writeOthers(_ writer: inout AMQPWriter) {
        switch self {
        case .confirmSelect: writer.octet(0)
        case .exchangeDeclare(let name, let kind, let isDurable, let arguments):
            writer.short(0)
            writer.shortText(name)
            writer.shortText(kind)
            writer.octet(isDurable ? 2 : 0)
            writer.table(arguments)
        case .queueDeclare(let queue):
            writer.short(0)
            writer.shortText(queue.name)
            writer.octet(bits(queue.isPassive, queue.isDurable, queue.isExclusive, queue.isDeletedUnused))
            writer.table(queue.arguments)
        case .queueDeclareOk(let name, let messages, let consumers):
            writer.shortText(name)
            writer.long(messages)
            writer.long(consumers)
        case .queueBind(let queue, let exchange, let key):
            writer.short(0)
            writer.shortText(queue)
            writer.shortText(exchange)
            writer.shortText(key)
            writer.octet(0)
            writer.table(AMQPTable())
        case .queueDelete(let name):
            writer.short(0)
            writer.shortText(name)
            writer.octet(0)
        case .queueDeleteOk(let messages): writer.long(messages)
        default: writeMessages(&writer)
        }
    }

    private func writeMessages(_ writer: inout AMQPWriter) {
        switch self {
        case .qos(let prefetch):
            writer.long(0)
            writer.short(prefetch)
            writer.octet(0)
        case .consume(let queue, let tag):
            writer.short(0)
            writer.shortText(queue)
            writer.shortText(tag)
            writer.octet(0)
            writer.table(AMQPTable())
        case .consumeOk(let tag), .cancelOk(let tag): writer.shortText(tag)
        case .cancel(let tag, let noWait):
            writer.shortText(tag)
            writer.octet(noWait ? 1 : 0)
        case .publish(let exchange, let key, let isMandatory):
            writer.short(0)
            writer.shortText(exchange)
            writer.shortText(key)
            writer.octet(isMandatory ? 1 : 0)
        case .returned(let code, let text, let exchange, let key):
            writer.short(code)
            writer.shortText(text)
            writer.shortText(exchange)
            writer.shortText(key)
        case .deliver(let tag, let number, let isRedelivered, let exchange, let key):
            writer.shortText(tag)
            writer.longLong(number)
            writer.octet(isRedelivered ? 1 : 0)
            writer.shortText(exchange)
            writer.shortText(key)
        case .ack(let number, let isMultiple):
            writer.longLong(number)
            writer.octet(isMultiple ? 1 : 0)
        case .nack(let number, let isMultiple, let isRequeued):
            writer.longLong(number)
            writer.octet(bits(isMultiple, isRequeued))
        case .reject(let number, let isRequeued):
            writer.longLong(number)
            writer.octet(isRequeued ? 1 : 0)
        default: break
        }
    }

    private func bits(_ flags: Bool...) -> UInt8 {
        flags.enumerated().reduce(0) { $1.element ? $0 | 1 << UInt8($1.offset) : $0 }
    }

    init(_ payload: [UInt8]) throws(Failure) {
        var reader = AMQPReader(payload)
        let name = Name(try reader.short(), try reader.short())
        switch name.classID {
        case 10: self = try AMQPMethod.connection(name, &reader)
        case 20: self = try AMQPMethod.channel(name, &reader)
        case 40, 50, 85: self = try AMQPMethod.things(name, &reader)
        case 60: self = try AMQPMethod.messages(name, &reader)
        default: throw AMQPMethod.unknown(name)
        }
        guard reader.isAtEnd else { throw .malformed("a method goes on after its end") }
    }

    private static func unknown(_ name: Name) -> Failure {
        .malformed("method \(name.classID).\(name.methodID) is unknown")
    }

    private static func connection(_ name: Name, _ reader: inout AMQPReader) throws(Failure) -> AMQPMethod {
        switch name.methodID {
        case 10:
            return .start(
                major: try reader.octet(), minor: try reader.octet(), properties: try reader.table(),
                mechanisms: try reader.longText(), locales: try reader.longText())
        case 11:
            let (properties, mechanism) = (try reader.table(), try reader.shortText())
            let response = try reader.blob(Int(try reader.long()))
            return .startOk(
                properties: properties, mechanism: mechanism, response: response, locale: try reader.shortText())
        case 20: return .secure(challenge: try reader.blob(Int(try reader.long())))
        case 30:
            return .tune(channels: try reader.short(), frame: try reader.long(), heartbeat: try reader.short())
        case 31:
            return .tuneOk(channels: try reader.short(), frame: try reader.long(), heartbeat: try reader.short())
        case 40:
            let virtualHost = try reader.shortText()
            _ = (try reader.shortText(), try reader.octet())
            return .open(virtualHost: virtualHost)
        case 41:
            _ = try reader.shortText()
            return .openOk
        case 50: return .close(try goodbye(&reader))
        case 51: return .closeOk
        case 60: return .blocked(reason: try reader.shortText())
        case 61: return .unblocked
        default: throw unknown(name)
        }
    }

    private static func goodbye(_ reader: inout AMQPReader) throws(Failure) -> Goodbye {
        Goodbye(
            code: try reader.short(), text: try reader.shortText(), classID: try reader.short(),
            methodID: try reader.short())
    }

    private static func channel(_ name: Name, _ reader: inout AMQPReader) throws(Failure) -> AMQPMethod {
        switch name.methodID {
        case 10:
            _ = try reader.shortText()
            return .channelOpen
        case 11:
            _ = try reader.longText()
            return .channelOpenOk
        case 20: return .flow(isActive: try reader.octet() & 1 == 1)
        case 21: return .flowOk(isActive: try reader.octet() & 1 == 1)
        case 40: return .channelClose(try goodbye(&reader))
        case 41: return .channelCloseOk
        default: throw unknown(name)
        }
    }

    private static func things(_ name: Name, _ reader: inout AMQPReader) throws(Failure) -> AMQPMethod {
        switch (name.classID, name.methodID) {
        case (40, 10):
            _ = try reader.short()
            let (exchange, kind, flags) = (try reader.shortText(), try reader.shortText(), try reader.octet())
            return .exchangeDeclare(
                name: exchange, kind: kind, isDurable: flags & 2 != 0, arguments: try reader.table())
        case (40, 11): return .exchangeDeclareOk
        case (50, 10):
            _ = try reader.short()
            var queue = AMQPQueue(try reader.shortText())
            let flags = try reader.octet()
            queue.isPassive = flags & 1 != 0
            queue.isDurable = flags & 2 != 0
            queue.isExclusive = flags & 4 != 0
            queue.isDeletedUnused = flags & 8 != 0
            queue.arguments = try reader.table()
            return .queueDeclare(queue)
        case (50, 11):
            return .queueDeclareOk(
                name: try reader.shortText(), messages: try reader.long(), consumers: try reader.long())
        case (50, 20):
            _ = try reader.short()
            let (queue, exchange, key) = (try reader.shortText(), try reader.shortText(), try reader.shortText())
            _ = (try reader.octet(), try reader.table())
            return .queueBind(queue: queue, exchange: exchange, key: key)
        case (50, 21): return .queueBindOk
        case (50, 40):
            _ = try reader.short()
            let queue = try reader.shortText()
            _ = try reader.octet()
            return .queueDelete(name: queue)
        case (50, 41): return .queueDeleteOk(messages: try reader.long())
        case (85, 10):
            _ = try reader.octet()
            return .confirmSelect
        case (85, 11): return .confirmSelectOk
        default: throw unknown(name)
        }
    }

    private static func messages(_ name: Name, _ reader: inout AMQPReader) throws(Failure) -> AMQPMethod {
        switch name.methodID {
        case 10:
            _ = try reader.long()
            let prefetch = try reader.short()
            _ = try reader.octet()
            return .qos(prefetch: prefetch)
        case 11: return .qosOk
        case 20:
            _ = try reader.short()
            let (queue, tag) = (try reader.shortText(), try reader.shortText())
            _ = (try reader.octet(), try reader.table())
            return .consume(queue: queue, tag: tag)
        case 21: return .consumeOk(tag: try reader.shortText())
        case 30: return .cancel(tag: try reader.shortText(), noWait: try reader.octet() & 1 == 1)
        case 31: return .cancelOk(tag: try reader.shortText())
        case 40:
            _ = try reader.short()
            return .publish(
                exchange: try reader.shortText(), key: try reader.shortText(), isMandatory: try reader.octet() & 1 == 1)
        case 50:
            return .returned(
                code: try reader.short(), text: try reader.shortText(), exchange: try reader.shortText(),
                key: try reader.shortText())
        case 60:
            return .deliver(
                tag: try reader.shortText(), number: try reader.longLong(),
                isRedelivered: try reader.octet() & 1 == 1, exchange: try reader.shortText(),
                key: try reader.shortText())
        case 80: return .ack(number: try reader.longLong(), isMultiple: try reader.octet() & 1 == 1)
        case 90: return .reject(number: try reader.longLong(), isRequeued: try reader.octet() & 1 == 1)
        case 120:
            let (number, flags) = (try reader.longLong(), try reader.octet())
            return .nack(number: number, isMultiple: flags & 1 == 1, isRequeued: flags & 2 == 2)
        default: throw unknown(name)
        }
    }
}
