import CSystem
import Glibc

/// Starts a thread of the system's that runs `body` and ends.
///
/// It is never joined: whoever needs to know of its end is told by the body itself, so that nobody waits blocking.
package func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
    final class Box {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    defer { pthread_attr_destroy(&attributes) }
    let box = Unmanaged.passRetained(Box(name: name, body: body))
    var thread = pthread_t()
    let result = pthread_create(
        &thread, &attributes,
        { raw in
            guard let raw else { return nil }
            let box = Unmanaged<Box>.fromOpaque(raw).takeRetainedValue()
            system_name_thread(box.name)
            box.body()
            return nil
        }, box.toOpaque())
    precondition(result == 0, "The system gives no more threads (\(String(cString: strerror(result)))).")
}
