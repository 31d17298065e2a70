package import Base
package import SQL
package import Trace

/// What changed the cloud is kept with the thing that it changed, written in the transaction that happens anyway: a page
/// for each, with all that was done up to then. A row for each span would be the larger part of what a boot writes.
package enum StoryPages {
    package static let created = Migration(
        "keep stories in pages",
        """
        CREATE TABLE story_page (
            position     \(.serial),
            subject      VARCHAR(255) NOT NULL,
            request_id   VARCHAR(64)  NOT NULL,
            last_step_at BIGINT,
            spans        MEDIUMTEXT   NOT NULL
        )
        """,
        "CREATE INDEX story_page_by_subject ON story_page (subject)",
        "CREATE INDEX story_page_by_request ON story_page (request_id)",
        """
        INSERT INTO story_page (subject, request_id, last_step_at, spans)
        SELECT subject, request_id, CASE WHEN kind = 'step' THEN start_at + duration END,
            JSON_ARRAY(JSON_ARRAY(trace, id, parent, name, kind, actor, start_at, duration, failure))
        FROM span ORDER BY position
        """,
        "DROP TABLE span")

    /// The oldest make room: these are the pages of some twenty thousand boots, a few hundred megabytes.
    static let most = 100_000
}

extension Transaction {
    package func keep(_ spans: [Span], of requestID: String, about subject: String) throws(Failure) {
        guard !spans.isEmpty else { return }
        var page = JSONWriter()
        page.array { for span in spans { span.write(to: &$0) } }
        let lastStep = spans.filter { $0.kind == .step }.map { $0.start + $0.duration }.max()
        try insert(
            into: "story_page",
            ["subject": subject, "request_id": requestID, "last_step_at": lastStep, "spans": page.finishText()])
    }

    func forgetOldestPages(beyond most: Int = StoryPages.most) throws(Failure) {
        let last = try count("SELECT COALESCE(MAX(position), 0) FROM story_page")
        guard last > most else { return }
        try run("DELETE FROM story_page WHERE position <= \(last - most)")
    }

    /// The first that was kept of a request.
    func firstSpan(of requestID: String) throws(Failure) -> Span? {
        try pages("SELECT spans FROM story_page WHERE request_id = \(requestID) ORDER BY position LIMIT 1").first
    }

    /// What a request began something about.
    func subject(ofRequest requestID: String) throws(Failure) -> String? {
        try row("SELECT subject FROM story_page WHERE request_id = \(requestID) LIMIT 1") { try $0.text("subject") }
    }

    /// The spans about a thing, or of a request, in the order in which they began.
    package func spans(about subjectOrRequest: String) throws(Failure) -> [Span] {
        try pages(
            """
            SELECT spans FROM story_page WHERE subject = \(subjectOrRequest) OR request_id = \(subjectOrRequest)
            ORDER BY position
            """)
    }

    /// Those of what one request did with a thing.
    package func spans(about subject: String, of requestID: String) throws(Failure) -> [Span] {
        try pages(
            """
            SELECT spans FROM story_page WHERE subject = \(subject) AND request_id = \(requestID) ORDER BY position
            """)
    }

    /// When the last step of each request about a thing ended.
    package func lastSteps(about subject: String) throws(Failure) -> [String: Moment] {
        let pairs = try rows(
            """
            SELECT request_id, MAX(last_step_at) AS end_at FROM story_page
            WHERE subject = \(subject) AND last_step_at IS NOT NULL GROUP BY request_id
            """
        ) { row in (try row.text("request_id"), try row.moment("end_at")) }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    private func pages(_ query: SQL) throws(Failure) -> [Span] {
        let pages = try rows(query) { row in
            try (JSONReader.read(row.text("spans")).array ?? []).map { try Span(columns: $0) }
        }
        // Those that began together stay as they were told.
        return pages.joined().enumerated().sorted { ($0.element.start, $0.offset) < ($1.element.start, $1.offset) }
            .map(\.element)
    }
}

/// A span in its place on a page.
extension Span {
    fileprivate func write(to page: inout JSONWriter) {
        page.array {
            $0.value(Int64(bitPattern: trace))
            $0.value(Int64(bitPattern: id))
            if let parent { $0.value(Int64(bitPattern: parent)) } else { $0.null() }
            $0.value(name)
            $0.value(kind.rawValue)
            $0.value(actor)
            $0.value(start.microseconds)
            $0.value(duration.microseconds)
            if let failure { $0.value(failure) } else { $0.null() }
        }
    }

    fileprivate init(columns json: JSON) throws(Failure) {
        guard let columns = json.array, columns.count == 9, case .integer(let trace) = columns[0],
            case .integer(let id) = columns[1], let name = columns[3].string,
            let kind = columns[4].string.flatMap(Kind.init), let actor = columns[5].string,
            case .integer(let start) = columns[6], case .integer(let duration) = columns[7]
        else { throw .bug("A page of a story cannot be read.") }
        var parent: UInt64?
        if case .integer(let above) = columns[2] { parent = UInt64(bitPattern: above) }
        self.init(
            trace: UInt64(bitPattern: trace), id: UInt64(bitPattern: id), parent: parent, name: name, kind: kind,
            actor: actor, start: Moment(microseconds: start), duration: .microseconds(duration),
            failure: columns[8].string)
    }
}
