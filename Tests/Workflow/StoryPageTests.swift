import Base
import SQL
import Testing
import Trace

@testable import Workflow

@Suite struct StoryPageTests {
    let now = Moment(seconds: 1_795_000_000)

    private func span(_ name: String, _ kind: Span.Kind = .step, id: UInt64 = 1, at second: Int64 = 0) -> Span {
        Span(
            trace: .max, id: id, parent: id == 1 ? nil : .max - 1, name: name, kind: kind, actor: "conductor",
            start: now + .seconds(second), duration: .milliseconds(5), failure: id == 1 ? nil : "It \"failed\".\n")
    }

    private func database() async throws -> Database {
        let database = try Database(.memory)
        try await database.migrate("workflow", [Run.created, StoryPages.created], at: now)
        return database
    }

    @Test func whatIsKeptIsReadAsItWas() async throws {
        let database = try await database()
        let told = [span("dig", id: 1, at: 2), span("build", id: .max, at: 1), span("ask", .rest, id: 1 << 63, at: 3)]
        try await database.write { tx in
            try tx.keep(Array(told[..<2]), of: "req-1", about: "house")
            try tx.keep([told[2]], of: "req-2", about: "house")
            try tx.keep([], of: "req-3", about: "house")
        }
        let (all, of, by, first, last) = try await database.read { tx in
            (
                try tx.spans(about: "house"), try tx.spans(about: "house", of: "req-2"), try tx.spans(about: "req-1"),
                try tx.firstSpan(of: "req-1"), try tx.lastSteps(about: "house")
            )
        }
        #expect(all == [told[1], told[0], told[2]])
        #expect(of == [told[2]])
        #expect(by == [told[1], told[0]])
        #expect(first == told[1])
        #expect(last == ["req-1": told[0].start + .milliseconds(5)])
    }

    @Test func storiesFromBeforeThereWerePagesAreStillTold() async throws {
        let database = try Database(.memory)
        try await database.migrate("workflow", [Run.created], at: now)
        try await database.write { tx in
            for (id, failure) in [(1, nil), (2, "It \"failed\".")] as [(Int, String?)] {
                try tx.insert(
                    into: "span",
                    [
                        "subject": "house", "trace": -1, "id": id, "parent": id == 1 ? nil : 1, "request_id": "req-1",
                        "name": "step \(id)", "kind": "step", "actor": "conductor", "start_at": now, "duration": 5_000,
                        "failure": failure,
                    ])
            }
        }
        try await database.migrate("workflow", [Run.created, StoryPages.created], at: now)
        let spans = try await database.read { try $0.spans(about: "house") }
        #expect(spans.map(\.name) == ["step 1", "step 2"])
        #expect(spans.map(\.trace) == [.max, .max])
        #expect(spans.map(\.parent) == [nil, 1])
        #expect(spans.map(\.failure) == [nil, "It \"failed\"."])
    }

    @Test func theOldestPagesMakeRoomForNewOnes() async throws {
        let database = try await database()
        let names = (1...5).map { "step \($0)" }
        for name in names { try await database.write { try $0.keep([span(name)], of: "req-1", about: "house") } }
        try await database.write { try $0.forgetOldestPages(beyond: 3) }
        #expect(try await database.read { try $0.spans(about: "house") }.map(\.name) == ["step 3", "step 4", "step 5"])
    }
}
