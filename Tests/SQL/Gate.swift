import Foundation

/// Something that a transaction's closure waits for, so that a test decides what happens meanwhile.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    func wait() { semaphore.wait() }
    func open() { semaphore.signal() }
}
