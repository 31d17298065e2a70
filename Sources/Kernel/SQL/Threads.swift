import Base
import Glibc

/// What waits for a thread of the database: in order, and no more of it than there is room for.
final class Queue<Item: Sendable>: @unchecked Sendable {  // every field but `room` is guarded by `lock`
    private let room: Int
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let arrival = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var items: [Item] = []
    private var head = 0
    private var idle = 0
    private var closed = false

    init(room: Int) {
        self.room = room
        pthread_mutex_init(lock, nil)
        pthread_cond_init(arrival, nil)
    }

    deinit {
        pthread_cond_destroy(arrival)
        pthread_mutex_destroy(lock)
        arrival.deallocate()
        lock.deallocate()
    }

    private func locked<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return body()
    }

    /// Nil when it was taken in; otherwise what to tell the caller.
    ///
    /// Whoever waits is woken when the lock is free again, or it would wake only to wait once more.
    func put(_ item: Item) -> Failure? {
        var somebodyWaits = false
        let refusal = locked { () -> Failure? in
            if closed { return .unavailable("The database is closed.") }
            if items.count - head >= room { return .unavailable("The database has too much to do. Please try again.") }
            items.append(item)
            somebodyWaits = idle > 0
            return nil
        }
        if somebodyWaits { pthread_cond_signal(arrival) }
        return refusal
    }

    /// Waits for something to do. Nothing comes only when the queue is closed and empty.
    func take(atMost most: Int) -> ArraySlice<Item> {
        locked {
            while items.count == head {
                if closed { return [] }
                idle += 1
                pthread_cond_wait(arrival, lock)
                idle -= 1
            }
            return removeFirst(most)
        }
    }

    private func removeFirst(_ most: Int) -> ArraySlice<Item> {
        let end = min(items.count, head + most)
        let taken = items[head..<end]
        head = end
        if head == items.count {
            items = []
            head = 0
        } else if head > 1_024 {
            items.removeFirst(head)
            head = 0
        }
        return taken
    }

    /// What is in it already is still handed out.
    func close() {
        locked {
            closed = true
            pthread_cond_broadcast(arrival)
        }
    }
}

/// A thread of the database, for the calls that block. It ends when its body does.
enum Thread {
    private final class Start {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    static func start(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let start = Unmanaged.passRetained(Start(body))
        let result = pthread_create(&thread, nil, { Thread.enter($0) }, start.toOpaque())
        precondition(result == 0, "no thread can be started: \(String(cString: strerror(result)))")
        pthread_detach(thread)
    }

    private static func enter(_ start: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let start else { return nil }
        Unmanaged<Start>.fromOpaque(start).takeRetainedValue().body()
        return nil
    }
}
