package import Base
import Synchronization
import Trace

/// The bus within one process. Values are handed over as they are; nothing is encoded and nothing is lost.
package final class LocalBus: Bus {
    private struct Key: Hashable {
        let topic: String
        let name: String
        let host: String?
    }

    private typealias Handler = @Sendable (any Sendable) async throws(Failure) -> any Sendable

    private struct State {
        var handlers: [Key: Handler] = [:]
        var casts: [@Sendable () async -> Void] = []
        var waiter: CheckedContinuation<Void, Never>?
        var isClosed = false
    }

    private let state = Mutex(State())
    private let clock: any Clock

    /// More that nobody has begun with means that somebody hangs: then casting fails, and its sender tries again later.
    private static let castLimit = 10_000

    package init(clock: any Clock) { self.clock = clock }

    package func serve<Request, Answer>(
        _ message: Message<Request, Answer>, on host: String?,
        _ handler: @escaping @Sendable (Request) async throws -> Answer
    ) {
        let key = Key(topic: message.topic, name: message.name, host: host)
        let handle: Handler = { request throws(Failure) in
            guard let request = request as? Request else { throw .bug("A \(message.name) carries something else.") }
            do { return try await handler(request) } catch { throw Failure(error) }
        }
        state.withLock { $0.handlers[key] = handle }
    }

    package func call<Request, Answer>(
        _ message: Message<Request, Answer>, on host: String?, _ request: Request, deadline: Duration
    ) async throws(Failure) -> Answer {
        let handler = try handler(for: message, on: host)
        let reply: any Sendable = try await Tracing.span(message.name, .call, by: Tracing.current?.actor ?? "") {
            () async throws(Failure) -> any Sendable in
            try await within(deadline, of: clock, message.name) { () async throws(Failure) -> any Sendable in
                try await Tracing.span(message.name, .serve, by: message.topic) { () async throws(Failure) in
                    try await handler(request)
                }
            }
        }
        guard let answer = reply as? Answer else { throw .bug("A \(message.name) was answered with something else.") }
        return answer
    }

    package func cast<Request>(
        _ message: Message<Request, Nothing>, on host: String?, _ request: Request
    ) async throws(Failure) {
        let handler = try handler(for: message, on: host)
        let name = message.name
        let tracing = Tracing.sent(name, .cast)
        let work: @Sendable () async -> Void = {
            await Tracing.$current.withValue(tracing) {
                _ = try? await Tracing.span(name, .serve, by: message.topic) {
                    () async throws(Failure) -> any Sendable in try await handler(request)
                }
            }
        }
        let (waiter, isFull) = state.withLock { state -> (CheckedContinuation<Void, Never>?, Bool) in
            guard state.casts.count < LocalBus.castLimit else { return (nil, true) }
            state.casts.append(work)
            defer { state.waiter = nil }
            return (state.waiter, false)
        }
        guard !isFull else { throw .unavailable("The bus is full.") }
        waiter?.resume()
    }

    package func fanout<Request>(_ message: Message<Request, Nothing>, _ request: Request) async throws(Failure) {
        let hosts = state.withLock { state in
            state.handlers.keys.filter { $0.topic == message.topic && $0.name == message.name }.map(\.host)
        }
        for host in hosts { try await cast(message, on: host, request) }
    }

    private func handler<Request, Answer>(
        for message: Message<Request, Answer>, on host: String?
    ) throws(Failure) -> Handler {
        let key = Key(topic: message.topic, name: message.name, host: host)
        guard let handler = state.withLock({ $0.handlers[key] }) else {
            throw .unavailable("Nobody serves \(message.topic)\(host.map { " on " + $0 } ?? "").")
        }
        return handler
    }

    // MARK: Life

    /// Carries out what was cast, until the task is cancelled.
    package func run() async {
        await withTaskCancellationHandler {
            await withTaskGroup(of: Void.self) { group in
                while let work = await next() { group.addTask { await work() } }
                group.cancelAll()
            }
        } onCancel: {
            state.withLock { state -> CheckedContinuation<Void, Never>? in
                state.isClosed = true
                defer { state.waiter = nil }
                return state.waiter
            }?.resume()
        }
    }

    private func next() async -> (@Sendable () async -> Void)? {
        while true {
            let (work, isClosed) = state.withLock { state in
                (state.casts.isEmpty ? nil : state.casts.removeFirst(), state.isClosed)
            }
            if let work { return work }
            if isClosed { return nil }
            await withCheckedContinuation { waiter in
                let isReady = state.withLock { state in
                    if state.casts.isEmpty, !state.isClosed {
                        state.waiter = waiter
                        return false
                    }
                    return true
                }
                if isReady { waiter.resume() }
            }
        }
    }
}
