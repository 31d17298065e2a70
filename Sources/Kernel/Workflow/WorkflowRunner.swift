package import Base
package import SQL
import Synchronization
package import Trace

/// Runs workflows: those that are started here, those that a crash left behind, those whose waiting is over.
///
/// The database is the truth: a run belongs to its holder until its lease ends, and whoever finds it abandoned takes it
/// over from the step that was saved. `nudge` only makes it quick.
package final class WorkflowRunner: Sendable {
    /// Told of each moment in a run; tests throw from it to fail just before or just after a step.
    package typealias Fault = @Sendable (FaultPoint, String) throws -> Void
    package enum FaultPoint: Sendable, CaseIterable { case before, after }

    let database: Database
    let world: World
    let log: Log
    let fault: Fault
    /// Who holds our runs. The same after a restart, so that what we left is ours to go on with at once.
    let name: String
    private let kinds: [String: any RunnableKind]
    private let inbox = Inbox()
    /// What this process can run; what others are for is left to them.
    private let known: [String]
    /// Tells the processes that carry out what this one only begins; nil where it does both.
    private let tell: (@Sendable () -> Void)?
    /// What this process has in hand. Nobody takes it over for as long as the process lives, however long a step takes.
    private let inHand = Mutex<Set<ID<Run>>>([])

    /// A holder that shows no sign of life for so long has lost its runs.
    static let lease: Duration = .seconds(60)
    /// How often what others abandoned, and what waits, is looked for.
    private static let rounds: Duration = .seconds(1)
    /// More at once would only wait for the same two cores and one disk.
    private static let limit = 256

    /// - Parameter tell: given where runs are begun and carried out elsewhere: called when there is something to do.
    package init(
        _ kinds: [any RunnableKind], name: String, database: Database, world: World, log: Log,
        tell: (@Sendable () -> Void)? = nil, fault: @escaping Fault = { _, _ in }
    ) {
        self.tell = tell
        self.kinds = Dictionary(kinds.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        known = self.kinds.keys.sorted()
        self.name = name
        self.database = database
        self.world = world
        self.log = log
        self.fault = fault
    }

    /// Begins a run in the transaction that decides it: both happen, or neither.
    @discardableResult
    package func start<W: Workflow>(
        _: W.Type, about subject: String, _ state: W.State, _ tx: Transaction
    ) throws(Failure) -> ID<Run> {
        guard let first = W.steps.first else { throw .bug("Workflow \(W.name) has no steps.") }
        let now = world.now
        let run = Run(
            id: .uuid(world.chance), workflow: W.name, subject: subject,
            requestID: Tracing.current?.requestID ?? UUID(world.chance).dashed(after: "req-"), state: state.json,
            step: first.name, started: now, stepStarted: now, holder: tell == nil ? name : nil,
            heldUntil: tell == nil ? now + WorkflowRunner.lease : now)
        try tx.insert(run)
        if let tell {
            // Whoever carries it out goes on with the story from here.
            try tx.keep(Tracing.current?.take() ?? [], of: run.requestID, about: subject)
            tx.afterCommit { tell() }
        } else {
            let tracing = Tracing.current?.forWork
            tx.afterCommit { [inbox] in inbox.put(.run(run, tracing)) }
        }
        return run.id
    }

    /// The trace that a run belongs to, as far as it was kept: that of its request.
    func story(of run: Run) async -> Tracing {
        let known = try? await database.read { tx in try tx.firstSpan(of: run.requestID) }
        return Tracing(
            trace: known?.trace ?? world.chance.next(), parent: known?.parent, requestID: run.requestID,
            collector: Collector(), world: world)
    }

    /// What was still to be told of a request when what it began had been written down: kept with that.
    package func keep(_ spans: [Span], of requestID: String) async throws(Failure) {
        // Most requests begin nothing that takes long.
        guard !spans.isEmpty, let subject = try await database.read({ try $0.subject(ofRequest: requestID) }) else {
            return
        }
        try await database.write { try $0.keep(spans, of: requestID, about: subject) }
    }

    /// Something happened that a run may be waiting for, or there is a new one.
    package func nudge() { if let tell { tell() } else { inbox.wake() } }

    // MARK: Life

    /// Works until the task is cancelled. What is under way then is left where it stands, for the next to go on with.
    package func run() async throws(Failure) {
        await release()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.ring() }
            var running = 0
            while !Task.isCancelled {
                for work in await inbox.take() {
                    if running >= WorkflowRunner.limit, await group.next() != nil { running -= 1 }
                    running += 1
                    group.addTask { await self.perform(work) }
                }
            }
            group.cancelAll()
        }
    }

    /// Lets go of what this runner held before it began, as soon as that can be written.
    private func release() async {
        let name = name
        while !Task.isCancelled {
            do throws(Failure) { return try await database.write { try $0.releaseRuns(of: name) } } catch {
                log.error("Work that was under way before cannot be taken up yet: \(error)")
                try? await world.clock.sleep(for: WorkflowRunner.rounds)
            }
        }
    }

    /// Wakes the loop up regularly, with what nobody works on.
    private func ring() async {
        while !Task.isCancelled {
            do {
                for run in try await claim() { inbox.put(.run(run, nil)) }
                try await inbox.pause(WorkflowRunner.rounds, world.clock)
            } catch {
                if !Task.isCancelled { log.error("Looking for abandoned work failed: \(error)") }
                try? await world.clock.sleep(for: WorkflowRunner.rounds)
            }
        }
        inbox.close()
    }

    /// Takes over what nobody works on, and holds on to what is worked on here.
    private func claim() async throws(Failure) -> [Run] {
        let (now, name, known, ours) = (world.now, name, known, inHand.withLock { $0 })
        return try await database.write { tx in
            try tx.forgetOldestPages()
            let due = try tx.abandonedRuns(of: known, at: now, limit: WorkflowRunner.limit)
            return try due.filter { run in
                try tx.claim(run, holder: name, until: now + WorkflowRunner.lease) && !ours.contains(run.id)
            }
        }
    }

    private func perform(_ work: Work) async {
        switch work {
        case .run(let run, let tracing): await carryOn(run, tracing)
        case .page(let span, let run):
            do throws(Failure) {
                try await database.write { try $0.keep([span], of: run.requestID, about: run.subject) }
            } catch { log.warning("A page of the story of \(run.subject) is lost: \(error)") }
        }
    }

    /// A story goes on until its request is answered, which may be after the run is over.
    func tellLater(_ span: Span, of run: Run) { inbox.put(.page(span, of: run)) }

    private func carryOn(_ run: Run, _ tracing: Tracing?) async {
        guard inHand.withLock({ $0.insert(run.id).inserted }) else { return }
        defer { inHand.withLock { _ = $0.remove(run.id) } }
        guard let kind = kinds[run.workflow] else {
            return log.error("Run \(run.id): nobody here knows the workflow \(run.workflow).")
        }
        await kind.carryOn(run, tracing, self)
    }

    /// Works on everything that is due until nothing is, in the calling task. For tests, where time is theirs.
    package func settle() async throws(Failure) {
        while true {
            var works = inbox.takeNow()
            if works.isEmpty { works = try await claim().map { Work.run($0, nil) } }
            guard !works.isEmpty else { return }
            for work in works { await perform(work) }
        }
    }
}

/// A workflow with its tools: what a runner can run.
package protocol RunnableKind: Sendable {
    var name: String { get }
    func carryOn(_ run: Run, _ tracing: Tracing?, _ runner: WorkflowRunner) async
}

package struct Runnable<W: Workflow>: RunnableKind {
    let tools: W.Tools

    package init(_: W.Type, _ tools: W.Tools) { self.tools = tools }

    package var name: String { W.name }
}
