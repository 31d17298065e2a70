import Base
import Synchronization

/// One verb at a time for each stored thing, in the order in which they came; other things don't wait.
final class Turns: Sendable {
    private let lines = Mutex<[String: [UnsafeContinuation<Void, Never>]]>([:])

    func take<Value>(_ name: String, _ body: () async throws(Failure) -> Value) async throws(Failure) -> Value {
        await begin(name)
        defer { end(name) }
        return try await body()
    }

    private func begin(_ name: String) async {
        await withUnsafeContinuation { (waiter: UnsafeContinuation<Void, Never>) in
            let isFree = lines.withLock { lines in
                guard lines[name] == nil else {
                    lines[name]?.append(waiter)
                    return false
                }
                lines[name] = []
                return true
            }
            if isFree { waiter.resume() }
        }
    }

    private func end(_ name: String) {
        let next = lines.withLock { lines -> UnsafeContinuation<Void, Never>? in
            guard lines[name]?.isEmpty == false else {
                lines[name] = nil
                return nil
            }
            return lines[name]?.removeFirst()
        }
        next?.resume()
    }
}
