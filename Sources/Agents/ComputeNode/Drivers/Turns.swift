import Base
import Synchronization

/// One verb at a time for each guest, in the order in which they came; other guests don't wait.
///
/// A waiting verb doesn't end when its task is cancelled: the one before it has its own limit.
final class Turns: Sendable {
    /// Those who wait, for each guest that somebody has in hand.
    private let lines = Mutex<[GuestID: [UnsafeContinuation<Void, Never>]]>([:])

    func take<Value>(_ id: GuestID, _ body: () async throws(Failure) -> Value) async throws(Failure) -> Value {
        await begin(id)
        defer { end(id) }
        return try await body()
    }

    private func begin(_ id: GuestID) async {
        await withUnsafeContinuation { (waiter: UnsafeContinuation<Void, Never>) in
            let isFree = lines.withLock { lines in
                guard lines[id] == nil else {
                    lines[id]?.append(waiter)
                    return false
                }
                lines[id] = []
                return true
            }
            if isFree { waiter.resume() }
        }
    }

    private func end(_ id: GuestID) {
        let next = lines.withLock { lines -> UnsafeContinuation<Void, Never>? in
            guard lines[id]?.isEmpty == false else {
                lines[id] = nil
                return nil
            }
            return lines[id]?.removeFirst()
        }
        next?.resume()
    }
}
