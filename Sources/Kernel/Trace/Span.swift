package import Base

/// One thing that was done on the way of a request: by whom, what kind of thing, when and for how long.
package struct Span: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable {
        /// A request over an API, from outside or from one service to another.
        case rest
        /// A message that waits for its answer, and one that doesn't.
        case call, cast
        /// What the one does to whom such a message has come.
        case serve
        case sql
        /// A step of a workflow.
        case step
        case hypervisor
        /// A program of the system that was run.
        case program
    }

    /// All spans of one story share it.
    package let trace: UInt64
    package let id: UInt64
    package let parent: UInt64?
    package let name: String
    package let kind: Kind
    /// The role that did it: `compute-api`, `scheduler`, `compute-node`.
    package let actor: String
    package let start: Moment
    package var duration: Duration
    /// Nil when it went well.
    package var failure: String?

    package init(
        trace: UInt64, id: UInt64, parent: UInt64?, name: String, kind: Kind, actor: String, start: Moment,
        duration: Duration = .zero, failure: String? = nil
    ) {
        self.trace = trace
        self.id = id
        self.parent = parent
        self.name = name
        self.kind = kind
        self.actor = actor
        self.start = start
        self.duration = duration
        self.failure = failure
    }
}
