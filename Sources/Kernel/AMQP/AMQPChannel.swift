package import Base

/// A conversation within a connection. Closed by the broker when it is asked for what it can't do.
package struct AMQPChannel: Sendable {
    let connection: AMQPConnection
    let number: UInt16

    @discardableResult
    package func declare(_ queue: AMQPQueue) async throws(Failure) -> (messages: Int, consumers: Int) {
        guard case .queueDeclareOk(_, let messages, let consumers) = try await ask(.queueDeclare(queue)) else {
            throw .malformed("it answers something else")
        }
        return (Int(messages), Int(consumers))
    }

    /// - Parameter kind: `fanout`, `direct`, `topic`.
    package func declareExchange(_ name: String, _ kind: String) async throws(Failure) {
        _ = try await ask(.exchangeDeclare(name: name, kind: kind, isDurable: true, arguments: AMQPTable()))
    }

    package func bind(_ queue: String, to exchange: String, key: String = "") async throws(Failure) {
        _ = try await ask(.queueBind(queue: queue, exchange: exchange, key: key))
    }

    package func delete(queue: String) async throws(Failure) { _ = try await ask(.queueDelete(name: queue)) }

    /// So many messages at once that are not acknowledged yet.
    package func prefetch(_ count: Int) async throws(Failure) { _ = try await ask(.qos(prefetch: UInt16(count))) }

    package func consume(_ queue: String, as consumer: String) async throws(Failure) {
        _ = try await ask(.consume(queue: queue, tag: consumer))
    }

    package func cancel(_ consumer: String) async throws(Failure) {
        _ = try await ask(.cancel(tag: consumer, noWait: false))
    }

    package func acknowledge(_ number: UInt64) async {
        await connection.tell(.ack(number: number, isMultiple: false), on: self.number)
    }

    /// Not to be delivered again: the queue's dead letters are where it goes.
    package func refuse(_ number: UInt64) async {
        await connection.tell(.nack(number: number, isMultiple: false, isRequeued: false), on: self.number)
    }

    /// From now on the broker says when it has a message for good.
    package func confirmPublishing() async throws(Failure) {
        _ = try await ask(.confirmSelect)
        await connection.beginConfirming(number)
    }

    /// Returns when the broker has it, where that is confirmed.
    ///
    /// - Returns: false if it has to be taken by a queue, and none takes it. Such a message needs an id.
    @discardableResult
    package func publish(
        _ message: AMQPMessage, exchange: String = "", to key: String, isMandatory: Bool = false
    ) async throws(Failure) -> Bool {
        let sent = try await connection.send(message, exchange: exchange, key: key, isMandatory, on: number)
        return try await sent?.wait() ?? true
    }

    package func close() async {
        _ = try? await ask(.channelClose(AMQPMethod.Goodbye(code: 200, text: "")))
        await connection.forget(number)
    }

    private func ask(_ method: AMQPMethod) async throws(Failure) -> AMQPMethod {
        try await connection.ask(method, on: number).wait()
    }
}

/// What is under way on a channel.
struct ChannelState {
    let consumer: @Sendable (AMQPDelivery) -> Void
    let cancelled: @Sendable (String) -> Void
    /// The broker answers in the order it was asked.
    var questions: [Promise<AMQPMethod>] = []
    var isConfirming = false
    var published: UInt64 = 0
    /// All up to this one have been confirmed.
    var settled: UInt64 = 0
    var unconfirmed: [UInt64: Sent] = [:]
    /// Ids of messages that no queue takes; their confirms follow.
    var returned: Set<String> = []
    var incoming: Incoming?

    struct Sent {
        let id: String?
        let promise: Promise<Bool>
    }

    /// A message whose pieces are still coming.
    struct Incoming {
        let method: AMQPMethod
        var message: AMQPMessage?
        var size = 0
    }
}

extension AMQPConnection {
    /// - Parameters:
    ///   - consumer: called on the connection's thread with each message that comes; it should only hand it on.
    ///   - cancelled: told when the broker ends a consumer, as when its queue is deleted.
    package func openChannel(
        cancelled: @escaping @Sendable (_ consumer: String) -> Void = { _ in },
        consumer: @escaping @Sendable (AMQPDelivery) -> Void = { _ in }
    ) async throws(Failure) -> AMQPChannel {
        try requireOpen()
        let number = try freeChannel()
        channels[number] = ChannelState(consumer: consumer, cancelled: cancelled)
        _ = try await ask(.channelOpen, on: number).wait()
        return AMQPChannel(connection: self, number: number)
    }

    func ask(_ method: AMQPMethod, on number: UInt16) throws(Failure) -> Promise<AMQPMethod> {
        try requireOpen()
        guard channels[number] != nil else { throw .unavailable("The channel is closed.") }
        let promise = Promise<AMQPMethod>()
        channels[number]?.questions.append(promise)
        send(method, on: number)
        return promise
    }

    /// Something that isn't answered. On a channel that is gone it means nothing any more.
    func tell(_ method: AMQPMethod, on number: UInt16) {
        guard channels[number] != nil else { return }
        send(method, on: number)
    }

    func beginConfirming(_ number: UInt16) { channels[number]?.isConfirming = true }

    func forget(_ number: UInt16) { endChannel(number, .unavailable("The channel is closed.")) }

    /// The promise is kept when the broker confirms; nil where it doesn't.
    func send(
        _ message: AMQPMessage, exchange: String, key: String, _ isMandatory: Bool, on number: UInt16
    ) throws(Failure) -> Promise<Bool>? {
        try requireOpen()
        guard message.body.count <= AMQPMessage.sizeLimit else {
            throw Failure(.tooLarge, "A message of \(message.body.count) bytes is too large for the bus.")
        }
        guard key.utf8.count <= 255, exchange.utf8.count <= 255 else { throw .invalid("\(key) is too long a name.") }
        guard channels[number] != nil else { throw .unavailable("The channel is closed.") }
        send(.publish(exchange: exchange, key: key, isMandatory: isMandatory), on: number)
        send(AMQPFrame(kind: .header, channel: number, payload: message.header))
        let size = frameLimit - AMQPFrame.overhead
        for start in stride(from: 0, to: message.body.count, by: size) {
            let piece = Array(message.body[start..<min(start + size, message.body.count)])
            send(AMQPFrame(kind: .body, channel: number, payload: piece))
        }
        guard channels[number]?.isConfirming == true else { return nil }
        let promise = Promise<Bool>()
        channels[number]?.note(message.id, promise)
        return promise
    }

    // MARK: What comes in

    func take(_ frame: AMQPFrame, on number: UInt16) throws(Failure) {
        // What was on its way when the channel was closed.
        guard channels[number] != nil else { return }
        switch frame.kind {
        case .method: try take(try AMQPMethod(frame.payload), on: number)
        case .header:
            guard var incoming = channels[number]?.incoming, incoming.message == nil else {
                throw .malformed("a header comes out of turn")
            }
            let (message, size) = try AMQPMessage.read(header: frame.payload)
            incoming.message = message
            incoming.size = size
            channels[number]?.incoming = incoming
            finishIncoming(on: number)
        case .body:
            let has = channels[number]?.incoming?.message?.body.count ?? 0
            guard let incoming = channels[number]?.incoming, incoming.message != nil,
                has + frame.payload.count <= incoming.size
            else { throw .malformed("a body comes out of turn") }
            channels[number]?.incoming?.message?.body += frame.payload
            finishIncoming(on: number)
        case .heartbeat: break
        }
    }

    private func finishIncoming(on number: UInt16) {
        guard let incoming = channels[number]?.incoming, let message = incoming.message,
            message.body.count == incoming.size
        else { return }
        channels[number]?.incoming = nil
        switch incoming.method {
        case .deliver(let tag, let count, let isRedelivered, _, _):
            channels[number]?.consumer(
                AMQPDelivery(consumer: tag, number: count, isRedelivered: isRedelivered, message: message))
        case .returned:
            if let id = message.id { channels[number]?.returned.insert(id) }
        default: break
        }
    }

    private func take(_ method: AMQPMethod, on number: UInt16) throws(Failure) {
        guard channels[number]?.incoming == nil else { throw .malformed("a message is cut short") }
        switch method {
        case .deliver, .returned: channels[number]?.incoming = ChannelState.Incoming(method: method)
        case .ack(let count, let isMultiple): channels[number]?.settle(count, isMultiple, .success(true))
        case .nack(let count, let isMultiple, _):
            let refusal = Failure.unavailable("The broker could not keep a message.")
            channels[number]?.settle(count, isMultiple, .failure(refusal))
        case .flow(let isActive): send(.flowOk(isActive: isActive), on: number)
        case .cancel(let tag, let noWait):
            if !noWait { send(.cancelOk(tag: tag), on: number) }
            channels[number]?.cancelled(tag)
        case .channelClose(let goodbye):
            send(.channelCloseOk, on: number)
            endChannel(number, goodbye.failure)
        case .channelOpenOk, .channelCloseOk, .confirmSelectOk, .exchangeDeclareOk, .queueDeclareOk, .queueBindOk,
            .queueDeleteOk, .qosOk, .consumeOk, .cancelOk:
            guard channels[number]?.questions.isEmpty == false else { throw .malformed("nobody asked it") }
            channels[number]?.questions.removeFirst().keep(.success(method))
        default: throw .malformed("it says something out of turn")
        }
    }

    func endChannel(_ number: UInt16, _ reason: Failure) {
        guard let channel = channels.removeValue(forKey: number) else { return }
        for question in channel.questions { question.keep(.failure(reason)) }
        for sent in channel.unconfirmed.values { sent.promise.keep(.failure(reason)) }
    }
}

extension ChannelState {
    mutating func note(_ id: String?, _ promise: Promise<Bool>) {
        published += 1
        unconfirmed[published] = Sent(id: id, promise: promise)
    }

    mutating func settle(_ number: UInt64, _ isMultiple: Bool, _ result: Result<Bool, Failure>) {
        let first = isMultiple ? settled + 1 : number
        guard first <= number, number <= published else { return }
        for number in first...number {
            guard let sent = unconfirmed.removeValue(forKey: number) else { continue }
            let isReturned = sent.id.map { returned.remove($0) != nil } ?? false
            sent.promise.keep(isReturned ? .success(false) : result)
        }
        if isMultiple || number == settled + 1 { settled = number }
    }
}
