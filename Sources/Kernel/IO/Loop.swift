import CSystem
import Glibc
import Synchronization

/// One thread that waits for descriptors and timers and runs the tasks that prefer it.
///
///     let loops = Loops()
///     let task = Task(executorPreference: loops.next()) {
///         let stream = try await Stream.connect(to: .tcp(host: "127.0.0.1", port: 5672), on: loops)
///         …
///     }
///     …
///     await loops.stop()
///
/// A task with this preference, and whatever actor it calls that has no executor of its own, stays on the loop's thread:
/// no hops, no locks. So nothing here may block; blocking calls go to a `Pool`. `Stream` and `Listener` are actors that
/// live on a loop, so the compiler sees to it that their state is touched on its thread only.
package final class Loop: TaskExecutor, SerialExecutor, @unchecked Sendable {
    // All `var`s are confined to the loop's thread; other threads reach it through `remote` alone.

    package let name: String

    private enum Work {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    private enum Life {
        case running
        case stopping([UnsafeContinuation<Void, Never>])
        case stopped
    }

    private let epoll: Int32
    private let wakeUp: Int32
    private let remote = Mutex<[Work]>([])
    private let life = Mutex<Life>(.running)
    private var local: [Work] = []
    private var batch: [Work] = []
    private var isStopping = false
    private var watchers: [Slot] = []
    private var freeSlots: [UInt32] = []
    private var timers = TimerHeap()
    /// The steady clock, read once per turn.
    private(set) var now: Deadline = .now
    /// Where small reads land before they are copied to their exact size.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)

    /// As many events as one call may report: enough to share its cost, few enough to get to the timers soon.
    private static let eventsPerTurn = 128
    /// How often waiting work may bring more work before descriptors get their turn.
    private static let roundsPerTurn = 16

    init(name: String) {
        self.name = name
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeUp = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(epoll >= 0 && wakeUp >= 0, "No descriptors left for an event loop.")
        var event = epoll_event(events: system_readable, data: epoll_data_t(u64: Token.wakeUp.raw))
        epoll_ctl(epoll, EPOLL_CTL_ADD, wakeUp, &event)
        startThread(named: name) { self.run() }
    }

    deinit {
        close(epoll)
        close(wakeUp)
        scratch.deallocate()
    }

    /// The loop whose thread this is.
    package static var current: Loop? {
        system_current_loop().map { Unmanaged<Loop>.fromOpaque($0).takeUnretainedValue() }
    }

    package var isCurrent: Bool { system_current_loop() == Unmanaged.passUnretained(self).toOpaque() }

    // MARK: Executor

    package func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

    package func checkIsolated() { precondition(isCurrent, "This belongs to the event loop \(name).") }

    package func isIsolatingCurrentContext() -> Bool? { isCurrent }

    /// Runs `body` on the loop's thread, soon and never before the current job has come to a wait.
    func perform(_ body: @escaping @Sendable () -> Void) { add(.call(body)) }

    private func add(_ work: Work) {
        if isCurrent {
            local.append(work)
            return
        }
        let isFirst = remote.withLock { remote in
            remote.append(work)
            return remote.count == 1
        }
        if isFirst { wake() }
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(wakeUp, &one, 8)
    }

    /// Ends the thread and waits for that. Whatever ran here has to be over: what comes later is never run.
    /// Not to be called from a task on the loop itself.
    func stop() async {
        perform { self.isStopping = true }
        await withUnsafeContinuation { (waiter: UnsafeContinuation<Void, Never>) in
            let isOver = life.withLock { life in
                switch life {
                case .running: life = .stopping([waiter])
                case .stopping(let others): life = .stopping(others + [waiter])
                case .stopped: return true
                }
                return false
            }
            if isOver { waiter.resume() }
        }
    }

    // MARK: The loop

    private func run() {
        system_set_current_loop(Unmanaged.passUnretained(self).toOpaque())
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: Loop.eventsPerTurn)
        defer { events.deallocate() }
        while true {
            runWaitingWork()
            if isStopping && local.isEmpty { break }
            let count = epoll_wait(epoll, events, Int32(Loop.eventsPerTurn), waitMilliseconds())
            now = .now
            for index in 0..<max(0, Int(count)) { dispatch(events[index]) }
            fireTimers()
        }
        system_set_current_loop(nil)
        let waiters = life.withLock { life in
            defer { life = .stopped }
            guard case .stopping(let waiters) = life else { return [] as [UnsafeContinuation<Void, Never>] }
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func runWaitingWork() {
        var rounds = 0
        while !local.isEmpty && rounds < Loop.roundsPerTurn {
            swap(&local, &batch)
            for work in batch { run(work) }
            batch.removeAll(keepingCapacity: true)
            rounds += 1
        }
    }

    private func run(_ work: Work) {
        switch work {
        case .job(let job):
            job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
        case .call(let body): body()
        }
    }

    private func waitMilliseconds() -> Int32 {
        if !local.isEmpty { return 0 }
        guard let due = timers.next else { return -1 }
        let microseconds = due.microseconds - Deadline.now.microseconds
        return microseconds <= 0 ? 0 : Int32(min(microseconds / 1_000 + 1, 60_000))
    }

    private func dispatch(_ event: epoll_event) {
        let token = Token(raw: event.data.u64)
        if token == .wakeUp {
            takeRemoteWork()
        } else {
            watcher(token)?.descriptorChanged(Readiness(events: event.events))
        }
    }

    private func takeRemoteWork() {
        var count: UInt64 = 0
        _ = read(wakeUp, &count, 8)
        let work = remote.withLock { remote in
            defer { remote = [] }
            return remote
        }
        local.append(contentsOf: work)
    }

    private func fireTimers() {
        while let timer = timers.pop(dueBy: now) {
            switch timer.target {
            case .watcher(let token): watcher(token)?.timePassed(now)
            case .sleeper(let sleeper): sleeper.finish(.slept)
            }
        }
    }

    // MARK: Watchers, on the loop's thread

    private struct Slot {
        var watcher: (any Watcher)?
        var generation: UInt32
    }

    /// From now on the watcher hears of each change of the descriptor, once (edge-triggered).
    func attach(_ watcher: any Watcher, to descriptor: Int32) -> Token {
        let index: UInt32
        if let free = freeSlots.popLast() {
            index = free
            watchers[Int(free)].watcher = watcher
        } else {
            index = UInt32(watchers.count)
            watchers.append(Slot(watcher: watcher, generation: 1))
        }
        let token = Token(index: index, generation: watchers[Int(index)].generation)
        let interest = system_readable | system_writable | system_peer_closed | system_edge_triggered
        var event = epoll_event(events: interest, data: epoll_data_t(u64: token.raw))
        epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)
        return token
    }

    /// To be called before the descriptor is closed. Events and timers on their way are dropped.
    func detach(_ token: Token, from descriptor: Int32) {
        var unused = epoll_event()
        epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, &unused)
        watchers[Int(token.index)].watcher = nil
        watchers[Int(token.index)].generation &+= 1
        freeSlots.append(token.index)
    }

    func arm(_ token: Token, _ due: Deadline) { timers.push(TimerHeap.Timer(due: due, target: .watcher(token))) }

    func arm(_ sleeper: Sleeper, _ due: Deadline) { timers.push(TimerHeap.Timer(due: due, target: .sleeper(sleeper))) }

    private func watcher(_ token: Token) -> (any Watcher)? {
        let slot = watchers[Int(token.index)]
        return slot.generation == token.generation ? slot.watcher : nil
    }
}

/// Which watcher an event is for. The generation tells a descriptor from the one that had its place before.
struct Token: Hashable, Sendable {
    let raw: UInt64

    static let wakeUp = Token(raw: .max)

    init(raw: UInt64) { self.raw = raw }
    init(index: UInt32, generation: UInt32) { raw = UInt64(generation) << 32 | UInt64(index) }

    var index: UInt32 { UInt32(truncatingIfNeeded: raw) }
    var generation: UInt32 { UInt32(truncatingIfNeeded: raw >> 32) }
}

/// What can be tried again now.
struct Readiness: Sendable {
    let canRead: Bool
    let canWrite: Bool
    /// The other end has closed its side (or all is broken): reading will come to an end.
    let isEnding: Bool

    init(events: UInt32) {
        let failed = events & system_failed != 0
        canRead = failed || events & (system_readable | system_peer_closed) != 0
        canWrite = failed || events & system_writable != 0
        isEnding = failed || events & system_peer_closed != 0
    }
}

/// The owner of a descriptor, called on the loop's thread.
protocol Watcher: AnyObject, Sendable {
    nonisolated func descriptorChanged(_ readiness: Readiness)
    nonisolated func timePassed(_ now: Deadline)
}
