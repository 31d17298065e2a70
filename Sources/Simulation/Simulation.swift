package import Base
import Cloud
import Glibc
import IO
import Synchronization
import Trace

/// A cloud's life under faults, made from a seed: customers who do what they like, messages that are lost, nodes that
/// fail, a process that is killed. Then the weather clears, and every promise has to hold. The same seed is the same
/// history.
package struct Simulation: Sendable {
    package struct Report: Sendable {
        package let seed: UInt64
        /// The same for the same history.
        package let digest: String
        package let lines: Int
        package let simulated: Duration
        /// What was not as promised.
        package let breaches: [String]
    }

    private static let start = Moment(seconds: 1_893_456_000)

    /// - Parameters:
    ///   - folder: where the simulated disk is; it is removed again.
    ///   - tell: is told every line of the history.
    package static func run(
        seed: UInt64, in folder: String, log: Bool = false, tell: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(Failure) -> Report {
        try report(seed, folder, log, tell) { story throws(Failure) in try await story.storm() }
    }

    /// An hour without weather in which every kind of thing is made and unmade once, and the process is killed at one of
    /// the milestones of the workflows: the one of that number, or none.
    package static func walk(
        killingAt milestone: Int?, in folder: String, log: Bool = false,
        tell: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(Failure) -> (report: Report, milestones: [String]) {
        let milestones = Mutex<[String]>([])
        let report = try report(1, folder, log, tell) { story throws(Failure) in
            let breaches = try await story.walk(killingAt: milestone)
            milestones.withLock { $0 = story.site.milestones.passed }
            return breaches
        }
        return (report, milestones.withLock { $0 })
    }

    private static func report(
        _ seed: UInt64, _ folder: String, _ log: Bool, _ tell: @escaping @Sendable (String) -> Void,
        _ plot: @escaping @Sendable (Story) async throws(Failure) -> [String]
    ) throws(Failure) -> Report {
        Pool.workInPlace()
        try DataDirectory.make(folder)
        defer { try? Files.removeFolder(folder) }
        let chance = SeededChance(seed: seed)
        let thread = OneThread(chance: SeededChance(seed: seed &* 31 &+ 7), start: start)
        let history = History(tell: tell)
        let outside = Processor(thread)
        let weather = Weather(chance: chance, history: history)
        let site = try Site(
            folder: folder, thread: thread, chance: chance, weather: weather, history: history,
            log: log ? Log(style: .people, clock: outside.clock) : .silent)
        let story = Story(site: site, chance: chance, clock: outside.clock, history: history)
        let result = Mutex<[String]?>(nil)
        Task(executorPreference: outside) {
            let breaches: [String]
            do throws(Failure) { breaches = try await plot(story) } catch { breaches = ["\(error)"] }
            result.withLock { $0 = breaches }
        }
        let hasEnded = thread.run { result.withLock { $0 != nil } }
        let breaches = result.withLock { $0 } ?? []
        return Report(
            seed: seed, digest: history.digest, lines: history.lines, simulated: thread.time.now - start,
            breaches: hasEnded ? breaches : ["everything stands still for ever"])
    }
}
