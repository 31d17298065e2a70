import Base
import Cloud

extension Command {
    static let audit = Command(
        name: "audit", summary: "Show who changed what, from where, and what came of it",
        options: [
            data, config, Option(name: "by", value: "WHO", summary: "a user's name or id, or a project's id"),
            Option(name: "on", value: "WHAT", summary: "a part of the path, such as a server's id"),
            Option(name: "limit", value: "N", summary: "the last so many (1000)"), Table.option,
        ],
        run: { arguments throws(Failure) in
            let limit = arguments["limit"] ?? "1000"
            guard let limit = Int(limit), limit > 0 else {
                throw .invalid("--limit must be a number above 0, not \(limit).")
            }
            let care = Care(try CloudSettings.read(arguments))
            var table = Table(headings: ["time", "who", "from", "action", "what", "outcome", "request"])
            table.rows = try care.deeds(by: arguments["by"], on: arguments["on"], limit: limit).map {
                [$0.time, $0.who, $0.address, $0.action, $0.what, $0.outcome, $0.requestID]
            }
            try table.print(arguments)
        })
}
