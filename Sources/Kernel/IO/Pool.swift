import Glibc
import Synchronization

/// A few threads of their own for C calls that block: databases, password hashes, hypervisors, slow files.
///
///     let hashes = Pool(name: "hashes", threads: 2)
///     let hash = try await hashes.run { () throws(Failure) in try bcrypt(password) }   // resumes where it was called
///
/// The threads come as they are needed, up to the limit; what finds none free waits its turn. The queue has no limit of
/// its own: each of its entries is a waiting task, and those are limited where they come from (connections, workers).
///
/// A process that has to do everything in one order says `Pool.workInPlace()` first: then there are no threads, and
/// whoever asks does the work.
package final class Pool: TaskExecutor, @unchecked Sendable {
    // `state` is only touched with `mutex` held.

    package let name: String
    package let threads: Int

    private enum Work {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    private struct State {
        var queue = Queue<Work>()
        var running = 0
        var idle = 0
        var isStopping = false
        var stopWaiters: [UnsafeContinuation<Void, Never>] = []
    }

    private static let isInPlace = Atomic(false)

    private var state = State()
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let change = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init(name: String, threads: Int) {
        self.name = name
        self.threads = max(1, threads)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(change, nil)
    }

    deinit {
        pthread_cond_destroy(change)
        pthread_mutex_destroy(mutex)
        change.deallocate()
        mutex.deallocate()
    }

    /// From now on no pool of this process uses a thread.
    package static func workInPlace() { isInPlace.store(true, ordering: .relaxed) }

    /// Runs `body` on one of the threads and comes back to where the caller runs. Cancellation doesn't interrupt it:
    /// nothing can interrupt a C call.
    package func run<Value: Sendable, Problem: Error>(
        _ body: @escaping @Sendable () throws(Problem) -> Value
    ) async throws(Problem) -> Value {
        if Pool.isInPlace.load(ordering: .relaxed) { return try body() }
        let result = await withUnsafeContinuation { (waiter: UnsafeContinuation<Result<Value, Problem>, Never>) in
            add(.call { waiter.resume(returning: Result(catching: body)) })
        }
        return try result.get()
    }

    package func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

    /// Lets what is queued finish, ends the threads, and waits for that.
    package func stop() async {
        await withUnsafeContinuation { (waiter: UnsafeContinuation<Void, Never>) in
            let isOver = locked { () -> Bool in
                state.isStopping = true
                if state.running == 0 { return true }
                state.stopWaiters.append(waiter)
                pthread_cond_broadcast(change)
                return false
            }
            if isOver { waiter.resume() }
        }
    }

    private enum Hand { case idle, new, busy }

    private func add(_ work: Work) {
        let hand = locked { () -> Hand in
            state.queue.append(work)
            if state.idle >= state.queue.count { return .idle }
            guard state.running < threads else { return .busy }
            state.running += 1
            return .new
        }
        switch hand {
        // Woken when the lock is free again, or it would wake only to wait once more.
        case .idle: pthread_cond_signal(change)
        case .new: startThread(named: name) { self.serve() }
        case .busy: break
        }
    }

    private func serve() {
        while let work = take() {
            switch work {
            case .job(let job): job.runSynchronously(on: asUnownedTaskExecutor())
            case .call(let body): body()
            }
        }
        let waiters = locked { () -> [UnsafeContinuation<Void, Never>] in
            state.running -= 1
            guard state.running == 0 else { return [] }
            defer { state.stopWaiters = [] }
            return state.stopWaiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// The next piece of work; nil when the pool stops and nothing is left to do.
    private func take() -> Work? {
        locked {
            while true {
                if let work = state.queue.popFirst() { return work }
                if state.isStopping { return nil }
                state.idle += 1
                pthread_cond_wait(change, mutex)
                state.idle -= 1
            }
        }
    }

    private func locked<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}

/// First in, first out, without moving what is inside at each step.
struct Queue<Element> {
    private var elements: [Element?] = []
    private var head = 0

    var count: Int { elements.count - head }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        let element = elements[head]
        elements[head] = nil
        head += 1
        if head == elements.count {
            elements.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 1_024 && head * 2 > elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return element
    }
}
