import Base
import Glibc

// Measures parts of the kernel by themselves, for `Bench/run`: a line of JSON for each figure, in microseconds.

let words = Array(CommandLine.arguments.dropFirst())
guard let part = words.first, ["sql", "bus", "broker"].contains(part), part != "broker" || words.count == 2 else {
    print(
        """
        usage: measure sql             reads and writes of SQLite through the kernel
               measure bus             calls within a process
               measure broker URL      calls through a broker, from one process to itself
        """)
    exit(2)
}

do {
    switch part {
    case "sql": try await Measure.sql()
    case "bus": try await Measure.bus()
    default: try await Measure.broker(words[1])
    }
} catch {
    print("It could not be measured: \(Failure(error).message)")
    exit(1)
}
