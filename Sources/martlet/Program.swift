import Base
import Config
import Glibc

/// The program's commands, and how they are told apart.
enum Program {
    static let version = "0.1.0"

    static let commands: [Command] = [
        .up, .serve, .status, .doctor, .trace, .workflows, .configuration, .policy, .openAPI, .backup, .restore,
        .database, .keys, .audit, .version,
    ]

    /// Runs what the arguments say; answers with the exit code.
    nonisolated static func run(_ arguments: [String]) async -> Int32 {
        guard let name = arguments.first, name != "--help", name != "-h", name != "help" else {
            print(help)
            return arguments.isEmpty ? ExitCode.usage : ExitCode.good
        }
        guard let command = commands.first(where: { $0.name == name }) else {
            let hint = Spelling.nearest(to: name, among: commands.map(\.name)).map { " Did you mean \($0)?" } ?? ""
            Terminal.complain("There is no command \(name).\(hint) `martlet --help` lists them.")
            return ExitCode.usage
        }
        let rest = Array(arguments.dropFirst())
        if rest.contains("--help") || rest.contains("-h") {
            print(command.help)
            return ExitCode.good
        }
        do throws(Failure) {
            try await command.run(try Arguments(rest, for: command))
            return ExitCode.good
        } catch {
            Terminal.complain(error.message)
            if let cause = error.cause { Terminal.complain("  because: \(cause)") }
            return error.kind == .invalid ? ExitCode.usage : ExitCode.bad
        }
    }

    private static var help: String {
        let width = (commands.map(\.name.count).max() ?? 0) + 2
        let lines = commands.map { "  " + $0.name + String(repeating: " ", count: width - $0.name.count) + $0.summary }
        return """
            martlet: a cloud in one program

            usage: martlet COMMAND [OPTION …]

            \(lines.joined(separator: "\n"))

            `martlet COMMAND --help` says more about each.
            """
    }
}

enum ExitCode {
    static let good: Int32 = 0
    static let bad: Int32 = 1
    /// The arguments make no sense.
    static let usage: Int32 = 2
}

enum Terminal {
    static func complain(_ line: String) { write("martlet: " + line + "\n", to: STDERR_FILENO) }

    /// A line of progress, seen at once also through a pipe.
    static func say(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { _ = Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }
}
