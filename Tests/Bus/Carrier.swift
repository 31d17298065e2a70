import AMQP
import Base
import Foundation
import IO
import TestServers
import Testing
import Trace

@testable import Bus

/// What messages can go over. What is promised is promised for each of them.
enum Carrier: String, Sendable, CustomTestStringConvertible {
    case local, rabbitmq

    var testDescription: String { rawValue }

    /// With a bus that runs. `another` is the same to another process: the bus itself where there is but one.
    func withBuses(_ body: (_ bus: any Bus, _ another: any Bus) async throws -> Void) async throws {
        switch self {
        case .local:
            let bus = LocalBus(clock: SystemClock())
            try await running([{ await bus.run() }]) { try await body(bus, bus) }
        case .rabbitmq:
            try await withRabbits(2) { buses in try await body(buses[0], buses[1]) }
        }
    }
}

/// As many processes' buses on one broker.
func withRabbits(
    _ count: Int, at place: KeyPath<RabbitMQ, String> = \.address, _ body: ([RabbitBus]) async throws -> Void
) async throws {
    let broker = try await RabbitMQ.running()
    let loops = Loops(count: 2)
    let buses = try (0..<count).map { number in
        // Patient, for a broker takes its time to start where others need the cores.
        try RabbitBus(
            try AMQPAddress(broker[keyPath: place]), name: "process \(number)", on: loops, patience: .seconds(300),
            world: World(),
            log: Log(style: ProcessInfo.isTalking ? .people : .silent))
    }
    let result: Result<Void, any Error>
    do {
        try await running(buses.map { bus in { await bus.run() } }) { try await body(buses) }
        result = .success(())
    } catch { result = .failure(error) }
    await loops.stop()
    try result.get()
}

private func running(_ lives: [@Sendable () async -> Void], _ body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for life in lives { group.addTask { await life() } }
        try await body()
        group.cancelAll()
    }
}

/// A topic that no other test uses.
func topic() -> String { "test" + Hex.text(SystemChance().bytes(6)) }

/// Waits for something that happens elsewhere. It ends with the test's own limit.
func until(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: .milliseconds(20)) }
}

extension ProcessInfo {
    /// Whether the buses say what happens to them.
    static var isTalking: Bool { processInfo.environment["MARTLET_BUS_LOG"] != nil }

    static var messages: Int? { processInfo.environment["MARTLET_BUS_MESSAGES"].flatMap { Int($0) } }
}
