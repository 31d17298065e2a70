import Synchronization

/// Spans of this process on their way to whoever collects those of many. Nobody waits for it: when it is full the oldest
/// are dropped, and until somebody wants them nothing is kept at all.
package final class SpanRing: Sendable {
    /// The process's own. What is done in it is told in one place, whoever does it.
    package static let process = SpanRing()

    private struct State {
        var spans: [Span] = []
        var dropped = 0
    }

    private let isWanted = Atomic(false)
    private let state = Mutex(State())

    /// Some seconds of a busy cloud, and 2 MB at most.
    private static let limit = 8_192

    package init() {}

    package func begin() { isWanted.store(true, ordering: .relaxed) }

    package func end() {
        isWanted.store(false, ordering: .relaxed)
        state.withLock { $0.spans = [] }
    }

    package func note(_ span: Span) {
        guard isWanted.load(ordering: .relaxed) else { return }
        state.withLock { state in
            // By halves, so that a full ring doesn't move with each span.
            if state.spans.count >= SpanRing.limit {
                state.spans.removeFirst(SpanRing.limit / 2)
                state.dropped += SpanRing.limit / 2
            }
            state.spans.append(span)
        }
    }

    /// The oldest, and no more than so many.
    package func take(_ count: Int) -> [Span] {
        state.withLock { state in
            let taken = Array(state.spans.prefix(count))
            state.spans.removeFirst(taken.count)
            return taken
        }
    }

    /// What was not collected in time.
    package var dropped: Int { state.withLock { $0.dropped } }
}
