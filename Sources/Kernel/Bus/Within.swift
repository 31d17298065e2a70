import Base
import Synchronization

/// The body's result, or a failure when time is up. Then the body is cancelled, and waited for.
///
/// The body begins at once, on its caller's thread. Somebody watches the clock only when it has to wait: most answers
/// of a neighbour in the same process are there before anybody could have looked.
func within<Value: Sendable>(
    _ limit: Duration, of clock: any Clock, _ name: String,
    _ body: @escaping @Sendable () async throws(Failure) -> Value
) async throws(Failure) -> Value {
    let result = await withTaskGroup(of: Result<Value, Failure>.self) { group in
        let end = End()
        group.addImmediateTask { () async -> Result<Value, Failure> in
            defer { end.isReached.store(true, ordering: .relaxed) }
            do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
        }
        if !end.isReached.load(ordering: .relaxed) {
            group.addTask {
                try? await clock.sleep(for: limit)
                return .failure(Failure(.timedOut, "Nobody answered \"\(name)\" within \(limit)."))
            }
        }
        let first = await group.next() ?? .failure(.bug("No answer."))
        group.cancelAll()
        return first
    }
    return try result.get()
}

private final class End: Sendable {
    let isReached = Atomic(false)
}
