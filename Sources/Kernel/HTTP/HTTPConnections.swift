import IO
import Synchronization

/// The connections of a server: each has one task, owned here and waited for at the end.
final class HTTPConnections: Sendable {
    private struct State {
        var open: [ObjectIdentifier: (connection: HTTPConnection, task: Task<Void, Never>)] = [:]
        /// Cut short when the last connection goes.
        var wait: Task<Void, Never>?
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    /// Serves the connection, or hangs up if there are too many already.
    func admit(_ connection: HTTPConnection) {
        state.withLock { state in
            let hasRoom = state.open.count < limit
            let task = Task(executorPreference: connection.socket.loop) {
                if hasRoom { await connection.serve() } else { await connection.turnAway() }
                self.remove(connection)
            }
            state.open[ObjectIdentifier(connection)] = (connection, task)
        }
    }

    private func remove(_ connection: HTTPConnection) {
        state.withLock { state in
            state.open[ObjectIdentifier(connection)] = nil
            if state.open.isEmpty { state.wait?.cancel() }
        }
    }

    private var open: [(connection: HTTPConnection, task: Task<Void, Never>)] {
        state.withLock { Array($0.open.values) }
    }

    /// Waits for what is in flight, for so long; then cancels it.
    func stop(within limit: Duration, on loop: Loop) async {
        for (connection, _) in open { await connection.stop() }
        await waitUntilEmpty(limit, on: loop)
        for (connection, task) in open {
            task.cancel()
            await connection.abort()
        }
        await waitUntilEmpty(HTTPConnections.grace, on: loop)
    }

    /// For handlers to notice that they are cancelled.
    private static let grace = Duration.seconds(1)

    private func waitUntilEmpty(_ limit: Duration, on loop: Loop) async {
        let wait = state.withLock { state -> Task<Void, Never>? in
            guard !state.open.isEmpty else { return nil }
            let wait = Task(executorPreference: loop) { _ = try? await loop.sleep(for: limit) }
            state.wait = wait
            return wait
        }
        await wait?.value
    }
}
