import Base
import Foundation
import HTTP
import Testing
import Trace

@testable import Cloud

@Suite struct BootStoryTests {
    private func span(
        _ id: UInt64, _ kind: Span.Kind, _ name: String, by actor: String, at start: Int64, in parent: UInt64? = nil,
        failure: String? = nil
    ) -> Span {
        Span(
            trace: 1, id: id, parent: parent, name: name, kind: kind, actor: actor,
            start: Moment(microseconds: start), duration: .microseconds(10), failure: failure)
    }

    @Test func aStepIsToldOnlyIfItWasRecorded() {
        let story = BootStory([span(1, .call, "choose a host", by: "conductor", at: 5)], view: .steps)
        #expect(story.lines.map(\.number) == [8])
        #expect(story.untold.count == 28)
    }

    @Test func theTokensCheckIsThatOfTheServiceThatWasAsked() {
        let spans = [
            span(1, .rest, "POST /compute/v2.1/servers", by: "compute-api", at: 0),
            span(2, .call, "check the token", by: "identity", at: 1, in: 1),
            span(3, .rest, "GET /image/v2/images/1", by: "compute-api", at: 2, in: 1),
            span(4, .call, "check the token", by: "identity", at: 3, in: 3),
            span(5, .rest, "GET /image/v2/images/1", by: "compute-node", at: 50),
            span(6, .call, "check the token", by: "identity", at: 51, in: 5),
        ]
        let story = BootStory(spans, view: .steps)
        #expect(story.lines.map(\.number) == [3, 4, 5, 20, 21, 22])
        #expect(story.lines.first { $0.number == 21 }?.start == Moment(microseconds: 51))
    }

    @Test func theLastTryIsTold() {
        let spans = [
            span(1, .call, "choose a host", by: "conductor", at: 5),
            span(2, .hypervisor, "make the guest", by: "compute-node", at: 6, failure: "No room."),
            span(3, .call, "choose a host", by: "conductor", at: 20),
            span(4, .hypervisor, "make the guest", by: "compute-node", at: 30),
        ]
        let story = BootStory(spans, view: .brief)
        #expect(story.lines.map(\.number) == [2, 5])
        #expect(story.lines.allSatisfy { $0.failure == nil && $0.start >= Moment(microseconds: 20) })
    }

    @Test func whereABootFailedIsTold() {
        let spans = [span(1, .hypervisor, "make the guest", by: "compute-node", at: 6, failure: "No room.")]
        #expect(BootStory(spans, view: .phases).lines.first?.failure == "No room.")
    }
}
