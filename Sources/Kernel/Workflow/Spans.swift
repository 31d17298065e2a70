package import Base
package import SQL
package import Trace

/// What changed the cloud is kept with the thing that it changed, written in the transaction that happens anyway.
extension Transaction {
    package func keep(_ spans: [Span], of requestID: String, about subject: String) throws(Failure) {
        let rows = spans.map { span -> KeyValuePairs<StaticString, SQL.Value> in
            [
                "subject": .text(subject), "trace": .integer(Int64(bitPattern: span.trace)),
                "id": .integer(Int64(bitPattern: span.id)),
                "parent": span.parent.map { .integer(Int64(bitPattern: $0)) } ?? .null,
                "request_id": .text(requestID), "name": .text(span.name), "kind": .text(span.kind.rawValue),
                "actor": .text(span.actor), "start_at": span.start.bound,
                "duration": .integer(Int64(span.duration.microseconds)), "failure": span.failure.bound,
            ]
        }
        try insert(into: "span", rows)
    }

    /// The first that were kept of a request.
    func spans(of requestID: String, limit: Int) throws(Failure) -> [Span] {
        try rows("SELECT * FROM span WHERE request_id = \(requestID) ORDER BY position LIMIT \(limit)")
    }

    /// What a request began something about.
    func subject(ofRequest requestID: String) throws(Failure) -> String? {
        try row("SELECT subject FROM span WHERE request_id = \(requestID) LIMIT 1") { try $0.text("subject") }
    }

    /// The spans about a thing, or of a request, in the order in which they began.
    package func spans(about subjectOrRequest: String) throws(Failure) -> [Span] {
        try rows(
            """
            SELECT * FROM span WHERE subject = \(subjectOrRequest) OR request_id = \(subjectOrRequest)
            ORDER BY start_at, position
            """)
    }
}

extension Span: Record {
    package init(_ row: borrowing Row) throws(Failure) {
        let trace = try row.integer("trace")
        let id = try row.integer("id")
        let parent = try row.optionalInteger("parent")
        self.init(
            trace: UInt64(bitPattern: Int64(trace)), id: UInt64(bitPattern: Int64(id)),
            parent: parent.map { UInt64(bitPattern: Int64($0)) }, name: try row.text("name"),
            kind: try row.value("kind"), actor: try row.text("actor"), start: try row.moment("start_at"),
            duration: .microseconds(try row.integer("duration")), failure: try row.optionalText("failure"))
    }
}
