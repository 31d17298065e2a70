package import Base
import Synchronization

/// The timers of a loop, soonest first (a binary heap).
///
/// A timer is not taken out when its reason is gone: it names a token that has become stale, and fires into nothing.
struct TimerHeap {
    struct Timer {
        enum Target {
            case watcher(Token)
            case sleeper(Sleeper)
        }

        let due: Deadline
        let target: Target
    }

    private var timers: [Timer] = []

    var next: Deadline? { timers.first?.due }

    mutating func push(_ timer: Timer) {
        timers.append(timer)
        var child = timers.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard timers[child].due < timers[parent].due else { break }
            timers.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop(dueBy now: Deadline) -> Timer? {
        guard let first = timers.first, first.due <= now else { return nil }
        let last = timers.removeLast()
        if !timers.isEmpty {
            timers[0] = last
            sink()
        }
        return first
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < timers.count && timers[child].due < timers[least].due {
                least = child
            }
            guard least != parent else { return }
            timers.swapAt(parent, least)
            parent = least
        }
    }
}

/// One task that sleeps: woken once, by the timer or by its cancellation, whichever comes first.
final class Sleeper: Sendable {
    enum End: Sendable { case slept, cancelled }

    private enum State {
        case begun
        case waiting(UnsafeContinuation<End, Never>)
        case over(End)
    }

    private let state = Mutex<State>(.begun)

    func finish(_ end: End) {
        let waiter = state.withLock { state -> UnsafeContinuation<End, Never>? in
            switch state {
            case .begun: state = .over(end)
            case .waiting(let waiter):
                state = .over(end)
                return waiter
            case .over: break
            }
            return nil
        }
        waiter?.resume(returning: end)
    }

    func wait() async -> End {
        await withUnsafeContinuation { waiter in
            let end = state.withLock { state -> End? in
                if case .over(let end) = state { return end }
                state = .waiting(waiter)
                return nil
            }
            if let end { waiter.resume(returning: end) }
        }
    }
}

/// The machine's clock. Who sleeps on a loop is woken by that loop: no other thread wakes up to see to it.
package struct LoopClock: Clock {
    private let machine = SystemClock()

    package init() {}

    package var now: Moment { machine.now }

    package func sleep(for duration: Duration) async throws(CancellationError) {
        guard let loop = Loop.current else { return try await machine.sleep(for: duration) }
        try await loop.sleep(for: duration)
    }
}

extension Loop {
    /// Lets other work run for that long. For limits of protocols; a service sleeps by its `Clock`.
    package func sleep(for duration: Duration) async throws(CancellationError) {
        let sleeper = Sleeper()
        let due = Deadline.after(duration)
        perform { self.arm(sleeper, due) }
        let end = await withTaskCancellationHandler {
            await sleeper.wait()
        } onCancel: {
            sleeper.finish(.cancelled)
        }
        if end == .cancelled { throw CancellationError() }
    }
}
