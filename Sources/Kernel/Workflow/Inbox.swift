import Base
import Synchronization

/// Runs that are to be worked on now, and the one task that waits for them.
final class Inbox: Sendable {
    private struct State {
        var runs: [Run] = []
        var isClosed = false
        var waiter: CheckedContinuation<Void, Never>?
        var bell: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func put(_ run: Run) {
        state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.runs.append(run)
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
    func take() async -> [Run] {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.runs.isEmpty, !state.isClosed {
                    state.waiter = continuation
                    return false
                }
                return true
            }
            if isReady { continuation.resume() }
        }
        return takeNow()
    }

    func takeNow() -> [Run] {
        state.withLock { state in
            defer { state.runs = [] }
            return state.runs
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
