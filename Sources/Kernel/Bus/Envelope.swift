import AMQP
import Base
import Trace

/// What a message of ours is on the wire: what it carries, and the spans of its story that travel with it.
struct Envelope: Sendable {
    enum Content: Sendable {
        case request(JSON)
        case answer(JSON)
        case failure(Failure)
    }

    let content: Content
    let spans: [Span]

    /// The others stay where they are: a message is not the place for a whole story.
    static let spanLimit = 128

    init(_ content: Content, spans: [Span]) {
        self.content = content
        self.spans = spans
    }

    var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            switch content {
            case .request(let json): writer.put("request", json)
            case .answer(let json): writer.put("answer", json)
            case .failure(let failure):
                writer.object("failure") {
                    $0.put("kind", String(describing: failure.kind))
                    $0.put("message", failure.message)
                    $0.put("name", failure.name)
                }
            }
            if !spans.isEmpty { writer.array("spans", of: spans) { span, writer in writer.value(span.json) } }
        }
        return writer.finish()
    }

    init(_ bytes: [UInt8]) throws(Failure) {
        let json = try JSONReader.read(bytes)
        if let failure = json["failure"] {
            let name = failure["kind"]?.string ?? ""
            let kind = Failure.Kind.allCases.first { String(describing: $0) == name }
            content = .failure(
                Failure(kind ?? .bug, failure["message"]?.string ?? "", name: failure["name"]?.string))
        } else if let answer = json["answer"] {
            content = .answer(answer)
        } else {
            content = .request(try json.member("request"))
        }
        spans = try json.list("spans") { json throws(Failure) in try Span(json) }
    }
}

/// The story that a message belongs to, in its headers.
extension Tracing {
    var headers: [(String, AMQPValue)] {
        var headers: [(String, AMQPValue)] = [
            ("trace", .text(String(trace, radix: 16))), ("request_id", .text(requestID)),
        ]
        if let parent { headers.append(("parent", .text(String(parent, radix: 16)))) }
        return headers
    }

    /// Nil where the message belongs to none.
    init?(_ headers: AMQPTable, spans: [Span], world: World) {
        guard let trace = headers.text("trace").flatMap({ UInt64($0, radix: 16) }) else { return nil }
        self.init(
            trace: trace, parent: headers.text("parent").flatMap { UInt64($0, radix: 16) },
            requestID: headers.text("request_id") ?? "", collector: Collector(), world: world)
        add(spans)
    }
}
