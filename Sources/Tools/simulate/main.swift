import Base
import Glibc
import Simulation

// Runs simulated clouds and prints a line for each: whether every promise was kept. With --verbose every line of it.

// Dictionaries that are ordered differently in each process would be another history in each.
if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
    execv("/proc/self/exe", &arguments)
}

let words = CommandLine.arguments.dropFirst()
let isVerbose = words.contains("--verbose")
let isWalk = words.contains("--walk")
let numbers = words.compactMap { UInt64($0) }
guard isWalk || !numbers.isEmpty, words.allSatisfy({ $0 == "--verbose" || $0 == "--walk" || UInt64($0) != nil }) else {
    print(
        """
        usage: simulate [--verbose] SEED...         a history of faults for each seed
               simulate [--verbose] --walk [N...]   kill -9 at each milestone of each workflow, or at those of a number
        """)
    exit(2)
}

let folder = "/dev/shm/martlet-simulation-\(getpid())"
let tell: @Sendable (String) -> Void = { [isVerbose] line in if isVerbose { print(line) } }
var broken = 0

@MainActor func conclude(_ what: String, _ report: Simulation.Report) {
    let seconds = report.simulated.microseconds / 1_000_000
    let story = "\(report.lines) lines in \(seconds) simulated seconds, digest \(report.digest)"
    print("\(what): \(report.breaches.isEmpty ? "kept" : "BROKEN"), \(story)")
    for breach in report.breaches.prefix(20) { print("    \(breach)") }
    if !report.breaches.isEmpty { broken += 1 }
    fflush(nil)
}

do throws(Failure) {
    if isWalk {
        let (report, milestones) = try Simulation.walk(killingAt: nil, in: folder, log: isVerbose, tell: tell)
        conclude("without a kill", report)
        let wanted = numbers.isEmpty ? Array(milestones.indices) : numbers.map { Int($0) }
        for number in wanted where milestones.indices.contains(number) {
            let walk = try Simulation.walk(killingAt: number, in: folder, log: isVerbose, tell: tell)
            conclude("milestone \(number), \(milestones[number])", walk.report)
        }
    } else {
        for seed in numbers {
            conclude("seed \(seed)", try Simulation.run(seed: seed, in: folder, log: isVerbose, tell: tell))
        }
    }
} catch {
    print("It could not be run: \(error)")
    broken += 1
}
exit(broken == 0 ? 0 : 1)
