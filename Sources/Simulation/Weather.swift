import Base
import Bus
import Cloud
import ComputeNode
import HTTP
import Synchronization

/// What goes wrong, and how often: each as so many of a hundred.
struct Odds: Sendable {
    /// A message that never arrives.
    var lostMessages = 0
    /// An answer that never arrives: what was asked for is done.
    var lostAnswers = 0
    /// A message that arrives twice.
    var doubledMessages = 0
    /// A message, or a request between services, that is late by seconds.
    var late = 0
    /// A request between services that never arrives, or whose answer doesn't.
    var lostRequests = 0
    /// Orders to guests that a node fails, or carries out without an answer, or by which the guest dies.
    var failingNodes = 0
    /// Writes to the database's disk that fail, and syncs of it.
    var failingWrites = 0
    var failingSyncs = 0
    /// Writes from which on there is no room for a while.
    var fullDisk = 0

    static let calm = Odds()

    /// Some days nothing happens, on others everything at once.
    static func drawn(by chance: any Chance) -> Odds {
        let draw = { (most: Int) in chance.below(3) == 0 ? 0 : chance.below(most + 1) }
        return Odds(
            lostMessages: draw(10), lostAnswers: draw(10), doubledMessages: draw(20), late: draw(20),
            lostRequests: draw(10), failingNodes: draw(10), failingWrites: draw(1), failingSyncs: draw(2),
            fullDisk: draw(1))
    }
}

/// The odds as they are now, and chance, which decides by them.
final class Weather: Sendable {
    private let odds = Mutex(Odds.calm)
    private let chance: any Chance
    private let history: History

    init(chance: any Chance, history: History) {
        self.chance = chance
        self.history = history
    }

    var now: Odds {
        get { odds.withLock { $0 } }
        set { odds.withLock { $0 = newValue } }
    }

    func strikes(_ odds: KeyPath<Odds, Int>, _ what: @autoclosure () -> String) -> Bool {
        let percent = now[keyPath: odds]
        guard percent > 0, chance.below(100) < percent else { return false }
        history.note("! \(what())")
        return true
    }

    /// How long something is late.
    var delay: Duration { .milliseconds(1 + chance.below(8_000)) }
}

/// A bus on which messages are lost, late and doubled, as on a real one whose broker is restarted.
struct UnreliableBus: Bus {
    let bus: LocalBus
    let weather: Weather
    let clock: any Clock

    func call<Request, Answer>(
        _ message: Message<Request, Answer>, on host: String?, _ request: Request, deadline: Duration
    ) async throws(Failure) -> Answer {
        if weather.strikes(\.late, "late: \(message.name)") { try await wait(weather.delay) }
        if weather.strikes(\.lostMessages, "lost: \(message.name)") { throw try await silence(deadline, message.name) }
        if weather.strikes(\.doubledMessages, "doubled: \(message.name)") {
            _ = try await bus.call(message, on: host, request, deadline: deadline)
        }
        let answer = try await bus.call(message, on: host, request, deadline: deadline)
        if weather.strikes(\.lostAnswers, "lost the answer to: \(message.name)") {
            throw try await silence(deadline, message.name)
        }
        return answer
    }

    func cast<Request>(
        _ message: Message<Request, Nothing>, on host: String?, _ request: Request
    ) async throws(Failure) {
        if weather.strikes(\.lostMessages, "lost: \(message.name)") { return }
        if weather.strikes(\.doubledMessages, "doubled: \(message.name)") {
            try await bus.cast(message, on: host, request)
        }
        try await bus.cast(message, on: host, request)
    }

    func fanout<Request>(_ message: Message<Request, Nothing>, _ request: Request) async throws(Failure) {
        if weather.strikes(\.lostMessages, "lost: \(message.name)") { return }
        try await bus.fanout(message, request)
    }

    func serve<Request, Answer>(
        _ message: Message<Request, Answer>, on host: String?,
        _ handler: @escaping @Sendable (Request) async throws -> Answer
    ) {
        bus.serve(message, on: host, handler)
    }

    /// The caller waits as long as it would, and hears nothing.
    private func silence(_ deadline: Duration, _ name: String) async throws(Failure) -> Failure {
        try await wait(deadline)
        return Failure(.timedOut, "Nobody answered \"\(name)\" within \(deadline).")
    }

    private func wait(_ duration: Duration) async throws(Failure) {
        do { try await clock.sleep(for: duration) } catch { throw Failure(error) }
    }
}

extension Weather {
    /// The way of requests between services.
    func road(_ clock: any Clock) -> Ground.Road {
        { request, arrive throws(Failure) in
            let name = "\(request.method) \(request.path)"
            if self.strikes(\.late, "late: \(name)") {
                do { try await clock.sleep(for: self.delay) } catch { throw Failure(error) }
            }
            if self.strikes(\.lostRequests, "lost: \(name)") { throw .unavailable("The connection was refused.") }
            let response = await arrive(request)
            if self.strikes(\.lostRequests, "lost the answer to: \(name)") {
                throw .unavailable("The connection was reset.")
            }
            return response
        }
    }

    /// The same odds in a simulated node's own terms.
    var faults: Faults {
        let millionths = now.failingNodes * 10_000
        return Faults(failing: millionths, unheard: millionths, killing: millionths / 4)
    }
}
