import Base
import Synchronization

/// All that happens in a simulated world, one piece after another on one thread, in an order drawn from the seed.
///
/// A piece is what a task does between two suspensions. Those that could go on wait here; when none can, time passes
/// until the next sleeper wakes. So a history depends on its seed alone, however long the real machine takes.
final class OneThread: Sendable {
    private struct Piece {
        let job: UnownedJob
        let processor: Processor
    }

    private let ready = Mutex<[Piece]>([])
    private let chance: any Chance
    let time: SimulatedTime

    init(chance: any Chance, start: Moment) {
        self.chance = chance
        time = SimulatedTime(start)
    }

    func add(_ job: UnownedJob, on processor: Processor) {
        ready.withLock { $0.append(Piece(job: job, processor: processor)) }
    }

    /// Works until `isOver`, or until nothing will ever happen again. Answers which of the two it was.
    func run(until isOver: () -> Bool) -> Bool {
        while !isOver() {
            if let piece = next() {
                piece.job.runSynchronously(on: piece.processor.asUnownedTaskExecutor())
            } else if !time.pass() {
                return isOver()
            }
        }
        return true
    }

    private func next() -> Piece? {
        ready.withLock { ready in
            while !ready.isEmpty {
                ready.swapAt(chance.below(ready.count), ready.count - 1)
                let piece = ready.removeLast()
                if !piece.processor.isDead { return piece }
            }
            return nil
        }
    }
}

/// What a simulated process runs on. When the process is killed, what waits here is never run, and nobody is told.
final class Processor: TaskExecutor {
    private let thread: OneThread
    private let death = Atomic(false)

    init(_ thread: OneThread) { self.thread = thread }

    var isDead: Bool { death.load(ordering: .relaxed) }
    func kill() { death.store(true, ordering: .relaxed) }

    func enqueue(_ job: consuming ExecutorJob) { thread.add(UnownedJob(job), on: self) }

    /// The clock of a process: its sleepers die with it.
    var clock: any Clock { ProcessClock(time: thread.time, processor: self) }
}
