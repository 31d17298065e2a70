import Base
import Synchronization

/// Time that passes when everybody sleeps.
final class SimulatedTime: Sendable {
    private struct Sleeper {
        let wakes: Moment
        let number: Int
        let processor: Processor
        let waiter: UnsafeContinuation<Bool, Never>
    }

    private struct State {
        var now: Moment
        var sleepers: [Sleeper] = []
        var last = 0
    }

    private let state: Mutex<State>

    init(_ start: Moment) { state = Mutex(State(now: start)) }

    var now: Moment { state.withLock { $0.now } }

    /// Goes on to the next moment at which somebody wakes. False if nobody ever will.
    func pass() -> Bool {
        let waiter = state.withLock { state -> UnsafeContinuation<Bool, Never>? in
            while let next = state.sleepers.popLast() {
                if next.processor.isDead { continue }
                state.now = max(state.now, next.wakes)
                return next.waiter
            }
            return nil
        }
        waiter?.resume(returning: true)
        return waiter != nil
    }

    func sleep(for duration: Duration, on processor: Processor) async throws(CancellationError) {
        let number = state.withLock { state in
            state.last += 1
            return state.last
        }
        let hasSlept = await withTaskCancellationHandler {
            await withUnsafeContinuation { (waiter: UnsafeContinuation<Bool, Never>) in
                if Task.isCancelled { return waiter.resume(returning: false) }
                state.withLock { state in
                    let sleeper = Sleeper(
                        wakes: state.now + duration, number: number, processor: processor, waiter: waiter)
                    // The next to wake is last; of those who wake together, whoever lay down first.
                    let place = state.sleepers.firstIndex { $0.wakes <= sleeper.wakes } ?? state.sleepers.count
                    state.sleepers.insert(sleeper, at: place)
                }
            }
        } onCancel: {
            wake(number)
        }
        if !hasSlept { throw CancellationError() }
    }

    private func wake(_ number: Int) {
        state.withLock { state -> UnsafeContinuation<Bool, Never>? in
            guard let place = state.sleepers.firstIndex(where: { $0.number == number }) else { return nil }
            return state.sleepers.remove(at: place).waiter
        }?.resume(returning: false)
    }
}

struct ProcessClock: Clock {
    let time: SimulatedTime
    let processor: Processor

    var now: Moment { time.now }

    func sleep(for duration: Duration) async throws(CancellationError) {
        try await time.sleep(for: duration, on: processor)
    }
}
