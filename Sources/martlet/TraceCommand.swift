import Base
import Cloud
import Trace

extension Command {
    static let trace = Command(
        name: "trace", summary: "Show how a server came to be, or what a request did, step by step",
        words: ["ID"],
        options: [
            data, config,
            Option(
                name: "view", value: "29|18|6",
                summary: "tell a boot in the notes' 29 steps, in 18 of four phases, or in six; without it, every span"),
            Option(name: "follow", value: nil, summary: "go on for as long as something is under way"),
            Table.option,
            Option(name: "json", value: nil, summary: "the same as --output json, a line per span with --follow"),
        ],
        run: trace)

    private static func trace(_ arguments: Arguments) async throws(Failure) {
        guard let subject = arguments[0] else {
            throw .invalid("Whose trace? A server's id, or a request's (req-…).")
        }
        let isJSON = try Table.isJSON(arguments) || arguments["json"] != nil
        guard arguments["follow"] == nil else {
            guard arguments["view"] == nil else {
                throw .invalid("A view is told of what is over: it makes no sense with --follow.")
            }
            return try await follow(subject, try CloudSettings.read(arguments), isJSON: isJSON)
        }
        let spans = try await Cloud.spans(about: subject, try CloudSettings.read(arguments))
        guard !spans.isEmpty else { throw .notFound("trace", subject) }
        guard let wish = arguments["view"] else { return isJSON ? print(json(spans)) : say(spans) }
        guard let view = BootStory.View(rawValue: wish) else { throw .invalid("--view is 29, 18 or 6, not \(wish).") }
        let story = BootStory(spans, view: view)
        isJSON ? print(json(story)) : say(story)
    }

    private static func say(_ spans: [Span]) {
        guard let first = spans.first else { return }
        for (index, span) in spans.enumerated() { say(index + 1, span, since: first.start) }
    }

    private static func say(_ number: Int, _ span: Span, since start: Moment) {
        say(number, span.start - start, span.duration, span.kind, span.actor, span.name, span.failure)
    }

    /// What is written down last may have begun first, such as the request that began it all.
    private static func follow(_ subject: String, _ settings: CloudSettings, isJSON: Bool) async throws(Failure) {
        var (number, start) = (0, nil as Moment?)
        try await Cloud.follow(subject, settings) { spans in
            for span in spans {
                number += 1
                let first = start ?? span.start
                start = first
                isJSON ? Terminal.say(json(span)) : say(number, span, since: first)
            }
        }
    }

    private static func say(_ story: BootStory) {
        guard let first = story.lines.first else { return Terminal.say("No step of a boot was recorded.") }
        for line in story.lines {
            if let heading = line.heading { Terminal.say(heading) }
            say(line.number, line.start - first.start, line.duration, line.kind, line.actor, line.text, line.failure)
        }
        guard !story.untold.isEmpty else { return }
        let numbers = story.untold.map(String.init).joined(separator: ", ")
        Terminal.say("Not part of this boot, or not recorded: \(numbers).")
    }

    private static func say(
        _ number: Int, _ start: Duration, _ duration: Duration, _ kind: Span.Kind, _ actor: String, _ text: String,
        _ failure: String?
    ) {
        let failed = failure.map { "  FAILED: \($0)" } ?? ""
        let sign = start < .zero ? "-" : "+"
        Terminal.say(
            "\(String(number).padded(3))  \(sign)\((start < .zero ? .zero - start : start).milliseconds.padded(9)) ms  \(duration.milliseconds.padded(9)) ms  "
                + "\(kind.rawValue.filled(10))  \(actor.filled(14))  \(text)\(failed)")
    }

    private static func json(_ spans: [Span]) -> String {
        var json = JSONWriter()
        json.array {
            for span in spans { put(span, &$0) }
        }
        return json.finishText()
    }

    private static func json(_ span: Span) -> String {
        var json = JSONWriter()
        put(span, &json)
        return json.finishText()
    }

    private static func put(_ span: Span, _ json: inout JSONWriter) {
        json.object {
            $0.put("name", span.name)
            $0.put("kind", span.kind.rawValue)
            $0.put("actor", span.actor)
            $0.put("start", span.start, as: .identity)
            $0.put("microseconds", span.duration.microseconds)
            $0.put("failure", span.failure)
        }
    }

    private static func json(_ story: BootStory) -> String {
        var json = JSONWriter()
        json.array {
            for line in story.lines {
                $0.object {
                    $0.put("number", line.number)
                    $0.put("name", line.text)
                    $0.put("kind", line.kind.rawValue)
                    $0.put("actor", line.actor)
                    $0.put("start", line.start, as: .identity)
                    $0.put("microseconds", line.duration.microseconds)
                    $0.put("failure", line.failure)
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
