import Base
import IO
import Synchronization
import Testing

/// Loops that live as long as the body.
func withLoops(_ count: Int = 2, _ body: (Loops) async throws -> Void) async throws {
    let loops = Loops(count: count)
    do { try await body(loops) } catch {
        await loops.stop()
        throw error
    }
    await loops.stop()
}

/// What tasks on several threads tell a test.
private final class Seen: Sendable {
    struct State {
        var order: [Int] = []
        var now = 0
        var most = 0
    }

    private let state = Mutex(State())
    func note<Value: Sendable>(_ body: @Sendable (inout State) -> Value) -> Value { state.withLock { body(&$0) } }
}

private actor Counter {
    private(set) var value = 0
    private(set) var loops: Set<String> = []
    func add() {
        value += 1
        loops.insert(Loop.current?.name ?? "none")
    }
}

@Suite struct LoopTests {
    @Test func aTaskThatPrefersALoopRunsOnItsThread() async throws {
        try await withLoops { loops in
            for loop in loops.all {
                let name = await Task(executorPreference: loop) {
                    await Task.yield()
                    return Loop.current?.name
                }.value
                #expect(name == loop.name)
            }
        }
    }

    @Test func anActorCalledFromALoopStaysThere() async throws {
        try await withLoops { loops in
            let counter = Counter()
            await Task(executorPreference: loops.all[0]) { for _ in 0..<100 { await counter.add() } }.value
            #expect(await counter.value == 100)
            #expect(await counter.loops == [loops.all[0].name])
        }
    }

    @Test func manyTasksFromManyThreadsAllRun() async throws {
        try await withLoops { loops in
            let counter = Counter()
            await withDiscardingTaskGroup { group in
                for index in 0..<1_000 {
                    group.addTask(executorPreference: loops.all[index % 2]) {
                        await Task.yield()
                        await counter.add()
                    }
                }
            }
            #expect(await counter.value == 1_000)
        }
    }

    @Test func sleepersWakeInTheOrderOfTheirTime() async throws {
        try await withLoops(1) { loops in
            let loop = loops.all[0]
            let seen = Seen()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for milliseconds in [60, 20, 40] {
                    group.addTask(executorPreference: loop) {
                        try await loop.sleep(for: .milliseconds(milliseconds))
                        seen.note { $0.order.append(milliseconds) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(seen.note { $0.order } == [20, 40, 60])
        }
    }

    @Test func cancellingASleeperWakesIt() async throws {
        try await withLoops(1) { loops in
            let loop = loops.all[0]
            let task = Task(executorPreference: loop) { try await loop.sleep(for: .seconds(3_600)) }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test func whoSleepsByTheLoopsClockGoesOnWhereItRan() async throws {
        try await withLoops(1) { loops in
            let clock = LoopClock()
            let task = Task(executorPreference: loops.all[0]) {
                let begun = clock.now
                try await clock.sleep(for: .milliseconds(20))
                return (Loop.current?.name, clock.now - begun)
            }
            let (name, slept) = try await task.value
            #expect(name == loops.all[0].name)
            #expect(slept >= .milliseconds(20))
            try await clock.sleep(for: .milliseconds(1))
        }
    }
}

@Suite struct PoolTests {
    @Test func blockingCallsRunOffTheLoopAndComeBackToIt() async throws {
        try await withLoops(1) { loops in
            let pool = Pool(name: "test", threads: 2)
            let task = Task(executorPreference: loops.all[0]) {
                let inside = await pool.run { Loop.current?.name }
                return (inside, Loop.current?.name)
            }
            let (inside, after) = await task.value
            #expect(inside == nil)
            #expect(after == loops.all[0].name)
            await pool.stop()
        }
    }

    @Test func noMoreThreadsThanAllowedRunAtOnce() async {
        let pool = Pool(name: "test", threads: 3)
        let seen = Seen()
        await withDiscardingTaskGroup { group in
            for _ in 0..<50 {
                group.addTask {
                    await pool.run {
                        seen.note { seen in
                            seen.now += 1
                            seen.most = max(seen.most, seen.now)
                        }
                        for _ in 0..<1_000 { _ = SystemChance().next() }
                        seen.note { $0.now -= 1 }
                    }
                }
            }
        }
        #expect((1...3).contains(seen.note { $0.most }))
        #expect(seen.note { $0.now } == 0)
        await pool.stop()
    }

    @Test func whatABlockingCallThrowsArrives() async {
        let pool = Pool(name: "test", threads: 1)
        let failure = await #expect(throws: Failure.self) {
            try await pool.run { () throws(Failure) -> Int in throw .notFound("thing", "7") }
        }
        #expect(failure?.kind == .notFound)
        await pool.stop()
    }

    @Test func aTaskMayPreferAPool() async {
        let pool = Pool(name: "test", threads: 1)
        let sum = await Task(executorPreference: pool) {
            var sum = 0
            for value in 0..<10 {
                await Task.yield()
                sum += value
            }
            return sum
        }.value
        #expect(sum == 45)
        await pool.stop()
    }
}
