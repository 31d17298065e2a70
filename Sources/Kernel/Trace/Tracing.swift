package import Base
import Synchronization

/// The trace that the running task belongs to. It travels with the task, so that nobody passes it on by hand.
///
///     try await Tracing.span("ask image for the bytes", .rest, by: "compute-node") { … }
///
/// Without a trace the body simply runs.
package struct Tracing: Sendable {
    package let trace: UInt64
    package let parent: UInt64?
    /// Who is at it: the actor of the innermost span.
    package let actor: String?
    package let requestID: String
    private let collector: Collector
    private let world: World

    @TaskLocal package static var current: Tracing?

    /// A new story, or the continuation of one that a message brought.
    package init(
        trace: UInt64, parent: UInt64? = nil, actor: String? = nil, requestID: String, collector: Collector,
        world: World
    ) {
        self.trace = trace
        self.parent = parent
        self.actor = actor
        self.requestID = requestID
        self.collector = collector
        self.world = world
    }

    private func below(_ span: Span) -> Tracing {
        Tracing(
            trace: trace, parent: span.id, actor: span.actor, requestID: requestID, collector: collector, world: world)
    }

    /// The same function for another thread: what it does belongs to the trace that is current here.
    package static func carrying<Input, Value>(
        _ body: @escaping @Sendable (Input) throws -> Value
    ) -> @Sendable (Input) throws -> Value {
        guard let tracing = current else { return body }
        return { input in try $current.withValue(tracing) { try body(input) } }
    }

    /// Runs `body` as a span of the current trace.
    package static func span<Value>(
        _ name: @autoclosure () -> String, _ kind: Span.Kind, by actor: String,
        _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        guard let tracing = current else { return try await body() }
        var span = Span(
            trace: tracing.trace, id: tracing.world.chance.next(), parent: tracing.parent, name: name(), kind: kind,
            actor: actor, start: tracing.world.now)
        let result = await $current.withValue(tracing.below(span)) { () async -> Result<Value, Failure> in
            do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
        }
        span.duration = tracing.world.now - span.start
        if case .failure(let failure) = result { span.failure = failure.message }
        tracing.collector.add(span)
        SpanRing.process.note(span)
        return try result.get()
    }

    /// Notes that something was sent on its way, and answers with the trace for whoever goes on with it.
    package static func sent(_ name: String, _ kind: Span.Kind) -> Tracing? {
        guard let tracing = current else { return nil }
        let span = Span(
            trace: tracing.trace, id: tracing.world.chance.next(), parent: tracing.parent, name: name, kind: kind,
            actor: tracing.actor ?? "", start: tracing.world.now)
        tracing.collector.add(span)
        SpanRing.process.note(span)
        return tracing.below(span)
    }

    /// What has been collected since the last time: for whoever is about to write to the store anyway.
    package func take() -> [Span] { collector.take() }

    /// The same for the last time: what is still under way, as the request may be with which the story begins, is told
    /// one by one as it ends.
    package func takeLast(_ late: @escaping @Sendable (Span) -> Void) -> [Span] { collector.takeLast(late) }

    /// From now on it is told by the work that it led to. What that work leads to tells its own part: two that told of
    /// one collection would each take what the other had done.
    package func claim() { collector.claim() }

    /// For work that begins here: the same story, by itself where it is being told already.
    package var forWork: Tracing {
        guard collector.isClaimed else { return self }
        return Tracing(
            trace: trace, parent: parent, actor: actor, requestID: requestID, collector: Collector(), world: world)
    }

    package func add(_ spans: [Span]) { for span in spans { collector.add(span) } }
}

/// Spans on their way to the store. Bounded: a story with more pages loses its last ones, never its memory.
package final class Collector: Sendable {
    private struct State {
        var spans: [Span] = []
        /// Who is told of what comes after the end.
        var late: (@Sendable (Span) -> Void)?
        var isClaimed = false
    }

    private let state = Mutex(State())
    private static let limit = 512

    package init() {}

    func add(_ span: Span) {
        let late = state.withLock { state in
            if state.late == nil, state.spans.count < Collector.limit { state.spans.append(span) }
            return state.late
        }
        late?(span)
    }

    func claim() { state.withLock { $0.isClaimed = true } }

    var isClaimed: Bool { state.withLock { $0.isClaimed } }

    func take() -> [Span] {
        state.withLock { state in
            defer { state.spans = [] }
            return state.spans
        }
    }

    func takeLast(_ late: @escaping @Sendable (Span) -> Void) -> [Span] {
        state.withLock { state in
            defer { state = State(late: late, isClaimed: state.isClaimed) }
            return state.spans
        }
    }
}
