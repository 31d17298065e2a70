import AMQP
import Base
import IO
import Synchronization
import Trace

/// One connection to the broker with all that is arranged on it. When it is lost, another takes its place.
final class Line: Sendable {
    let connection: AMQPConnection
    let publishing: AMQPChannel
    let consuming: AMQPChannel
    /// Where answers come, and what goes to everybody.
    let own: String
    /// So many of what is served here are arranged.
    let arranged = Mutex(0)
    /// More is served here than when it was arranged.
    let changes: AsyncStream<Void>
    let change: AsyncStream<Void>.Continuation
    /// Somebody found out that it is no good any more.
    let lost = Promise<Failure>()
    private let exchanges = Mutex<Set<String>>([])
    private let queues = Mutex<Set<String>>([])

    init(_ connection: AMQPConnection, publishing: AMQPChannel, consuming: AMQPChannel, own: String) {
        self.connection = connection
        self.publishing = publishing
        self.consuming = consuming
        self.own = own
        (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Once for each line; the broker makes nothing of it when it is there.
    func haveExchange(_ name: String) async throws(Failure) {
        if exchanges.withLock({ $0.contains(name) }) { return }
        try await publishing.declareExchange(name, "fanout")
        exchanges.withLock { _ = $0.insert(name) }
    }

    func isNew(_ queue: String) -> Bool { queues.withLock { $0.insert(queue).inserted } }
}

extension RabbitBus {
    /// Between two tries to reach the broker: at once at first, then later and later, and not all processes at once.
    private static let firstPause: Duration = .milliseconds(100)
    private static let longestPause: Duration = .seconds(5)
    private static let connectLimit: Duration = .seconds(10)
    /// What one process works on at the same time for each topic. Handlers mostly wait for others, so it is many.
    private static let prefetch = 256
    /// A message that its handlers don't survive so often is a dead letter.
    private static let deliveries: Int64 = 20
    /// A queue that nobody has served for so long is one of a host that is gone.
    private static let queueLife: Int64 = 7 * 86_400_000
    private static let deadLetters: Int64 = 10_000

    /// Keeps connected, and handles what comes, until the task is cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.keepConnected() }
            for await arrival in arrivals { group.addTask { await self.handle(arrival) } }
            group.cancelAll()
        }
        let waiters = state.withLock { state -> [Promise<Line>] in
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.keep(.failure(.unavailable("The bus is stopping."))) }
    }

    private func keepConnected() async {
        var pause = RabbitBus.firstPause
        var isComplained = false
        while !Task.isCancelled {
            do throws(Failure) {
                let connection = try await connect()
                log.info("The bus is connected to \(address.description)")
                (pause, isComplained) = (RabbitBus.firstPause, false)
                let reason = await live(connection)
                if !Task.isCancelled { log.warning("The bus lost its connection: \(reason.message)") }
            } catch {
                if !isComplained, !Task.isCancelled {
                    log.warning("The bus cannot reach \(address.description), and goes on trying: \(error.message)")
                }
                isComplained = true
            }
            let chance = Int64(world.chance.below(1_000))
            do { try await world.clock.sleep(for: pause + pause * chance / 1_000) } catch { break }
            pause = min(pause * 2, RabbitBus.longestPause)
        }
    }

    // MARK: A line's life

    private func connect() async throws(Failure) -> AMQPConnection {
        try await AMQPConnection.open(
            address, on: loops, name: name, trust: trust, by: .after(RabbitBus.connectLimit))
    }

    /// Until it is lost, or the bus is stopped. Answers why.
    private func live(_ connection: AMQPConnection) async -> Failure {
        await withTaskGroup(of: Failure?.self) { group in
            group.addTask {
                do throws(Failure) {
                    try await connection.run()
                    return nil
                } catch { return error }
            }
            group.addTask {
                do throws(Failure) {
                    try await self.work(on: connection)
                    return nil
                } catch { return error }
            }
            let reason = await group.next() ?? nil
            state.withLock { $0.line = nil }
            if Task.isCancelled { await connection.close() }
            group.cancelAll()
            return reason ?? .unavailable("It ended.")
        }
    }

    private func work(on connection: AMQPConnection) async throws(Failure) {
        let line = try await prepare(connection)
        try await withFailures { group in
            group.addTask {
                // What is served later is arranged when it is known.
                try await self.arrange(line)
                self.use(line)
                await self.sayAgain(on: line)
                for await _ in line.changes {
                    try await self.arrange(line)
                    self.use(line)
                }
            }
            group.addTask { throw try await line.lost.wait() }
        }
    }

    private func withFailures(_ body: (inout ThrowingTaskGroup<Void, any Error>) -> Void) async throws(Failure) {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                body(&group)
                try await group.next()
                group.cancelAll()
            }
        } catch { throw Failure(error) }
    }

    private func prepare(_ connection: AMQPConnection) async throws(Failure) -> Line {
        let publishing = try await connection.openChannel()
        try await publishing.confirmPublishing()
        let (holder, arrive) = (LineHolder(), arrive)
        let consuming = try await connection.openChannel(
            cancelled: { _ in holder.line?.lost.keep(.success(.unavailable("A queue is gone."))) },
            consumer: { delivery in
                if let line = holder.line { arrive.yield(Arrival(line: line, delivery: delivery)) }
            })
        try await consuming.prefetch(RabbitBus.prefetch)
        let own = RabbitBus.prefix + "process " + name + " " + Hex.text(world.chance.bytes(6))
        let line = Line(connection, publishing: publishing, consuming: consuming, own: own)
        holder.line = line
        try await declare(RabbitBus.deadQueue, on: line)
        try await consuming.declare(.ofThisConnection(own))
        try await consuming.consume(own, as: own)
        return line
    }

    /// Declares and consumes what is served here and isn't on this line yet.
    private func arrange(_ line: Line) async throws(Failure) {
        let (served, keys) = state.withLock { ($0.served, Array($0.handlers.keys)) }
        let isQuorum = await line.connection.hasQuorumQueues
        for topic in Set(keys.map(\.topic)).sorted() {
            let exchange = RabbitBus.exchange(topic)
            if line.isNew(exchange) {
                try await line.haveExchange(exchange)
                try await line.consuming.bind(line.own, to: exchange)
            }
        }
        for key in keys {
            let name = RabbitBus.queue(key.topic, key.host)
            guard line.isNew(name) else { continue }
            try await declare(RabbitBus.workQueue(name, isQuorum: isQuorum), on: line)
            try await line.consuming.consume(name, as: RabbitBus.tag(key))
        }
        line.arranged.withLock { $0 = served }
    }

    /// From now on what is said goes over this line.
    private func use(_ line: Line) {
        let waiters = state.withLock { state -> [Promise<Line>] in
            if state.line !== line { state.counts.connections += 1 }
            state.line = line
            guard line.arranged.withLock({ $0 == state.served }) else {
                line.change.yield()
                return []
            }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.keep(.success(line)) }
    }

    /// Answers to what was asked over the last line would go where nobody listens.
    private func sayAgain(on line: Line) async {
        let calls = state.withLock { $0.calls.values.filter(\.isSaid) }
        await withDiscardingTaskGroup { group in
            for call in calls {
                group.addTask { [self] in
                    state.withLock { $0.counts.repeated += 1 }
                    let isTaken = try? await line.publishing.publish(
                        call.message.answered(to: line.own, by: call.ends), to: call.queue, isMandatory: true)
                    if isTaken == false { call.promise.keep(.failure(RabbitBus.nobodyServes(call.queue))) }
                }
            }
        }
    }

    // MARK: Queues

    /// A queue that is there already stays as it is, whatever we would like it to be.
    private func declare(_ queue: AMQPQueue, on line: Line) async throws(Failure) {
        let channel = try await line.connection.openChannel()
        do throws(Failure) { try await channel.declare(queue) } catch {
            guard error.kind == .preconditionFailed else { throw error }
            log.warning("The queue \(queue.name) is used as it is: \(error.message)")
            return
        }
        await channel.close()
    }

    private static var deadQueue: AMQPQueue {
        AMQPQueue(dead, arguments: ["x-max-length": .integer(deadLetters), "x-message-ttl": .integer(queueLife)])
    }

    /// Kept by several of the broker's machines, where it has them.
    private static func workQueue(_ name: String, isQuorum: Bool) -> AMQPQueue {
        var queue = AMQPQueue(
            name,
            arguments: [
                "x-dead-letter-exchange": .text(""), "x-dead-letter-routing-key": .text(dead),
                "x-expires": .integer(queueLife),
            ])
        if isQuorum {
            queue.arguments.fields.append(.init(name: "x-queue-type", value: .text("quorum")))
            queue.arguments.fields.append(.init(name: "x-delivery-limit", value: .integer(deliveries)))
        }
        return queue
    }

    /// How many dead letters there are; nil when the broker doesn't say.
    package func deadLetters() async -> Int? {
        guard let line = state.withLock({ $0.line }) else { return nil }
        return try? await line.publishing.declare(RabbitBus.deadQueue).messages
    }

    // MARK: Handling

    private static func tag(_ key: Key) -> String { key.topic + "\u{1F}" + (key.host ?? "") }

    private func handle(_ arrival: Arrival) async {
        let message = arrival.delivery.message
        if arrival.delivery.consumer == arrival.line.own, let id = message.correlationID {
            take(message, for: id)
            await arrival.line.consuming.acknowledge(arrival.delivery.number)
            return
        }
        let handlers = handlers(for: arrival)
        guard let id = message.id, !handlers.isEmpty else { return await refuse(arrival) }
        switch state.withLock({ $0.remembered.begin(id, arrival) }) {
        case .underWay: state.withLock { $0.counts.duplicates += 1 }
        case .done(let answer):
            state.withLock { $0.counts.duplicates += 1 }
            await settle(arrival, answer)
        case .new:
            let answer = await perform(message, handlers, by: message.headers.text("topic") ?? "")
            // What was cut short is not done: it comes again, here or elsewhere.
            guard !Task.isCancelled else { return state.withLock { $0.remembered.forget(id) } }
            let arrivals = state.withLock { state in
                state.counts.handled += 1
                return state.remembered.finish(id, answer: message.replyTo == nil ? nil : answer)
            }
            for arrival in arrivals { await settle(arrival, answer) }
        }
    }

    private func handlers(for arrival: Arrival) -> [Handler] {
        let message = arrival.delivery.message
        guard let name = message.type else { return [] }
        if arrival.delivery.consumer == arrival.line.own {
            let topic = message.headers.text("topic")
            return state.withLock { state in
                state.handlers.filter { $0.key.topic == topic && $0.key.name == name }.map(\.value)
            }
        }
        let place = arrival.delivery.consumer.split(separator: "\u{1F}", omittingEmptySubsequences: false)
        guard place.count == 2 else { return [] }
        let key = Key(topic: String(place[0]), name: name, host: place[1].isEmpty ? nil : String(place[1]))
        return state.withLock { $0.handlers[key] }.map { [$0] } ?? []
    }

    private func perform(_ message: AMQPMessage, _ handlers: [Handler], by topic: String) async -> [UInt8] {
        let envelope: Envelope
        do throws(Failure) { envelope = try Envelope(message.body) } catch {
            return Envelope(.failure(.bug("A message cannot be read.", cause: error)), spans: []).bytes
        }
        guard case .request(let request) = envelope.content else {
            return Envelope(.failure(.bug("A message asks for nothing.")), spans: []).bytes
        }
        let tracing = Tracing(message.headers, spans: envelope.spans, world: world)
        var content = Envelope.Content.answer(.null)
        for handler in handlers {
            do throws(Failure) {
                let answer = await Tracing.$current.withValue(tracing) { () async -> Result<JSON, Failure> in
                    do throws(Failure) {
                        return .success(
                            try await Tracing.span(message.type ?? "", .serve, by: topic) {
                                () async throws(Failure) in try await handler(request)
                            })
                    } catch { return .failure(error) }
                }
                content = .answer(try answer.get())
            } catch {
                if error.kind == .bug { log.error("Handling \"\(message.type ?? "")\" failed: \(error)") }
                content = .failure(error)
            }
        }
        let story = Array((tracing?.take() ?? []).prefix(Envelope.spanLimit))
        if let tracing, message.replyTo == nil, !story.isEmpty {
            // Nobody waits for it, so it goes to somebody who keeps stories, if there is one just now.
            try? await cast(ToldStory.message, on: nil, ToldStory(requestID: tracing.requestID, spans: story))
        }
        return Envelope(content, spans: story).bytes
    }

    /// Answers, if anybody waits for that, and lets the broker forget the message.
    private func settle(_ arrival: Arrival, _ answer: [UInt8]?) async {
        let message = arrival.delivery.message
        if let queue = message.replyTo, let id = message.id, let answer {
            var reply = AMQPMessage(answer)
            reply.contentType = "application/json"
            reply.correlationID = id
            _ = try? await arrival.line.consuming.publish(reply, to: queue)
        }
        await arrival.line.consuming.acknowledge(arrival.delivery.number)
    }

    private func refuse(_ arrival: Arrival) async {
        let message = arrival.delivery.message
        state.withLock { $0.counts.refused += 1 }
        log.warning("Nobody here handles \"\(message.type ?? "")\" for \(message.headers.text("topic") ?? "")")
        if message.replyTo != nil {
            let failure = Failure.unavailable("Nobody serves \"\(message.type ?? "")\".")
            await settle(arrival, Envelope(.failure(failure), spans: []).bytes)
        } else {
            await arrival.line.consuming.refuse(arrival.delivery.number)
        }
    }

    private func take(_ answer: AMQPMessage, for id: String) {
        guard let call = state.withLock({ $0.calls[id] }) else { return }
        do throws(Failure) { call.promise.keep(.success(try Envelope(answer.body))) } catch {
            call.promise.keep(.failure(error))
        }
    }
}

/// A channel is opened before the line that it belongs to is whole.
private final class LineHolder: Sendable {
    private let held = Mutex<Line?>(nil)

    var line: Line? {
        get { held.withLock { $0 } }
        set { held.withLock { $0 = newValue } }
    }
}

extension AMQPConnection {
    /// RabbitMQ has had them since 3.8, and with all that we ask of them since 3.10.
    var hasQuorumQueues: Bool {
        guard product == "RabbitMQ" else { return false }
        let parts = version.split(separator: ".").compactMap { Int($0) }
        guard parts.count >= 2 else { return false }
        return (parts[0], parts[1]) >= (3, 10)
    }
}
