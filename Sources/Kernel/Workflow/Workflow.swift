package import Base
package import SQL

/// A long operation as one list of named steps, each with its undo. Progress is saved after every step, so a crash
/// repeats at most one, and a failure undoes the finished ones in reverse.
///
/// Two promises every step makes: `run` may be called twice, and `undo` may be called when `run` never finished.
package protocol Workflow: Sendable {
    /// What a run knows, as it is saved between steps.
    associatedtype State: JSONCoded
    associatedtype Tools: Sendable
    static var name: String { get }
    static var steps: [Step<Self>] { get }
    static var retry: Retry? { get }
    /// Whether there is no way back, as from a deletion: a step that fails is tried again, later and later, until its
    /// limit has passed, and nobody can cancel it.
    static var insists: Bool { get }
    /// Called when a run has ended undone or stuck, with what went wrong: to say it where users look.
    static func failed(_ tools: Tools, _ state: State, _ failure: Failure) async throws
}

extension Workflow {
    package static var retry: Retry? { nil }
    package static var insists: Bool { false }
    package static func failed(_ tools: Tools, _ state: State, _ failure: Failure) async throws {}
}

/// When a step fails for a reason that another try may help, undo back to an earlier step and go forward again.
package struct Retry: Sendable {
    package let step: String
    package let times: Int

    package init(from step: String, times: Int) {
        self.step = step
        self.times = times
    }
}

package struct Step<W: Workflow>: Sendable {
    package typealias Action = @Sendable (W.Tools, inout W.State) async throws -> Void
    package typealias Question = @Sendable (W.Tools, inout W.State) async throws -> Bool
    package typealias Decision = @Sendable (W.Tools, inout W.State) async throws -> Conclusion

    enum Outcome: Sendable {
        case notYet, over
        case concluded(Conclusion)
    }

    package let name: String
    /// How long it may take before it counts as failed.
    package let limit: Duration
    let applies: @Sendable (W.State) -> Bool
    let run: @Sendable (W.Tools, inout W.State) async throws -> Outcome
    let undo: Action?
    /// Whether there is no way back from here, as in `Workflow.insists`.
    let insists: Bool

    /// Long enough for a large image over a slow network, short enough that nobody gives up on it first.
    package static var usualLimit: Duration { .seconds(1_800) }

    package init(
        _ name: String, limit: Duration = usualLimit,
        when applies: @escaping @Sendable (W.State) -> Bool = { _ in true },
        insists: Bool = false, _ run: @escaping Action, undo: Action? = nil
    ) {
        self.init(name, limit, applies, insists, undo) { tools, state in
            try await run(tools, &state)
            return .over
        }
    }

    /// A step at whose end something has to be written: in one transaction with where the run stands, so that it is neither
    /// said twice nor left unsaid. The step has failed when that cannot be written.
    package static func concluding(
        _ name: String, limit: Duration = usualLimit,
        when applies: @escaping @Sendable (W.State) -> Bool = { _ in true }, _ run: @escaping Decision,
        undo: Action? = nil
    ) -> Step {
        Step(name, limit, applies, false, undo) { tools, state in .concluded(try await run(tools, &state)) }
    }

    /// A step that is over when `ask` says so, and has failed when its limit has passed. It is asked again when somebody
    /// nudges the run, and now and then in any case.
    package static func wait(
        _ name: String, limit: Duration, when applies: @escaping @Sendable (W.State) -> Bool = { _ in true },
        until ask: @escaping Question, undo: Action? = nil
    ) -> Step {
        Step(name, limit, applies, false, undo) { tools, state in try await ask(tools, &state) ? .over : .notYet }
    }

    private init(
        _ name: String, _ limit: Duration, _ applies: @escaping @Sendable (W.State) -> Bool, _ insists: Bool,
        _ undo: Action?, run: @escaping @Sendable (W.Tools, inout W.State) async throws -> Outcome
    ) {
        self.name = name
        self.limit = limit
        self.applies = applies
        self.insists = insists
        self.run = run
        self.undo = undo
    }
}

/// What a step writes when it is over.
package struct Conclusion: Sendable {
    /// What it is called in the story, which tells it with the step that follows.
    let purpose: String?
    let write: @Sendable (Transaction) throws -> Void

    package init(to purpose: String? = nil, _ write: @escaping @Sendable (Transaction) throws -> Void) {
        self.purpose = purpose
        self.write = write
    }
}
