package import Base
import SQL
package import Trace
import Workflow

extension Cloud {
    /// What was done about a thing, or by a request: read from the store, also while the cloud runs.
    package static func spans(about subject: String, _ settings: CloudSettings) async throws(Failure) -> [Span] {
        try await Care(settings).withDatabase { database throws(Failure) in
            try await database.read { try $0.spans(about: subject) }
        }
    }

    /// What is done about a thing, or for a request, while it is done: each span is told once, as it is written down. Comes
    /// back when nothing is under way any more.
    package static func follow(
        _ subject: String, _ settings: CloudSettings, clock: any Clock = SystemClock(), _ tell: ([Span]) -> Void
    ) async throws(Failure) {
        try await Care(settings).withDatabase { database throws(Failure) in
            try await follow(subject, in: database, clock: clock, tell)
        }
    }

    private static func follow(
        _ subject: String, in database: Database, clock: any Clock, _ tell: ([Span]) -> Void
    ) async throws(Failure) {
        var told: Set<UInt64> = []
        var rounds = 0
        while true {
            let (spans, isUnderWay) = try await database.read { tx in
                (try tx.spans(about: subject), try tx.isUnderWay(subject))
            }
            let new = spans.filter { told.insert($0.id).inserted }
            if !new.isEmpty { tell(new) }
            guard !told.isEmpty || isUnderWay else { throw .notFound("trace", subject) }
            // What was still to be told of a request when its work was over is written down a moment later.
            rounds = isUnderWay ? 0 : rounds + 1
            guard rounds < 2 else { return }
            do { try await clock.sleep(for: .milliseconds(250)) } catch { throw Failure(error) }
        }
    }
}
