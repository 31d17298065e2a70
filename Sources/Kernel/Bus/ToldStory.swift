package import Base
package import Trace

/// What is left of the story of a message that nobody waits for: whoever has a store keeps it.
package struct ToldStory: JSONCoded {
    package let requestID: String
    package let spans: [Span]

    package static let message = Message<ToldStory, Nothing>(topic: "stories", name: "keep a story")

    init(requestID: String, spans: [Span]) {
        self.requestID = requestID
        self.spans = spans
    }

    package init(_ json: JSON) throws(Failure) {
        requestID = try json.text("request_id")
        spans = try json.list("spans") { json throws(Failure) in try Span(json) }
    }

    package var json: JSON { ["request_id": .string(requestID), "spans": .array(spans.map(\.json))] }
}
