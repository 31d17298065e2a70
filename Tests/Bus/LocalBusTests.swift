import Base
import Bus
import Synchronization
import Testing

@Suite struct LocalBusTests {
    let bus = LocalBus(clock: SystemClock())
    let double = Message<JSON, JSON>(topic: "sums", name: "double")
    let note = Message<JSON, Nothing>(topic: "notes", name: "note")

    @Test func aCallIsAnswered() async throws {
        bus.serve(double) { .integer(($0.integer ?? 0) * 2) }
        #expect(try await bus.call(double, 21, deadline: .seconds(5)) == 42)
    }

    @Test func aFailureComesBackAsItIs() async {
        bus.serve(double) { _ in throw Failure.conflict("taken") }
        let failure = await #expect(throws: Failure.self) { try await bus.call(double, 1, deadline: .seconds(5)) }
        #expect(failure?.kind == .conflict)
        #expect(failure?.message == "taken")
    }

    @Test func nobodyThereIsUnavailable() async {
        let failure = await #expect(throws: Failure.self) {
            try await bus.call(double, on: "elsewhere", 1, deadline: .seconds(5))
        }
        #expect(failure?.kind == .unavailable)
    }

    @Test func aCallEndsAtItsDeadline() async {
        bus.serve(double) { _ in
            try await SystemClock().sleep(for: .seconds(60))
            return 0
        }
        let failure = await #expect(throws: Failure.self) { try await bus.call(double, 1, deadline: .milliseconds(20)) }
        #expect(failure?.kind == .timedOut)
    }

    @Test func whatIsCastIsCarriedOutOnTheRightHost() async throws {
        let seen = Mutex<[String]>([])
        for host in ["one", "two"] {
            bus.serve(note, on: host) { text in
                seen.withLock { $0.append("\(host): \(text.string ?? "")") }
                return Nothing()
            }
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await bus.run() }
            try? await bus.cast(note, on: "two", "hello")
            try? await bus.fanout(note, "all")
            while seen.withLock({ $0.count }) < 3 { await Task.yield() }
            group.cancelAll()
        }
        #expect(Set(seen.withLock { $0 }) == ["two: hello", "one: all", "two: all"])
    }
}
