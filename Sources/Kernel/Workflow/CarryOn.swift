import Base
import SQL
package import Trace

extension Runnable {
    /// Takes a run from where it stands as far as it goes: to its end, or to a wait.
    package func carryOn(_ run: Run, _ known: Tracing?, _ runner: WorkflowRunner) async {
        let tracing: Tracing
        if let known { tracing = known } else { tracing = await runner.story(of: run) }
        tracing.claim()
        await Tracing.$current.withValue(tracing) {
            do throws(Failure) {
                var journey = try Journey<W>(run: run, tools: tools, runner: runner)
                try await journey.go()
            } catch {
                // The store is away, or the run was taken over. Its lease ends, and somebody goes on with it.
                runner.log.warning("Run \(run.id) of \(run.workflow) stops here for now: \(error)")
            }
        }
    }
}

/// One run on its way.
private struct Journey<W: Workflow> {
    var run: Run
    var state: W.State
    let tools: W.Tools
    let runner: WorkflowRunner
    private let steps = W.steps

    /// Undos that fail are tried again, later and later; then somebody has to look.
    private static var undoAttempts: Int { 60 }
    /// Between two tries of the same thing.
    private static var longestPause: Duration { .seconds(60) }
    /// How long a wait lets go of its run between two looks.
    private static var waitPause: Duration { .milliseconds(500) }

    init(run: Run, tools: W.Tools, runner: WorkflowRunner) throws(Failure) {
        self.run = run
        self.tools = tools
        self.runner = runner
        state = try W.State(run.state)
    }

    mutating func go() async throws(Failure) {
        while !run.isOver {
            guard !Task.isCancelled else { return }
            guard let index = steps.firstIndex(where: { $0.name == run.step }) else {
                throw .bug("Workflow \(W.name) has no step \"\(run.step)\".")
            }
            let goesOn =
                run.direction == .forward ? try await forward(steps[index], index) : try await back(steps[index], index)
            guard goesOn else { return }
        }
    }

    // MARK: Forward

    /// False when the run waits.
    private mutating func forward(_ step: Step<W>, _ index: Int) async throws(Failure) -> Bool {
        let insists = W.insists || step.insists
        let before = run
        var isOver = true
        do throws(Failure) {
            if run.isCancelled, !insists { throw Failure(.conflict, "It was cancelled.") }
            let outcome = try await perform(step)
            if case .notYet = outcome {
                try checkPatience(with: step)
                isOver = false
            } else if let next = next(after: index) {
                move(to: next)
            } else {
                run.direction = .done
            }
            if case .concluded(let conclusion) = outcome {
                try await save(conclusion)
                return true
            }
        } catch {
            run = before
            isOver = true
            guard !Task.isCancelled else { throw error }
            if insists, runner.world.now < run.stepStarted + step.limit {
                try await tryAgain(step, error)
                return false
            }
            // After another try, what went wrong the first time is still the better half of the story.
            run.failure = run.failure.map { "\(error.message) Before that: \($0)" } ?? error.message
            run.failureKind = String(describing: error.kind)
            run.direction = .undoing
            run.attempts = 0
            runner.log.info("Run \(run.id) of \(W.name) about \(run.subject) failed in \"\(step.name)\": \(error)")
            if let retry = W.retry, run.retries < retry.times, error.kind == .unavailable, !run.isCancelled {
                run.turnsAt = retry.step
            }
        }
        // That a wait could not be written down is no failure of what is waited for.
        guard isOver else { return try await pause() }
        try await save()
        return true
    }

    /// The next step that there is something to do in. The others are passed over in one go: each would be a save.
    private func next(after index: Int) -> Step<W>? { steps.dropFirst(index + 1).first { $0.applies(state) } }

    private mutating func perform(_ step: Step<W>) async throws(Failure) -> Step<W>.Outcome {
        guard step.applies(state) else { return .over }
        let (tools, fault, before) = (tools, runner.fault, state)
        let (outcome, after) = try await Tracing.span(step.name, .step, by: "conductor") { () async throws(Failure) in
            do {
                var state = before
                try fault(.before, step.name)
                let outcome = try await step.run(tools, &state)
                try fault(.after, step.name)
                return (outcome, state)
            } catch { throw Failure(error) }
        }
        state = after
        return outcome
    }

    private func checkPatience(with step: Step<W>) throws(Failure) {
        guard runner.world.now < run.stepStarted + step.limit else {
            throw Failure(.timedOut, "\"\(step.name)\" took longer than \(step.limit).")
        }
    }

    private mutating func pause() async throws(Failure) -> Bool {
        run.heldUntil = runner.world.now + Journey.waitPause
        try await save(keepingLease: true)
        return false
    }

    private mutating func tryAgain(_ step: Step<W>, _ failure: Failure) async throws(Failure) {
        run.attempts += 1
        runner.log.info("Run \(run.id) of \(W.name): \"\(step.name)\" failed (\(run.attempts)): \(failure)")
        try await letGo()
    }

    /// Until it is time for another try.
    private mutating func letGo() async throws(Failure) {
        let pause = Duration.milliseconds(200 << min(run.attempts, 16))
        run.heldUntil = runner.world.now + min(pause, Journey.longestPause)
        try await save(keepingLease: true)
    }

    private mutating func move(to step: Step<W>) {
        run.step = step.name
        run.stepStarted = runner.world.now
        run.attempts = 0
    }

    // MARK: Back

    private mutating func back(_ step: Step<W>, _ index: Int) async throws(Failure) -> Bool {
        do throws(Failure) {
            if let undo = step.undo {
                let (tools, before) = (tools, state)
                state = try await Tracing.span("undo: \(step.name)", .step, by: "conductor") {
                    () async throws(Failure) in
                    do {
                        var state = before
                        try await undo(tools, &state)
                        return state
                    } catch { throw Failure(error) }
                }
            }
        } catch {
            guard !Task.isCancelled else { throw error }
            // What isn't there any more needs no undoing.
            if error.kind != .notFound { return try await undoFailed(step, error) }
        }
        if run.turnsAt == step.name {
            run.turnsAt = nil
            run.retries += 1
            run.direction = .forward
            move(to: step)
        } else if index == 0 {
            try await end(.undone)
            return true
        } else {
            move(to: steps[index - 1])
        }
        try await save()
        return true
    }

    private mutating func undoFailed(_ step: Step<W>, _ failure: Failure) async throws(Failure) -> Bool {
        run.attempts += 1
        runner.log.warning("Run \(run.id) of \(W.name): undoing \"\(step.name)\" failed (\(run.attempts)): \(failure)")
        guard run.attempts < Journey.undoAttempts else {
            runner.log.error(
                "Run \(run.id) of \(W.name) about \(run.subject) is stuck in undoing \"\(step.name)\": \(failure)")
            try await end(.stuck)
            return true
        }
        try await letGo()
        return false
    }

    /// Says what went wrong where users look, before the run counts as over.
    private mutating func end(_ direction: Run.Direction) async throws(Failure) {
        let kind = Failure.Kind.allCases.first { String(describing: $0) == run.failureKind } ?? .bug
        do { try await W.failed(tools, state, Failure(kind, run.failure ?? "")) } catch {
            // What it was about may be gone meanwhile: then there is nobody to tell.
            guard Failure(error).kind == .notFound else { throw Failure(error) }
        }
        run.direction = direction
        try await save()
    }

    // MARK: Saving

    /// What there is to tell since the last time.
    private func pages(of run: Run) -> [Span] {
        guard run.isOver else { return Tracing.current?.take() ?? [] }
        let runner = runner
        return Tracing.current?.takeLast { runner.tellLater($0, of: run) } ?? []
    }

    private mutating func save(_ conclusion: Conclusion? = nil, keepingLease: Bool = false) async throws(Failure) {
        run.state = state.json
        if !keepingLease { run.heldUntil = runner.world.now + WorkflowRunner.lease }
        let (saved, holder) = (run, runner.name)
        let spans = pages(of: saved)
        let write = { @Sendable (tx: Transaction) throws -> Bool in
            try conclusion?.write(tx)
            try tx.keep(spans, of: saved.requestID, about: saved.subject)
            return try tx.save(saved, holder: holder)
        }
        do throws(Failure) {
            if let purpose = conclusion?.purpose {
                run.isCancelled = try await runner.database.write(to: purpose, write)
            } else {
                run.isCancelled = try await runner.database.write(write)
            }
        } catch {
            Tracing.current?.add(spans)
            throw error
        }
    }
}
