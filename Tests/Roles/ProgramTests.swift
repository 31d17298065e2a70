import Foundation
import TestServers
import Testing

/// The program itself, as a user starts and ends it.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ProgramTests {
    private struct NotReady: Error { let log: String }

    /// `martlet up` in a folder of its own.
    private final class Running {
        let process = Process()
        private let log: String

        init(_ folder: String, port: Int, _ more: String...) async throws {
            log = folder + ".log"
            try Data().write(to: URL(filePath: log))
            let output = try #require(FileHandle(forWritingAtPath: log))
            process.executableURL = Site.program
            process.arguments = ["up", "--data", folder, "--port", "\(port)", "--hypervisor", "simulated"] + more
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = output
            process.standardError = output
            try process.run()
            Wards.add(process)
            while !text.contains("\nready ") {
                guard process.isRunning else { throw NotReady(log: text) }
                try await Task.sleep(for: .milliseconds(50))
            }
        }

        var text: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

        func end(_ signal: Int32) async throws -> Int32 {
            kill(process.processIdentifier, signal)
            Wards.remove(process)
            try await Aside.run { [process] in process.waitUntilExit() }
            return process.terminationStatus
        }

        deinit {
            if process.isRunning {
                process.terminate()
                Wards.remove(process)
            }
            try? FileManager.default.removeItem(atPath: log)
        }
    }

    private func run(_ words: String..., environment: [String: String] = [:]) async throws -> (
        status: Int32, text: String
    ) {
        try await run(Site.program.path, words, environment)
    }

    private func run(_ program: String, _ words: [String], _ environment: [String: String] = [:]) async throws -> (
        status: Int32, text: String
    ) {
        let surroundings = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        return try await Aside.run {
            let process = Process()
            process.executableURL = URL(filePath: program)
            process.arguments = words
            process.environment = surroundings
            let pipe = Pipe()
            process.standardOutput = pipe
            process.standardError = pipe
            try process.run()
            let data = pipe.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return (process.terminationStatus, String(decoding: data, as: UTF8.self))
        }
    }

    @Test func aFolderHasOneProcessAtATimeWhichEndsCleanlyAndIsFollowedByAnother() async throws {
        let folder = "/tmp/martlet-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let port = try RabbitMQ.freePort()
        let first = try await Running(folder, port: port)
        let second = try await run("up", "--data", folder, "--port", "\(try RabbitMQ.freePort())")
        #expect(second.status == 1)
        #expect(second.text.contains("is in use by process \(first.process.processIdentifier)."))
        #expect(try await run("status", "--data", folder).status == 0)
        #expect(try await first.end(SIGKILL) == SIGKILL)
        #expect(try await run("status", "--data", folder).status == 1)

        let third = try await Running(folder, port: port)
        #expect(try await run("status", "--data", folder, "--output", "json").text.contains("\"state\":\"answers\""))
        #expect(try await third.end(SIGTERM) == 0)
        #expect(third.text.hasSuffix("stopped\n"))
        for name in ["clouds.yaml", "openrc"] {
            let facts = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
            #expect(facts[.posixPermissions] as? Int == 0o600)
        }
    }

    /// `script` gives a program a terminal of its own.
    @Test func longWorkShowsItsProgressOnATerminalAndNowhereElse() async throws {
        for isTerminal in [true, false] {
            let folder = "/tmp/martlet-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let words = "'\(Site.program.path)' db migrate --data \(folder)"
            let command = isTerminal ? ["-qec", words, "/dev/null"] : ["-c", words]
            let done = try await run(isTerminal ? "/usr/bin/script" : "/bin/sh", command)
            #expect(done.status == 0 && done.text.contains("SERVICE"))
            for service in ["workflow", "identity", "compute"] {
                #expect(done.text.contains("tables   \(service): made") == isTerminal)
            }
        }
    }

    @Test func placesToListenAtAddUpAndOtherOptionsAreGivenOnce() async throws {
        let folder = "/tmp/martlet-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let socket = folder + ".sock"
        let cloud = try await Running(
            folder, port: try RabbitMQ.freePort(), "--listen", "127.0.0.1", "--listen", "::1,unix:\(socket)")
        for place in ["127.0.0.1:", "[::1]:", "unix:\(socket)"] { #expect(cloud.text.contains("\nlisten   \(place)")) }
        #expect(try await cloud.end(SIGTERM) == 0)
        let twice = try await run("up", "--port", "8000", "--port", "8001")
        #expect(twice.status == 2 && twice.text.contains("--port is given twice: 8000 and 8001."))
    }

    @Test func whatIsUnderWayIsNotToldInAView() async throws {
        let both = try await run("trace", "ID", "--follow", "--view", "29")
        #expect(both.status == 2 && both.text.contains("--follow"))
    }

    @Test func whatIsMisspeltIsToldTheNearest() async throws {
        let command = try await run("stauts")
        #expect(command.status == 2 && command.text.contains("Did you mean status?"))
        let option = try await run("up", "--prot", "8000")
        #expect(option.status == 2 && option.text.contains("Did you mean --port?"))
        let variable = try await run("config", environment: ["MARTLET_LISTNE": "::1", "MARTLET_SOMEBODY_ELSES": "1"])
        #expect(
            variable.status == 0 && variable.text.contains("MARTLET_LISTNE is no setting: did you mean MARTLET_LISTEN?")
        )
        #expect(!variable.text.contains("SOMEBODY"))
        let file = "/tmp/martlet-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Data("netwrok: {mechanism: auto}\n".utf8).write(to: URL(filePath: file))
        let setting = try await run("config", "--config", file)
        #expect(setting.status == 2 && setting.text.contains("did you mean network.mechanism?"))
    }
}
