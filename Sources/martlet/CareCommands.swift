import Base
import Cloud
import Glibc

extension Command {
    static let status = Command(
        name: "status", summary: "Say whether the cloud runs, and which of its services answer",
        options: [data, config, Table.option],
        run: { arguments throws(Failure) in
            let report = try await Care(try CloudSettings.read(arguments)).status()
            var table = Table(headings: ["what", "where", "state"])
            table.rows = report.map { [$0.what, $0.place, $0.state] }
            try table.print(arguments)
            guard report.allSatisfy(\.isGood) else { throw .unavailable("Not everything is as it should be.") }
        })

    static let doctor = Command(
        name: "doctor", summary: "Say what this machine has and lacks for a cloud, and how to get it",
        options: [data, config, Table.option],
        run: { arguments throws(Failure) in
            var table = Table(headings: ["what", "state", "remedy"])
            let diagnosis = try await Care(try CloudSettings.read(arguments)).diagnosis()
            table.rows = diagnosis.map { [$0.what, $0.state, $0.remedy] }
            try table.print(arguments)
        })

    static let workflows = Command(
        name: "workflows", summary: "List long work: what is under way, what is stuck, and what it waits for",
        options: [
            data, config, Option(name: "all", value: nil, summary: "also what is over"), Table.option,
        ],
        run: { arguments throws(Failure) in
            var table = Table(headings: ["id", "workflow", "subject", "state", "step", "since", "failure"])
            let care = Care(try CloudSettings.read(arguments))
            table.rows = try await care.workflows(all: arguments["all"] != nil).map {
                [$0.id, $0.workflow, $0.subject, $0.state, $0.step, $0.since, $0.failure]
            }
            try table.print(arguments)
        })

    static let backup = Command(
        name: "backup",
        summary: "Keep a cloud's state in a file, also while it runs; guests stand still while their disks are copied",
        words: ["FILE"],
        options: [
            data, config, roles,
            Option(name: "without-disks", value: nil, summary: "leave out the disks of servers and the volumes"),
        ],
        run: { arguments throws(Failure) in
            let care = Care(try CloudSettings.read(arguments))
            let disks = arguments["without-disks"] == nil
            try await care.backup(to: arguments[0] ?? "", disks: disks) { Terminal.progress($0) }
        })

    static let restore = Command(
        name: "restore", summary: "Put a cloud's state back from a file; what is there now is set aside",
        words: ["FILE"],
        options: [data, config, roles],
        run: { arguments throws(Failure) in
            let care = Care(try CloudSettings.read(arguments))
            let aside = try await care.restore(from: arguments[0] ?? "") { Terminal.progress($0) }
            if let aside { Terminal.say("What was there before is in \(aside).") }
        })

    static let database = Command(
        name: "db", summary: "Show how far the database's tables are, or bring them up to date",
        words: ["status|migrate"], options: [data, config, Table.option],
        run: { arguments throws(Failure) in
            let care = Care(try CloudSettings.read(arguments))
            switch arguments[0] {
            case "status": break
            case "migrate": try await care.migrate { Terminal.progress($0) }
            default: throw .invalid("`martlet db` does two things: status and migrate.")
            }
            var table = Table(headings: ["service", "done", "missing"])
            table.rows = try await care.migrations().map { [$0.service, "\($0.done)", "\($0.missing)"] }
            try table.print(arguments)
        })

    static let keys = Command(
        name: "keys", summary: "Change the keys of tokens and of stored secrets; a running cloud goes on with them",
        words: ["rotate"], options: [data, config],
        run: { arguments throws(Failure) in
            guard arguments[0] == "rotate" else { throw .invalid("`martlet keys` does one thing: rotate.") }
            let count = try await Care(try CloudSettings.read(arguments)).rotateKeys { Terminal.progress($0) }
            Terminal.say("New keys seal from now on; \(count) stored secrets were sealed anew.")
        })
}

extension Terminal {
    /// Seen by people only: programs that read our output want results.
    @Sendable static func progress(_ line: String) {
        if isatty(STDOUT_FILENO) == 1 { say(line) }
    }
}
