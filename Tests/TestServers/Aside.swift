import Foundation

/// What blocks gets a thread of its own: the tests share a few, and some of them count seconds.
package enum Aside {
    package static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { caller in
            Thread.detachNewThread { caller.resume(with: Result { try body() }) }
        }
    }
}
