package import Base

/// A story that goes on in another process, asked over HTTP: the request says where it belongs, and what the other
/// process had to tell comes back with the answer.
extension Tracing {
    /// In a request: the trace, and the span that the answer belongs to.
    package static let header = "X-Martlet-Trace"
    /// In its answer: the spans.
    package static let spansHeader = "X-Martlet-Spans"

    /// A header is not the place for a whole story.
    private static let most = 24

    package var headerValue: String { String(trace, radix: 16) + "-" + String(parent ?? 0, radix: 16) }

    /// The continuation of a story of another process; nil where the header makes no sense.
    package init?(header: String, requestID: String, world: World) {
        let marks = header.split(separator: "-").compactMap { UInt64($0, radix: 16) }
        guard marks.count == 2 else { return nil }
        self.init(
            trace: marks[0], parent: marks[1], requestID: requestID, collector: Collector(), world: world)
    }

    /// What there is to tell, for the header of an answer; nil if nothing.
    package func takeForHeader() -> String? {
        let spans = take().prefix(Tracing.most)
        return spans.isEmpty ? nil : JSON.array(spans.map(\.json)).text
    }

    /// What the other process had to tell, if it can be understood: a story without it is one, too.
    package func add(header: String) {
        guard let told = try? JSONReader.read(header).array else { return }
        add(told.prefix(Tracing.most).compactMap { try? Span($0) }.filter { $0.trace == trace })
    }
}
