import Base
import Programs
import Testing
import Trace

@Suite struct ProgramTests {
    private func shell(_ script: String) -> Program { Program("sh", "-c", script) }

    @Test func whatAProgramSaysIsHeard() async throws {
        let outcome = try await shell("echo out; echo complaint >&2").run(by: "test")
        #expect(outcome.text == "out\n")
        #expect(outcome.complaint == "complaint")
    }

    @Test func itsInputIsGiven() async throws {
        var program = Program("cat")
        program.input = [UInt8](repeating: 7, count: 1_000_000)
        #expect(try await program.run(by: "test").output == program.input)
    }

    @Test func itsFailureIsToldInItsWords() async throws {
        let failure = await #expect(throws: Failure.self) {
            try await shell("echo no such thing >&2; exit 3").run(by: "test")
        }
        #expect(failure?.message == "sh failed (3): no such thing")
        #expect(try await shell("exit 3").outcome(by: "test").status == 3)
        #expect(try await shell("kill -9 $$").outcome(by: "test").status == 137)
    }

    @Test func whatIsNotInstalledIsSaidToBe() async throws {
        let failure = await #expect(throws: Failure.self) { try await Program("no-such-program").run(by: "test") }
        #expect(failure?.message == "The program no-such-program is not installed.")
    }

    @Test func itsTimeIsLimited() async throws {
        var program = shell("sleep 60 & sleep 60")
        program.limit = .milliseconds(50)
        let late = program
        let failure = await #expect(throws: Failure.self) { try await late.run(by: "test") }
        #expect(failure?.kind == .timedOut)
    }

    @Test func itEndsWithItsTask() async throws {
        let running = Task { try await shell("sleep 60").run(by: "test") }
        running.cancel()
        let failure = await #expect(throws: Failure.self) { try await running.value }
        #expect(failure?.cause is CancellationError)
    }

    @Test func whoItLeavesBehindIsNotWaitedFor() async throws {
        let outcome = try await shell("sleep 600 & echo $!").run(by: "test")
        let left = outcome.text.dropLast()
        try await Program("kill", String(left)).run(by: "test")
    }

    @Test func aRunIsASpan() async throws {
        let world = World()
        let tracing = Tracing(trace: 1, requestID: "r", collector: Collector(), world: world)
        try await Tracing.$current.withValue(tracing) { () async throws in
            try await shell("true").run(by: "compute-node")
        }
        #expect(tracing.take().map(\.name) == ["run sh"])
    }
}
