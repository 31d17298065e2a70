import Glibc
import Synchronization

/// The event loops of a process, one per core. The composition root makes them first and stops them last.
package final class Loops: Sendable {
    package let all: [Loop]
    /// For looking up host names, which the C library does blocking. Two threads, as a slow name server then delays few.
    package let names = Pool(name: "names", threads: 2)
    private let turn = Atomic<Int>(0)

    /// - Parameter count: as many as there are cores, unless a test wants to know better.
    package init(count: Int = Loops.cores) {
        all = (0..<max(1, count)).map { Loop(name: "loop \($0)") }
    }

    package static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// The loops by turns, to spread long-lived things over them.
    package func next() -> Loop {
        let turn = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        return all[Int(turn.magnitude % UInt(all.count))]
    }

    /// The caller's own loop, else the next.
    package func here() -> Loop { Loop.current ?? next() }

    /// Ends the threads, after everything on them has ended. Not to be called from a task on one of them.
    package func stop() async {
        for loop in all { await loop.stop() }
        await names.stop()
    }
}
