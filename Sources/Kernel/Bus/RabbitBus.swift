package import AMQP
package import Base
package import IO
import Synchronization
package import Trace

/// The bus between the processes of a cloud, over a broker that speaks AMQP 0-9-1, such as RabbitMQ.
///
/// A queue for each topic, and for each host that serves one; one more for each connection, for answers and for what goes
/// to everybody. Calls and casts are said again with the same id when the connection was lost before they were known to
/// have arrived, and a message is acknowledged when it has been handled. So it may come more than once; who has seen it
/// doesn't handle it again. `docs/decisions/` says more.
package final class RabbitBus: Bus {
    struct Key: Hashable {
        let topic: String
        let name: String
        let host: String?
    }

    typealias Handler = @Sendable (JSON) async throws(Failure) -> JSON

    /// Something that has come over a line.
    struct Arrival: Sendable {
        let line: Line
        let delivery: AMQPDelivery
    }

    /// A call that waits for its answer.
    struct Call: Sendable {
        let queue: String
        let message: AMQPMessage
        let ends: Deadline
        let promise: Promise<Envelope>
        /// Whether a broker has had it.
        var isSaid = false
    }

    struct State {
        var handlers: [Key: Handler] = [:]
        /// Counts what is served, by which a line knows what it has arranged.
        var served = 0
        var line: Line?
        var waiters: [Promise<Line>] = []
        var calls: [String: Call] = [:]
        var remembered = Remembered<Arrival>()
        var counts = BusCounts()
    }

    let state = Mutex(State())
    let address: AMQPAddress
    let name: String
    private let patience: Duration
    let loops: Loops
    let trust: TLSTrust?
    let world: World
    let log: Log
    let arrivals: AsyncStream<Arrival>
    let arrive: AsyncStream<Arrival>.Continuation

    /// What a message to nobody in particular waits for its handling, before it is a dead letter: whoever cast it looks
    /// again long before that.
    static let castLife = 3_600_000

    /// - Parameters:
    ///   - name: which process this is, for whoever looks at the broker.
    ///   - patience: how long a cast waits for a broker that is away.
    package init(
        _ address: AMQPAddress, name: String, on loops: Loops, patience: Duration = .seconds(30), world: World, log: Log
    ) throws(Failure) {
        self.patience = patience
        self.address = address
        self.name = name
        self.loops = loops
        self.world = world
        self.log = log
        trust = address.isEncrypted ? try TLSTrust(authorities: address.authorities) : nil
        // Bounded by what the broker hands out at once.
        (arrivals, arrive) = AsyncStream.makeStream(of: Arrival.self)
    }

    package var counts: BusCounts {
        state.withLock { state in
            var counts = state.counts
            counts.isConnected = state.line != nil
            return counts
        }
    }

    // MARK: Speaking

    package func call<Request, Answer>(
        _ message: Message<Request, Answer>, on host: String?, _ request: Request, deadline: Duration
    ) async throws(Failure) -> Answer {
        state.withLock { $0.counts.calls += 1 }
        let envelope = try await Tracing.span(message.name, .call, by: Tracing.current?.actor ?? "") {
            () async throws(Failure) in
            // The story goes along, so that whoever is asked can keep it where he has a store and we have none.
            let story = Tracing.current?.take() ?? []
            let spans = Array(story.prefix(Envelope.spanLimit))
            Tracing.current?.add(Array(story.dropFirst(spans.count)))
            let parcel = self.parcel(message.topic, message.name, Envelope(.request(request.json), spans: spans))
            let call = Call(
                queue: RabbitBus.queue(message.topic, host), message: parcel, ends: .after(deadline), promise: Promise()
            )
            let envelope: Envelope
            do throws(Failure) { envelope = try await ask(call, message.name, deadline) } catch {
                Tracing.current?.add(spans)
                throw error
            }
            Tracing.current?.add(envelope.spans)
            if case .failure(let failure) = envelope.content { throw failure }
            return envelope
        }
        guard case .answer(let json) = envelope.content else {
            throw .bug("A \(message.name) was answered with something else.")
        }
        return try Answer(json)
    }

    private func ask(_ call: Call, _ name: String, _ deadline: Duration) async throws(Failure) -> Envelope {
        let id = call.message.id ?? ""
        state.withLock { $0.calls[id] = call }
        defer { state.withLock { $0.calls[id] = nil } }
        return try await within(deadline, of: world.clock, name) { () async throws(Failure) in
            try await self.say(call)
            return try await call.promise.wait()
        }
    }

    /// As often as it takes, until the broker has it.
    private func say(_ call: Call) async throws(Failure) {
        try await publish(to: call.queue) { line in call.message.answered(to: line.own, by: call.ends) }
        state.withLock { $0.calls[call.message.id ?? ""]?.isSaid = true }
    }

    package func cast<Request>(
        _ message: Message<Request, Nothing>, on host: String?, _ request: Request
    ) async throws(Failure) {
        state.withLock { $0.counts.casts += 1 }
        let tracing = Tracing.sent(message.name, .cast)
        let parcel = Tracing.$current.withValue(tracing) { () -> AMQPMessage in
            var parcel = self.parcel(message.topic, message.name, Envelope(.request(request.json), spans: []))
            parcel.isPersistent = true
            parcel.expiration = RabbitBus.castLife
            return parcel
        }
        let queue = RabbitBus.queue(message.topic, host)
        try await within(patience, of: world.clock, message.name) { () async throws(Failure) in
            try await self.publish(to: queue) { _ in parcel }
        }
    }

    package func fanout<Request>(_ message: Message<Request, Nothing>, _ request: Request) async throws(Failure) {
        state.withLock { $0.counts.fanouts += 1 }
        let parcel = self.parcel(message.topic, message.name, Envelope(.request(request.json), spans: []))
        let exchange = RabbitBus.exchange(message.topic)
        try await within(patience, of: world.clock, message.name) { () async throws(Failure) in
            while true {
                let line = try await self.line()
                do throws(Failure) {
                    try await line.haveExchange(exchange)
                    _ = try await line.publishing.publish(parcel, exchange: exchange, to: "")
                    return
                } catch { try self.goOn(after: error, on: line) }
            }
        }
    }

    private func parcel(_ topic: String, _ name: String, _ envelope: Envelope) -> AMQPMessage {
        var parcel = AMQPMessage(envelope.bytes)
        parcel.contentType = "application/json"
        parcel.id = Hex.text(world.chance.bytes(16))
        parcel.type = name
        parcel.timestamp = world.now
        parcel.headers = ["topic": .text(topic)]
        for (name, value) in Tracing.current?.headers ?? [] {
            parcel.headers.fields.append(AMQPTable.Field(name: name, value: value))
        }
        return parcel
    }

    private func publish(
        to queue: String, _ message: @Sendable (Line) -> AMQPMessage
    ) async throws(Failure) {
        while true {
            let line = try await line()
            let isTaken: Bool
            do throws(Failure) {
                isTaken = try await line.publishing.publish(message(line), to: queue, isMandatory: true)
            } catch {
                try goOn(after: error, on: line)
                continue
            }
            guard isTaken else { throw RabbitBus.nobodyServes(queue) }
            return
        }
    }

    /// A message that isn't known to have arrived is said again, unless it is no good or nobody waits for it any more.
    private func goOn(after failure: Failure, on line: Line) throws(Failure) {
        guard failure.kind != .tooLarge, failure.kind != .invalid, !Task.isCancelled else { throw failure }
        line.lost.keep(.success(failure))
        state.withLock { if $0.line === line { $0.line = nil } }
    }

    /// The connection there is, once everything is arranged on it that is served here.
    private func line() async throws(Failure) -> Line {
        let promise = Promise<Line>()
        let line = state.withLock { state -> Line? in
            if let line = state.line, line.arranged.withLock({ $0 == state.served }) { return line }
            state.waiters.append(promise)
            return nil
        }
        if let line { return line }
        return try await promise.wait()
    }

    // MARK: Serving

    package func serve<Request, Answer>(
        _ message: Message<Request, Answer>, on host: String?,
        _ handler: @escaping @Sendable (Request) async throws -> Answer
    ) {
        let handle: Handler = { json throws(Failure) in
            do { return try await handler(try Request(json)).json } catch { throw Failure(error) }
        }
        state.withLock { state in
            state.handlers[Key(topic: message.topic, name: message.name, host: host)] = handle
            state.served += 1
            state.line?.change.yield()
        }
    }

    // MARK: Names

    static let prefix = "martlet."
    static let dead = "martlet.dead"

    static func queue(_ topic: String, _ host: String?) -> String {
        prefix + topic + (host.map { " on " + $0 } ?? "")
    }

    static func nobodyServes(_ queue: String) -> Failure {
        .unavailable("Nobody serves \(queue.dropFirst(prefix.count)).")
    }

    static func exchange(_ topic: String) -> String { prefix + "everybody." + topic }
}

extension AMQPMessage {
    /// For whoever still waits by then.
    func answered(to queue: String, by ends: Deadline) -> AMQPMessage {
        var message = self
        message.replyTo = queue
        message.expiration = max(1, Int(ends.left.microseconds / 1_000))
        return message
    }
}
