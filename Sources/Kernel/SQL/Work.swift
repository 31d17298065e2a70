import Base
import Synchronization

/// What a caller waits for: something to run in a transaction, and then to be told how it ended.
protocol Work: AnyObject, Sendable {
    func run(_ transaction: Transaction) throws(Failure)
    /// Called once, when the outcome is durable, or with what went wrong.
    func finish(_ failure: Failure?)
}

/// The work of one `read` or `write`, which keeps its value until the transaction is over.
final class Job<Value: Sendable>: Work, @unchecked Sendable {  // handed from the caller to one thread, never shared
    private let body: @Sendable (Transaction) throws -> Value
    private let caller: UnsafeContinuation<Result<Value, Failure>, Never>
    private var value: Value?

    init(
        _ caller: UnsafeContinuation<Result<Value, Failure>, Never>,
        _ body: @escaping @Sendable (Transaction) throws -> Value
    ) {
        self.caller = caller
        self.body = body
    }

    func run(_ transaction: Transaction) throws(Failure) {
        do {
            value = try body(transaction)
        } catch {
            // What the engine did to the transaction explains more than what the closure made of it.
            try transaction.check()
            throw Failure(error)
        }
        try transaction.check()
    }

    func finish(_ failure: Failure?) {
        switch (failure, value) {
        case (let failure?, _): caller.resume(returning: .failure(failure))
        case (nil, let value?): caller.resume(returning: .success(value))
        case (nil, nil): caller.resume(returning: .failure(.bug("A transaction ended without a value.")))
        }
    }
}

/// Counts threads that are at work, so that closing can wait for the last of them.
final class Latch: Sendable {
    private struct State {
        var open: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(open: count)) }

    func countDown() {
        let waiting = state.withLock { state in
            state.open -= 1
            guard state.open == 0 else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiting = [] }
            return state.waiting
        }
        for caller in waiting { caller.resume() }
    }

    func wait() async {
        await withCheckedContinuation { caller in
            let done = state.withLock { state in
                if state.open > 0 { state.waiting.append(caller) }
                return state.open == 0
            }
            if done { caller.resume() }
        }
    }
}

/// What has been done, counted from several threads.
final class Tally: Sendable {
    private let state = Mutex(Database.Counts())

    var counts: Database.Counts { state.withLock { $0 } }
    func note(_ change: (inout Database.Counts) -> Void) { state.withLock { change(&$0) } }
}

/// Something that belongs to one thread at a time, on its way to it.
struct Confined<Value>: @unchecked Sendable {  // whoever makes it gives it away and doesn't touch it again
    let value: Value
    init(_ value: Value) { self.value = value }
}
