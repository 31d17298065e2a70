import Foundation
import Testing

/// The tool is a process of its own, for it has to be the only one that decides what happens when.
@Suite struct HistoryLongTests {
    private func simulate(_ arguments: String...) async throws -> (status: Int32, text: String) {
        try await Tool.simulate(arguments)
    }

    @Test func theSameSeedIsTheSameHistory() async throws {
        let first = try await simulate("--verbose", "42")
        #expect(first.text.contains("seed 42: "))
        #expect(try await simulate("--verbose", "42").text == first.text)
    }

    @Test func anotherSeedIsAnotherHistory() async throws {
        let digests = try await simulate("1", "2", "3").text.split(separator: "\n").compactMap { line in
            line.split(separator: " ").last
        }
        #expect(Set(digests).count == 3)
    }

    @Test func everyPromiseIsKeptWhateverGoesWrong() async throws {
        let result = try await simulate("--verbose", "1", "2", "3", "4", "5", "6", "7", "8")
        #expect(result.status == 0, "\(result.text.suffix(5_000))")
        for faults in [["! lost: "], ["! a sync failed", "! a write failed", "! the disk is full"], ["kill -9"]] {
            #expect(faults.contains { result.text.contains($0) }, "None of these went wrong: \(faults)")
        }
    }

    @Test func everyKindOfWorkIsDoneAndUndone() async throws {
        let result = try await simulate("--walk", "3", "60", "120")
        #expect(result.status == 0, "\(result.text)")
        #expect(result.text.contains("milestone 120"))
    }
}

@Suite struct SimulationLongTests {
    /// Every workflow's own steps, so a new one is walked too.
    @Test func aKillAtAnyStepLeavesNothingBehind() async throws {
        let result = try await Tool.simulate(["--walk"])
        #expect(result.status == 0, "\(result.text)")
        #expect(result.text.contains("before \"build on the host\""))
    }
}

private enum Tool {
    /// Beside the tests' own bundle.
    private static var path: String {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("simulate").path
    }

    /// On a thread of its own, for the tests share a few.
    static func simulate(_ arguments: [String]) async throws -> (status: Int32, text: String) {
        let tool = path
        return try await withCheckedThrowingContinuation { caller in
            Thread.detachNewThread {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: tool)
                process.arguments = arguments
                let pipe = Pipe()
                process.standardOutput = pipe
                process.standardError = FileHandle.nullDevice
                do { try process.run() } catch { return caller.resume(throwing: error) }
                let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                process.waitUntilExit()
                caller.resume(returning: (process.terminationStatus, text))
            }
        }
    }
}
