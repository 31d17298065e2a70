import Base

/// The body's result, or a failure when time is up. Then the body is cancelled, and waited for.
func within<Value: Sendable>(
    _ limit: Duration, of clock: any Clock, _ name: String,
    _ body: @escaping @Sendable () async throws(Failure) -> Value
) async throws(Failure) -> Value {
    let result = await withTaskGroup(of: Result<Value, Failure>.self) { group in
        group.addTask { () async -> Result<Value, Failure> in
            do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
        }
        group.addTask {
            try? await clock.sleep(for: limit)
            return .failure(Failure(.timedOut, "Nobody answered \"\(name)\" within \(limit)."))
        }
        let first = await group.next() ?? .failure(.bug("No answer."))
        group.cancelAll()
        return first
    }
    return try result.get()
}
