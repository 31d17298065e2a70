import Base
import SQL
import Synchronization
import Testing
import Trace

@testable import Workflow

/// Everything that a run can leave behind.
final class Things: Sendable {
    let made = Mutex<Set<String>>([])
    let failures = Mutex<[Failure]>([])
    let isOpen = Mutex(false)

    func make(_ thing: String) { made.withLock { _ = $0.insert(thing) } }
    func unmake(_ thing: String) { made.withLock { _ = $0.remove(thing) } }
    var all: Set<String> { made.withLock { $0 } }
}

enum Build: Workflow {
    static let name = "build"

    struct State: JSONCoded {
        var floors: [String] = []
        init() {}
        init(_ json: JSON) throws(Failure) { floors = json["floors"]?.array?.compactMap(\.string) ?? [] }
        var json: JSON { ["floors": .array(floors.map { .string($0) })] }
    }

    static let retry: Retry? = Retry(from: "dig", times: 2)

    static let steps: [Step<Build>] = [
        Step("plan") { _, state in state.floors = ["ground", "first"] },
        Step("dig", { tools, _ in tools.make("hole") }, undo: { tools, _ in tools.unmake("hole") }),
        Step(
            "build", { tools, state in for floor in state.floors { tools.make(floor) } },
            undo: { tools, state in for floor in state.floors { tools.unmake(floor) } }),
        .wait("dry", limit: .seconds(60)) { tools, _ in tools.isOpen.withLock { $0 } },
        Step("paint", { tools, _ in tools.make("paint") }, undo: { tools, _ in tools.unmake("paint") }),
    ]

    static func failed(_ tools: Things, _ state: State, _ failure: Failure) async throws {
        tools.failures.withLock { $0.append(failure) }
    }
}

/// Work that has no way back.
enum Demolish: Workflow {
    static let name = "demolish"
    typealias State = Build.State

    static let insists = true
    static let steps: [Step<Demolish>] = [
        Step("knock down", limit: .seconds(60)) { tools, _ in
            guard tools.isOpen.withLock({ $0 }) else { throw Failure.unavailable("rain") }
            tools.unmake("house")
        }
    ]

    static func failed(_ tools: Things, _ state: State, _ failure: Failure) async throws {
        tools.failures.withLock { $0.append(failure) }
    }
}

/// Work that ends with something written.
enum Sell: Workflow {
    static let name = "sell"
    typealias State = Build.State

    static let deeds = Migration("create deed", "CREATE TABLE deed (house VARCHAR(64) NOT NULL PRIMARY KEY)")

    static let steps: [Step<Sell>] = [
        .concluding("sign") { tools, _ in
            tools.make("signature")
            return Conclusion(to: "write the deed") { try $0.run("INSERT INTO deed (house) VALUES ('house')") }
        } undo: { tools, _ in
            tools.unmake("signature")
        }
    ]

    static func failed(_ tools: Things, _ state: State, _ failure: Failure) async throws {
        tools.failures.withLock { $0.append(failure) }
    }
}

final class TestClock: Clock {
    private let time = Mutex(Moment(seconds: 1_000_000))
    var now: Moment { time.withLock { $0 } }
    func pass(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
    func sleep(for duration: Duration) async throws(CancellationError) { pass(duration) }
}

@Suite struct WorkflowTests {
    let things = Things()
    let clock = TestClock()
    let database: Database
    let built: Set = ["hole", "ground", "first", "paint"]

    init() async throws {
        database = try Database(.memory)
        try await database.migrate("workflow", [Run.created, StoryPages.created, Sell.deeds], at: clock.now)
        things.isOpen.withLock { $0 = true }
    }

    func runner(_ name: String = "one", fault: @escaping WorkflowRunner.Fault = { _, _ in }) -> WorkflowRunner {
        WorkflowRunner(
            [Runnable(Build.self, things), Runnable(Demolish.self, things), Runnable(Sell.self, things)], name: name,
            database: database,
            world: World(clock: clock, chance: SeededChance(seed: 1)), log: .silent, fault: fault)
    }

    func start(_ runner: WorkflowRunner) async throws {
        try await database.write { try runner.start(Build.self, about: "house", Build.State(), $0) }
    }

    func onlyRun() async throws -> Run { try #require(try await database.read { try $0.runs(about: "house") }.first) }

    @Test func aRunThatSucceedsHasDoneEveryStep() async throws {
        let runner = runner()
        try await start(runner)
        try await runner.settle()
        #expect(things.all == built)
        #expect(try await onlyRun().direction == .done)
        let spans = try await database.read { try $0.spans(about: "house") }
        #expect(spans.map(\.name) == ["plan", "dig", "build", "dry", "paint"])
    }

    @Test func whatEndsAfterARunIsToldOfItToo() async throws {
        let runner = runner()
        let world = World(clock: clock, chance: SeededChance(seed: 2))
        let tracing = Tracing(trace: 1, requestID: "req-1", collector: Collector(), world: world)
        try await Tracing.$current.withValue(tracing) {
            try await Tracing.span("POST /houses", .rest, by: "api") { () async throws(Failure) in
                do {
                    try await start(runner)
                    try await runner.settle()
                } catch { throw Failure(error) }
            }
        }
        try await runner.settle()
        let spans = try await database.read { try $0.spans(about: "house") }
        #expect(spans.map(\.name).sorted() == ["POST /houses", "build", "dig", "dry", "paint", "plan"])
    }

    @Test func whatARunBeginsIsToldOfWhatThatIsAbout() async throws {
        let runner = runner()
        let world = World(clock: clock, chance: SeededChance(seed: 2))
        let tracing = Tracing(trace: 1, requestID: "req-1", collector: Collector(), world: world)
        tracing.claim()
        try await Tracing.$current.withValue(tracing) {
            try await start(runner)
            // Somebody else's work goes on meanwhile, and takes what there is to tell of it.
            let other = Task { try await Tracing.span("theirs", .step, by: "other") { () async throws(Failure) in } }
            try await other.value
            try await runner.settle()
            #expect(tracing.take().map(\.name) == ["theirs"])
        }
        let spans = try await database.read { try $0.spans(about: "house") }
        #expect(spans.map(\.name) == ["plan", "dig", "build", "dry", "paint"])
        #expect(Set(spans.map(\.trace)) == [1])
    }

    @Test(arguments: Build.steps.map(\.name), WorkflowRunner.FaultPoint.allCases)
    func aRunThatFailsLeavesNothingBehind(at broken: String, point: WorkflowRunner.FaultPoint) async throws {
        let runner = runner { if ($0, $1) == (point, broken) { throw Failure.invalid("broken") } }
        try await start(runner)
        try await runner.settle()
        #expect(things.all.isEmpty)
        #expect(try await onlyRun().direction == .undone)
        #expect(things.failures.withLock { $0.map(\.message) } == ["broken"])
    }

    @Test func whatMayPassIsTriedAgain() async throws {
        let left = Mutex(2)
        let runner = runner { point, step in
            guard point == .after, step == "build",
                left.withLock({
                    $0 -= 1
                    return $0 >= 0
                })
            else { return }
            throw Failure.unavailable("rain")
        }
        try await start(runner)
        try await runner.settle()
        #expect(things.all == built)
        #expect(try await onlyRun().retries == 2)
    }

    /// A process that dies before or after any step leaves a run that another goes on with.
    @Test(arguments: Build.steps.map(\.name), WorkflowRunner.FaultPoint.allCases)
    func anotherProcessGoesOnAfterACrash(at step: String, point: WorkflowRunner.FaultPoint) async throws {
        let first = runner {
            if ($0, $1) == (point, step) {
                withUnsafeCurrentTask { $0?.cancel() }
                throw CancellationError()
            }
        }
        try await start(first)
        await Task { try? await first.settle() }.value
        #expect(try await !onlyRun().isOver)

        clock.pass(.seconds(61))
        try await runner("two").settle()
        #expect(things.all == built)
        #expect(try await onlyRun().direction == .done)
    }

    @Test func waitingEndsWhenItIsOver() async throws {
        things.isOpen.withLock { $0 = false }
        let runner = runner()
        try await start(runner)
        try await runner.settle()
        #expect(try await onlyRun().step == "dry")

        things.isOpen.withLock { $0 = true }
        clock.pass(.seconds(1))
        try await runner.settle()
        #expect(things.all == built)
    }

    @Test func waitingHasALimit() async throws {
        things.isOpen.withLock { $0 = false }
        let runner = runner()
        try await start(runner)
        try await runner.settle()
        clock.pass(.seconds(61))
        try await runner.settle()
        #expect(things.all.isEmpty)
        #expect(try await onlyRun().direction == .undone)
    }

    @Test func thatAWaitCannotBeWrittenDownIsNoFailure() async throws {
        things.isOpen.withLock { $0 = false }
        let runner = runner()
        try await start(runner)
        try await runner.settle()
        try await database.write { tx in
            try tx.run(
                "CREATE TRIGGER full BEFORE UPDATE OF state ON workflow_run BEGIN SELECT RAISE(FAIL, 'full'); END")
        }
        clock.pass(.seconds(1))
        try await runner.settle()
        try await database.write { try $0.run("DROP TRIGGER full") }
        #expect(things.all == ["hole", "ground", "first"])
        #expect(try await onlyRun().direction == .forward)

        things.isOpen.withLock { $0 = true }
        clock.pass(.seconds(61))
        try await runner.settle()
        #expect(things.all == built)
        #expect(try await onlyRun().direction == .done)
    }

    @Test func aCancelledRunUndoesWhatItDid() async throws {
        things.isOpen.withLock { $0 = false }
        let runner = runner()
        try await start(runner)
        try await runner.settle()
        try await database.write { try $0.cancelRuns(of: Build.name, about: "house") }
        clock.pass(.seconds(1))
        try await runner.settle()
        #expect(things.all.isEmpty)
        #expect(try await onlyRun().direction == .undone)
    }

    @Test func whatInsistsIsTriedUntilItSucceeds() async throws {
        things.make("house")
        things.isOpen.withLock { $0 = false }
        let runner = runner()
        try await database.write { try runner.start(Demolish.self, about: "house", Build.State(), $0) }
        for _ in 0..<4 {
            try await runner.settle()
            #expect(try await onlyRun().direction == .forward)
            clock.pass(.seconds(5))
        }
        things.isOpen.withLock { $0 = true }
        try await runner.settle()
        #expect(try await onlyRun().direction == .done)
        #expect(things.all.isEmpty)
    }

    @Test func whatInsistsGoesOnWhenItIsCancelled() async throws {
        things.make("house")
        things.isOpen.withLock { $0 = false }
        let runner = runner()
        try await database.write { try runner.start(Demolish.self, about: "house", Build.State(), $0) }
        try await runner.settle()
        try await database.write { try $0.cancelRuns(of: Demolish.name, about: "house") }
        things.isOpen.withLock { $0 = true }
        clock.pass(.seconds(5))
        try await runner.settle()
        #expect(try await onlyRun().direction == .done)
        #expect(things.all.isEmpty)
    }

    @Test func whatInsistsGivesUpAtItsLimit() async throws {
        things.isOpen.withLock { $0 = false }
        let runner = runner()
        try await database.write { try runner.start(Demolish.self, about: "house", Build.State(), $0) }
        for _ in 0..<10 {
            try await runner.settle()
            clock.pass(.seconds(30))
        }
        #expect(try await onlyRun().direction == .undone)
        #expect(things.failures.withLock { $0.map(\.message) } == ["rain"])
    }

    // MARK: Conclusions

    private func deeds() async throws -> Int { try await database.read { try $0.count("SELECT COUNT(*) FROM deed") } }

    private func sell(_ runner: WorkflowRunner) async throws {
        try await database.write { try runner.start(Sell.self, about: "house", Build.State(), $0) }
        try await runner.settle()
    }

    @Test func whatAStepConcludesIsWrittenWithItsEnd() async throws {
        try await sell(runner())
        #expect(try await deeds() == 1)
        #expect(try await onlyRun().direction == .done)
    }

    @Test func whatFailsBeforeItsEndConcludesNothing() async throws {
        try await sell(runner { point, _ in if point == .after { throw Failure.invalid("broken") } })
        #expect(try await deeds() == 0)
        #expect(things.all.isEmpty)
        #expect(try await onlyRun().direction == .undone)
    }

    @Test func aConclusionThatCannotBeWrittenFailsTheStep() async throws {
        try await database.write { try $0.run("INSERT INTO deed (house) VALUES ('house')") }
        try await sell(runner())
        #expect(things.all.isEmpty)
        #expect(things.failures.withLock { $0.count } == 1)
        #expect(try await onlyRun().direction == .undone)
        let spans = try await database.read { try $0.spans(about: "house") }
        #expect(spans.map(\.name).contains("sign"))
        #expect(spans.first { $0.name == "write the deed" }?.failure != nil)
    }
}
