import Base
import Cloud
import Trace

extension Command {
    static let trace = Command(
        name: "trace", summary: "Show how a server came to be, or what a request did, step by step",
        words: ["[ID]"],
        options: [
            data,
            Option(name: "of", value: "ID", summary: "a server's id, or a request's (req-…)"),
            Option(name: "json", value: nil, summary: "as JSON, for programs"),
        ],
        run: trace)

    private static func trace(_ arguments: Arguments) async throws(Failure) {
        guard let subject = arguments[0] ?? arguments["of"] else {
            throw .invalid("Whose trace is wanted? Name a server's id, or a request's.")
        }
        let data = arguments["data"].map { DataDirectory($0) } ?? .usual
        let spans = try await Cloud.spans(about: subject, in: data)
        guard let first = spans.first else { throw .notFound("trace", subject) }
        if arguments["json"] != nil { return print(json(spans)) }
        for (index, span) in spans.enumerated() {
            let start = (span.start - first.start).milliseconds.padded(9)
            let failure = span.failure.map { "  FAILED: \($0)" } ?? ""
            Terminal.say(
                "\(String(index + 1).padded(3))  +\(start) ms  \(span.duration.milliseconds.padded(9)) ms  "
                    + "\(span.kind.rawValue.filled(10))  \(span.actor.filled(14))  \(span.name)\(failure)")
        }
    }

    private static func json(_ spans: [Span]) -> String {
        var json = JSONWriter()
        json.array {
            for span in spans {
                $0.object {
                    $0.put("name", span.name)
                    $0.put("kind", span.kind.rawValue)
                    $0.put("actor", span.actor)
                    $0.put("start", span.start, as: .identity)
                    $0.put("microseconds", span.duration.microseconds)
                    $0.put("failure", span.failure)
                }
            }
        }
        return json.finishText()
    }
}

extension Duration {
    /// With three digits behind the point.
    fileprivate var milliseconds: String {
        let thousandths = String(1_000 + microseconds % 1_000).dropFirst()
        return "\(microseconds / 1_000).\(thousandths)"
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
    fileprivate func filled(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
