import AMQP
import Base
import Bus
import Foundation
import IO
import Synchronization
import TestServers
import Testing
import Trace

/// What every bus promises, whatever carries it.
enum BusPromises {
    static func aCallIsAnswered(_ carrier: Carrier) async throws {
        let double = Message<JSON, JSON>(topic: topic(), name: "double")
        try await carrier.withBuses { bus, another in
            another.serve(double) { .integer(($0.integer ?? 0) * 2) }
            try await served(double, on: another)
            let answer = try await bus.call(double, 21, deadline: .seconds(20))
            #expect(answer == 42)
        }
    }

    /// What a process serves itself it reaches at once; another process reaches it a moment later.
    private static func served(_ message: Message<JSON, JSON>, on bus: any Bus) async throws {
        _ = try await bus.call(message, 0, deadline: .seconds(30))
    }

    static func aFailureComesBackAsItIs(_ carrier: Carrier) async throws {
        let double = Message<JSON, JSON>(topic: topic(), name: "double")
        try await carrier.withBuses { bus, another in
            another.serve(double) { number in
                guard number != 0 else { return 0 }
                throw Failure(.conflict, "taken", name: "Taken")
            }
            try await served(double, on: another)
            let failure = await #expect(throws: Failure.self) {
                try await bus.call(double, 1, deadline: .seconds(20))
            }
            #expect(failure?.kind == .conflict)
            #expect(failure?.message == "taken")
            #expect(failure?.name == "Taken")
        }
    }

    static func nobodyThereIsUnavailable(_ carrier: Carrier) async throws {
        let double = Message<JSON, JSON>(topic: topic(), name: "double")
        let note = Message<JSON, Nothing>(topic: double.topic, name: "note")
        try await carrier.withBuses { bus, _ in
            let failure = await #expect(throws: Failure.self) {
                try await bus.call(double, on: "elsewhere", 1, deadline: .seconds(20))
            }
            #expect(failure?.kind == .unavailable)
            let other = await #expect(throws: Failure.self) { try await bus.cast(note, on: "elsewhere", 1) }
            #expect(other?.kind == .unavailable)
        }
    }

    static func aCallEndsAtItsDeadline(_ carrier: Carrier) async throws {
        let double = Message<JSON, JSON>(topic: topic(), name: "double")
        try await carrier.withBuses { bus, another in
            another.serve(double) { number in
                if number != 0 { try await SystemClock().sleep(for: .seconds(60)) }
                return 0
            }
            try await served(double, on: another)
            let failure = await #expect(throws: Failure.self) {
                try await bus.call(double, 1, deadline: .milliseconds(20))
            }
            #expect(failure?.kind == .timedOut)
        }
    }

    static func whatIsCastIsCarriedOutOnTheRightHost(_ carrier: Carrier) async throws {
        let note = Message<JSON, Nothing>(topic: topic(), name: "note")
        let ready = Message<JSON, JSON>(topic: note.topic, name: "ready")
        try await carrier.withBuses { bus, another in
            let seen = Mutex<[String]>([])
            for (host, place) in [("one", bus), ("two", another)] {
                place.serve(note, on: host) { text in
                    seen.withLock { $0.append("\(host): \(text.string ?? "")") }
                    return Nothing()
                }
                place.serve(ready, on: host) { $0 }
                _ = try await place.call(ready, on: host, 1, deadline: .seconds(30))
            }
            try await bus.cast(note, on: "two", "hello")
            try await bus.fanout(note, "all")
            try await until { seen.withLock { $0.count } == 3 }
            #expect(Set(seen.withLock { $0 }) == ["two: hello", "one: all", "two: all"])
        }
    }

    /// Each span below the one that caused it, in one trace, under one request.
    static func aStoryGoesOnWhereItsMessagesCome(_ carrier: Carrier) async throws {
        let outer = Message<JSON, JSON>(topic: topic(), name: "outer")
        let inner = Message<JSON, JSON>(topic: topic(), name: "inner")
        try await carrier.withBuses { bus, another in
            let requests = Mutex<[String]>([])
            bus.serve(inner) { number in
                requests.withLock { $0.append(Tracing.current?.requestID ?? "none") }
                return number
            }
            another.serve(outer) { number in try await another.call(inner, number, deadline: .seconds(20)) }
            try await served(inner, on: bus)
            try await served(outer, on: another)
            let world = World()
            let tracing = Tracing(trace: 7, actor: "test", requestID: "req-1", collector: Collector(), world: world)
            _ = try await Tracing.$current.withValue(tracing) {
                try await bus.call(outer, 5, deadline: .seconds(20))
            }
            let spans = tracing.take()
            #expect(requests.withLock { $0.last } == "req-1")
            #expect(Set(spans.map(\.trace)) == [7])
            let kinds = spans.map { "\($0.kind.rawValue) \($0.name)" }
            #expect(kinds == ["serve inner", "call inner", "serve outer", "call outer"])
            for (span, cause) in zip(spans, spans.dropFirst()) { #expect(span.parent == cause.id) }
        }
    }
}

@Suite struct LocalBusTests {
    @Test func aCallIsAnswered() async throws { try await BusPromises.aCallIsAnswered(.local) }
    @Test func aFailureComesBackAsItIs() async throws { try await BusPromises.aFailureComesBackAsItIs(.local) }
    @Test func nobodyThereIsUnavailable() async throws { try await BusPromises.nobodyThereIsUnavailable(.local) }
    @Test func aCallEndsAtItsDeadline() async throws { try await BusPromises.aCallEndsAtItsDeadline(.local) }
    @Test func whatIsCastIsCarriedOutOnTheRightHost() async throws {
        try await BusPromises.whatIsCastIsCarriedOutOnTheRightHost(.local)
    }
    @Test func aStoryGoesOnWhereItsMessagesCome() async throws {
        try await BusPromises.aStoryGoesOnWhereItsMessagesCome(.local)
    }
}

/// The same, between two connections to a broker; and what a broker makes necessary besides.
@Suite(.enabled(if: RabbitMQ.isInstalled, "rabbitmq-server is not installed"), .serialized, .timeLimit(.minutes(15)))
struct RabbitBusLongTests {
    @Test func aCallIsAnswered() async throws { try await BusPromises.aCallIsAnswered(.rabbitmq) }
    @Test func aFailureComesBackAsItIs() async throws { try await BusPromises.aFailureComesBackAsItIs(.rabbitmq) }
    @Test func nobodyThereIsUnavailable() async throws { try await BusPromises.nobodyThereIsUnavailable(.rabbitmq) }
    @Test func aCallEndsAtItsDeadline() async throws { try await BusPromises.aCallEndsAtItsDeadline(.rabbitmq) }
    @Test func whatIsCastIsCarriedOutOnTheRightHost() async throws {
        try await BusPromises.whatIsCastIsCarriedOutOnTheRightHost(.rabbitmq)
    }
    @Test func aStoryGoesOnWhereItsMessagesCome() async throws {
        try await BusPromises.aStoryGoesOnWhereItsMessagesCome(.rabbitmq)
    }

    @Test func oneOfSeveralProcessesTakesWhatIsForAnybody() async throws {
        let note = Message<JSON, Nothing>(topic: topic(), name: "note")
        try await withRabbits(3) { buses in
            let seen = Mutex<[Int64: [Int]]>([:])
            for (index, bus) in buses.enumerated() {
                bus.serve(note) { number in
                    seen.withLock { $0[number.integer ?? 0, default: []].append(index) }
                    return Nothing()
                }
            }
            try await buses[0].cast(note, on: nil, 0)
            for number in 1..<100 { try await buses[number % 3].cast(note, on: nil, JSON(number)) }
            try await until { seen.withLock { $0.count } == 100 }
            #expect(seen.withLock { $0.values.allSatisfy { $0.count == 1 } })
        }
    }

    @Test func callsAndTheirAnswersGoOverTLS() async throws {
        let echo = Message<JSON, JSON>(topic: topic(), name: "echo")
        try await withRabbits(2, at: \.secureAddress) { buses in
            buses[0].serve(echo) { $0 }
            // Larger than a record of TLS, and than a frame.
            let text = JSON.string(String(repeating: "tls ", count: 100_000))
            let answer = try await buses[1].call(echo, text, deadline: .seconds(60))
            #expect(answer == text)
        }
    }

    @Test func aBrokerThatNobodyVouchesForIsNotSpokenTo() async throws {
        let broker = try await RabbitMQ.running()
        let address = try AMQPAddress(broker.doubtfulAddress)
        let loops = Loops(count: 1)
        let failure = await #expect(throws: Failure.self) {
            _ = try await AMQPConnection.open(
                address, on: loops, name: "doubt", trust: try TLSTrust(), by: .after(.seconds(60)))
        }
        await loops.stop()
        #expect(failure?.message.contains("certificate verify failed") == true)
    }

    @Test func aMessageOfManyFramesArrivesWhole() async throws {
        let echo = Message<JSON, JSON>(topic: topic(), name: "echo")
        let text = JSON.string(String(repeating: "Größe ", count: 200_000))
        try await withRabbits(1) { buses in
            buses[0].serve(echo) { $0 }
            let answer = try await buses[0].call(echo, text, deadline: .seconds(60))
            #expect(answer == text)
        }
    }

    /// What a message waits for longer than it is good for is kept where somebody can look at it.
    @Test func whatNobodyTakesInTimeIsADeadLetter() async throws {
        let work = Message<JSON, JSON>(topic: topic(), name: "work")
        try await withRabbits(1) { buses in
            buses[0].serve(work, on: "gone") { $0 }
            _ = try await buses[0].call(work, on: "gone", 1, deadline: .seconds(30))
        }
        try await withRabbits(1) { buses in
            let before = try await letters(buses[0])
            // The queue is there, and nobody serves it any more.
            let failure = await #expect(throws: Failure.self) {
                try await buses[0].call(work, on: "gone", 2, deadline: .milliseconds(300))
            }
            #expect(failure?.kind == .timedOut)
            try await until { try await letters(buses[0]) == before + 1 }
        }
    }

    private func letters(_ bus: RabbitBus) async throws -> Int {
        while true {
            if let count = await bus.deadLetters() { return count }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// RabbitMQ 3.10 writes half a second later which quorum queues it has. One that is younger when its process is
    /// killed comes back without a leader, and nobody can use it.
    private func untilTheBrokerHasNotedItsQueues() async throws { try await Task.sleep(for: .seconds(2)) }

    /// Calls that are under way when the broker dies are answered, and each is handled once.
    @Test func callsOutliveTheBroker() async throws {
        let slow = Message<JSON, JSON>(topic: topic(), name: "slow")
        try await withRabbits(2) { buses in
            let handled = Mutex<[Int64: Int]>([:])
            buses[1].serve(slow) { number in
                handled.withLock { $0[number.integer ?? 0, default: 0] += 1 }
                if number != 0 { try await Task.sleep(for: .seconds(2)) }
                return number
            }
            _ = try await buses[1].call(slow, 0, deadline: .seconds(30))
            try await untilTheBrokerHasNotedItsQueues()
            try await withThrowingTaskGroup(of: JSON.self) { group in
                for number in 1...50 {
                    group.addTask { try await buses[0].call(slow, JSON(number), deadline: .seconds(240)) }
                }
                try await until { handled.withLock { $0.count } == 51 }
                try await RabbitMQ.running().kill()
                var sum: Int64 = 0
                for try await answer in group { sum += answer.integer ?? 0 }
                #expect(sum == 1_275)
            }
            #expect(handled.withLock { $0.values.allSatisfy { $0 == 1 } })
            #expect(buses[0].counts.connections == 2)
        }
    }

    /// `MARTLET_BUS_MESSAGES` says how many; a hundred thousand take minutes on a small machine.
    @Test func nothingIsLostOrDoneTwiceWhenTheBrokerDies() async throws {
        let total = ProcessInfo.messages ?? 20_000
        let note = Message<JSON, Nothing>(topic: topic(), name: "note")
        try await withRabbits(2) { buses in
            let seen = Mutex<[UInt8]>([UInt8](repeating: 0, count: total + 1))
            let count = Atomic(0)
            buses[1].serve(note, on: "b") { number in
                let isNew = seen.withLock { seen -> Bool in
                    seen[Int(number.integer ?? 0)] += 1
                    return seen[Int(number.integer ?? 0)] == 1
                }
                if isNew { count.add(1, ordering: .relaxed) }
                return Nothing()
            }
            try await buses[1].cast(note, on: "b", 0)
            try await untilTheBrokerHasNotedItsQueues()
            let numbers = Numbers()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        while true {
                            let number = numbers.next()
                            guard number <= total else { return }
                            if number == total / 2 { try await RabbitMQ.running().kill() }
                            try await buses[0].cast(note, on: "b", JSON(number))
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await until { count.load(ordering: .relaxed) == total + 1 }
            let most = seen.withLock { $0.max() }
            #expect(most == 1)
            #expect(buses[0].counts.connections == 2)
        }
    }
}

/// One after the other, for many.
private final class Numbers: Sendable {
    private let last = Atomic(0)

    func next() -> Int { last.add(1, ordering: .relaxed).newValue }
}
