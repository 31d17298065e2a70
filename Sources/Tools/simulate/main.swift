import Base
import Glibc
import Simulation

// simulate [--verbose] SEED...
// Runs a cloud's history for each seed and prints a line for each that broke a promise; with --verbose every line of it.

// Dictionaries that are ordered differently in each process would be another history in each.
if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
    execv("/proc/self/exe", &arguments)
}

let words = CommandLine.arguments.dropFirst()
let isVerbose = words.contains("--verbose")
let seeds = words.compactMap { UInt64($0) }
guard !seeds.isEmpty, seeds.count + (isVerbose ? 1 : 0) == words.count else {
    print("usage: simulate [--verbose] SEED...    whole numbers, each a history of its own")
    exit(2)
}

var broken = 0
for seed in seeds {
    let folder = "/dev/shm/martlet-simulation-\(getpid())"
    do throws(Failure) {
        let report = try Simulation.run(seed: seed, in: folder, log: isVerbose) { if isVerbose { print($0) } }
        let seconds = report.simulated.microseconds / 1_000_000
        let story = "\(report.lines) lines in \(seconds) simulated seconds, digest \(report.digest)"
        if report.breaches.isEmpty {
            print("seed \(seed): kept, \(story)")
        } else {
            broken += 1
            print("seed \(seed): BROKEN, \(story)")
            for breach in report.breaches.prefix(20) { print("    \(breach)") }
        }
    } catch {
        broken += 1
        print("seed \(seed): BROKEN, it could not be run: \(error)")
    }
    fflush(nil)
}
exit(broken == 0 ? 0 : 1)
