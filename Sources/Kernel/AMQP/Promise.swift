package import Base
import Synchronization

/// One value that somebody waits for and somebody else brings, once. What comes later is dropped.
package final class Promise<Value: Sendable>: Sendable {
    private enum State {
        case open
        case waiting(UnsafeContinuation<Result<Value, Failure>, Never>)
        case kept(Result<Value, Failure>)
    }

    private let state = Mutex<State>(.open)

    package init() {}

    package func keep(_ result: Result<Value, Failure>) {
        let waiter = state.withLock { state -> UnsafeContinuation<Result<Value, Failure>, Never>? in
            switch state {
            case .open: state = .kept(result)
            case .waiting(let waiter):
                state = .kept(result)
                return waiter
            case .kept: break
            }
            return nil
        }
        waiter?.resume(returning: result)
    }

    /// For one task. If that is cancelled, it waits no longer.
    package func wait() async throws(Failure) -> Value {
        let result = await withTaskCancellationHandler {
            await withUnsafeContinuation { (waiter: UnsafeContinuation<Result<Value, Failure>, Never>) in
                let known = state.withLock { state -> Result<Value, Failure>? in
                    if case .kept(let result) = state { return result }
                    state = .waiting(waiter)
                    return nil
                }
                if let known { waiter.resume(returning: known) }
            }
        } onCancel: {
            keep(.failure(Failure(CancellationError())))
        }
        return try result.get()
    }
}
