package import Base
package import Trace

/// A server's boot as the notes tell it: in 29 steps, in 18 of four phases, or in six. Each line stands on a span that
/// was recorded; a step for which there is none is not told.
package struct BootStory: Sendable {
    package enum View: String, Sendable, CaseIterable {
        case steps = "29"
        case phases = "18"
        case brief = "6"
    }

    package struct Line: Sendable {
        package let number: Int
        package let text: String
        /// The heading that begins with it.
        package let heading: String?
        package let start: Base.Moment
        package let duration: Duration
        package let actor: String
        package let kind: Span.Kind
        package let failure: String?
    }

    package let lines: [Line]
    /// The steps of this view for which no span stands.
    package let untold: [Int]

    package init(_ spans: [Span], view: View) {
        let told = Step.all.compactMap { step in step.span(in: BootStory.lastTry(spans)).map { (step, $0) } }
        let chapters = view.chapters
        lines = chapters.compactMap { chapter in
            let parts = told.filter { view.number(of: $0.0) == chapter.number }
            guard let first = parts.first else { return nil }
            let start = first.0.edge.moment(of: first.1)
            let end = parts.map { $0.1.start + $0.1.duration }.max() ?? start
            let failed = parts.first { $0.1.failure != nil }?.1
            return Line(
                number: chapter.number, text: chapter.text, heading: chapter.heading, start: start,
                duration: end - start, actor: first.1.actor, kind: first.1.kind, failure: failed?.failure)
        }
        let numbers = Set(lines.map(\.number))
        untold = chapters.map(\.number).filter { !numbers.contains($0) }
    }

    /// A server that was tried on several hosts is told as it was on the last; what came before the first stays.
    private static func lastTry(_ spans: [Span]) -> [Span] {
        let tries = spans.filter { $0.kind == .call && $0.name == "choose a host" }
        guard tries.count > 1, let first = tries.first, let last = tries.last else { return spans }
        return spans.filter { $0.start < first.start || $0.start >= last.start }
    }
}

// MARK: The steps

extension BootStory {
    /// Which end of a span a step is: sending and hearing back are two steps of one call.
    enum Edge: Sendable {
        case beginning, end

        func moment(of span: Span) -> Base.Moment { self == .beginning ? span.start : span.start + span.duration }
    }

    struct Step: Sendable {
        let number: Int
        /// Where the shorter tellings have it; nil where they leave it out.
        let phase: Int?
        let brief: Int?
        let edge: Edge
        let kind: Span.Kind
        /// What the span's name begins with.
        let name: String
        /// What the name of the request around it contains, and who asks it.
        let within: String?
        let outer: String?
        /// Whose span it is, where several do the same.
        let actor: String?

        init(
            _ number: Int, _ phase: Int?, _ brief: Int?, _ edge: Edge, _ kind: Span.Kind, _ name: String,
            within: String? = nil, of outer: String? = nil,
            by actor: String? = nil
        ) {
            self.actor = actor
            self.outer = outer
            self.number = number
            self.phase = phase
            self.brief = brief
            self.edge = edge
            self.kind = kind
            self.name = name
            self.within = within
        }

        func span(in spans: [Span]) -> Span? {
            let found = spans.filter { span in
                span.kind == kind && span.name.hasPrefix(name) && (actor == nil || span.actor == actor)
            }
            guard let within else { return edge == .beginning ? found.first : found.last }
            let around = spans.first { $0.kind == .rest && $0.name.contains(within) && $0.actor == (outer ?? $0.actor) }
            return found.first { $0.parent == around?.id }
        }

        static let all: [Step] = [
            Step(1, 1, nil, .beginning, .rest, "POST /identity/v3/auth/tokens"),
            Step(2, 1, nil, .end, .rest, "POST /identity/v3/auth/tokens"),
            Step(3, 2, 1, .beginning, .rest, "POST /compute"),
            Step(4, 3, nil, .beginning, .call, "check the token", within: "POST /compute"),
            Step(5, 3, nil, .end, .call, "check the token", within: "POST /compute"),
            Step(6, 4, nil, .beginning, .sql, "write the server down"),
            Step(7, 4, nil, .end, .sql, "write the server down"),
            Step(8, 5, 2, .beginning, .call, "choose a host"),
            Step(9, 6, 3, .beginning, .serve, "choose a host"),
            Step(10, 7, 3, .beginning, .rest, "GET /placement/allocation_candidates"),
            Step(11, 7, 3, .beginning, .sql, "write the host down"),
            Step(12, 7, 4, .beginning, .cast, "build the server"),
            Step(13, 8, 5, .beginning, .serve, "build the server"),
            Step(14, 9, 6, .beginning, .call, "describe the server"),
            Step(15, 10, 6, .beginning, .serve, "describe the server"),
            Step(16, 11, 6, .beginning, .sql, "read the server"),
            Step(17, 11, 6, .end, .sql, "read the server"),
            Step(18, 11, 6, .end, .serve, "describe the server"),
            Step(19, 11, 6, .end, .call, "describe the server"),
            Step(20, 12, nil, .beginning, .rest, "GET /image", by: "compute-node"),
            Step(21, 13, nil, .beginning, .call, "check the token", within: " /image", of: "compute-node"),
            Step(22, 13, nil, .end, .rest, "GET /image", by: "compute-node"),
            Step(23, 14, nil, .beginning, .rest, "GET /network", by: "compute-node"),
            Step(24, 15, nil, .beginning, .call, "check the token", within: " /network", of: "compute-node"),
            Step(25, 15, nil, .end, .rest, "POST /network", by: "compute-node"),
            Step(26, 16, nil, .beginning, .rest, "PUT /volume", by: "compute-node"),
            Step(27, 17, nil, .beginning, .call, "check the token", within: " /volume", of: "compute-node"),
            Step(28, 17, nil, .end, .rest, "PUT /volume", by: "compute-node"),
            Step(29, 18, 5, .beginning, .hypervisor, "make the guest"),
        ]
    }
}

// MARK: The tellings

extension BootStory.View {
    struct Chapter: Sendable {
        let number: Int
        let text: String
        var heading: String?
    }

    func number(of step: BootStory.Step) -> Int? {
        switch self {
        case .steps: step.number
        case .phases: step.phase
        case .brief: step.brief
        }
    }

    var chapters: [Chapter] {
        switch self {
        case .steps:
            BootStory.View.numbered([
                "the user asks identity for a token", "identity checks who that is, and gives one",
                "the user asks compute for a server, with the token", "compute asks identity whether the token is good",
                "identity says whose it is, and with which roles", "compute turns to its database",
                "the server is written down", "the scheduler is called for a host", "the scheduler takes the call",
                "it reads who has room, filters and weighs", "the chosen host is written down with the server",
                "the host is told to build the server", "the host takes the message",
                "the host calls the conductor for what it is to build", "the conductor takes the call",
                "the conductor turns to the database", "the database answers", "the conductor answers",
                "the host has the answer", "the host asks image for the bytes, with a token",
                "image has the token checked", "the host has the image",
                "the host asks network for the ports, with a token",
                "network has the token checked", "the host has the ports",
                "the host asks block storage for the volumes, with a token", "block storage has the token checked",
                "the host has the volumes", "the hypervisor makes the guest",
            ])
        case .phases:
            BootStory.View.numbered(
                [
                    "the user gets a token", "the user asks compute for a server", "compute has the token checked",
                    "the request is written down", "the scheduler is called", "the scheduler takes the call",
                    "it chooses a host, and the host is told", "the host takes the message",
                    "the host calls the conductor", "the conductor takes the call",
                    "the conductor reads the server and answers", "the host asks image", "image has the token checked",
                    "the host asks network", "network has the token checked", "the host asks block storage",
                    "block storage has the token checked", "the hypervisor makes the guest",
                ],
                headings: [
                    1: "Phase 1: who asks", 5: "Phase 2: compute among itself", 12: "Phase 3: the other services",
                    18: "Phase 4: the guest",
                ])
        case .brief:
            BootStory.View.numbered([
                "somebody asks the API for a server", "the API's side sends: let the scheduler place it",
                "the scheduler takes the message and chooses a host", "a message says: build it there",
                "the host takes the message and makes the guest", "what the host has to know it asks the conductor",
            ])
        }
    }

    private static func numbered(_ texts: [String], headings: [Int: String] = [:]) -> [Chapter] {
        texts.enumerated().map { Chapter(number: $0 + 1, text: $1, heading: headings[$0 + 1]) }
    }
}
