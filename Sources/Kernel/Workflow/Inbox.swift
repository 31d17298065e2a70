import Base
import Synchronization
import Trace

enum Work: Sendable {
    /// A run, with the trace that it belongs to where that is known.
    case run(Run, Tracing?)
    /// What was still to be told of the story of a run that is over.
    case page(Span, of: Run)
}

/// What is to be worked on now, and the one task that waits for it.
final class Inbox: Sendable {
    private struct State {
        var work: [Work] = []
        var isClosed = false
        var waiter: CheckedContinuation<Void, Never>?
        var bell: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func put(_ work: Work) {
        state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.work.append(work)
            defer { state.waiter = nil }
            return state.waiter
        }?.resume()
    }

    func close() {
        state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.isClosed = true
            defer { state.waiter = nil }
            return state.waiter
        }?.resume()
    }

    /// Waits until there is something.
    func take() async -> [Work] {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.work.isEmpty, !state.isClosed {
                    state.waiter = continuation
                    return false
                }
                return true
            }
            if isReady { continuation.resume() }
        }
        return takeNow()
    }

    func takeNow() -> [Work] {
        state.withLock { state in
            defer { state.work = [] }
            return state.work
        }
    }

    // MARK: The bell

    /// Cuts a pause short.
    func wake() {
        state.withLock { state -> CheckedContinuation<Void, Never>? in
            defer { state.bell = nil }
            return state.bell
        }?.resume()
    }

    /// Sleeps, until somebody rings.
    func pause(_ duration: Duration, _ clock: any Clock) async throws(CancellationError) {
        let result = await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await clock.sleep(for: duration)) != nil }
            group.addTask {
                await withTaskCancellationHandler {
                    await withCheckedContinuation { bell in self.state.withLock { $0.bell = bell } }
                } onCancel: {
                    self.wake()
                }
                return true
            }
            let first = await group.next() ?? false
            group.cancelAll()
            self.wake()
            return first
        }
        if !result || Task.isCancelled { throw CancellationError() }
    }
}
