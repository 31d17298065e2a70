package import Base
import IO
import Trace

/// A program of the system's, run to its end: `qemu-img`, `ip`, `genisoimage`.
///
///     let info = try await Program("qemu-img", "info", "--output=json", path).run(by: "compute-node")
///
/// Each run is a span. What is started here is in a process group of its own, so a terminal's Ctrl-C doesn't cut it off
/// in the middle, and is killed when its time is over or its task is cancelled.
package struct Program: Sendable {
    package var name: String
    package var arguments: [String]
    /// What it reads from its standard input.
    package var input: [UInt8] = []
    package var limit: Duration = .seconds(60)

    /// - Parameter name: is looked for along `PATH`.
    package init(_ name: String, _ arguments: [String]) {
        self.name = name
        self.arguments = arguments
    }

    package init(_ name: String, _ arguments: String...) { self.init(name, arguments) }

    package struct Outcome: Sendable {
        /// As the shell has it: 128 and the signal's number for a program that was killed.
        package let status: Int
        package let output: [UInt8]
        package let complaint: String

        package var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// Fails if the program does, in its own words.
    @discardableResult
    package func run(by actor: String) async throws(Failure) -> Outcome {
        try await Tracing.span("run \(name)", .program, by: actor) { () throws(Failure) in
            let outcome = try await finish()
            guard outcome.status == 0 else {
                throw .unavailable("\(name) failed (\(outcome.status)): \(outcome.complaint)")
            }
            return outcome
        }
    }

    /// However it ends.
    package func outcome(by actor: String) async throws(Failure) -> Outcome {
        try await Tracing.span("run \(name)", .program, by: actor) { () throws(Failure) in try await finish() }
    }

    /// As many may run at once; each has a thread that waits for it.
    private static let pool = Pool(name: "programs", threads: 16)

    private func finish() async throws(Failure) -> Outcome {
        let stop = try StopSignal()
        let program = self
        return try await withStop(stop) { () throws(Failure) in
            try await Program.pool.run { () throws(Failure) in try Child(program).finish(unless: stop) }
        }
    }

    private func withStop<Value>(
        _ stop: StopSignal, _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result = await withTaskCancellationHandler {
            do throws(Failure) { return Result<Value, Failure>.success(try await body()) } catch {
                return .failure(error)
            }
        } onCancel: {
            stop.give()
        }
        return try result.get()
    }
}
