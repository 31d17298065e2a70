import Glibc

/// A point in time, in microseconds since 1970, UTC.
package struct Moment: Hashable, Comparable, Sendable {
    package let microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }
    package init(seconds: Int64) { microseconds = seconds * 1_000_000 }

    package var seconds: Int64 { microseconds / 1_000_000 }

    package static func < (left: Moment, right: Moment) -> Bool { left.microseconds < right.microseconds }
    package static func + (moment: Moment, duration: Duration) -> Moment {
        Moment(microseconds: moment.microseconds + duration.microseconds)
    }
    package static func - (moment: Moment, duration: Duration) -> Moment {
        Moment(microseconds: moment.microseconds - duration.microseconds)
    }
    package static func - (end: Moment, start: Moment) -> Duration {
        .microseconds(end.microseconds - start.microseconds)
    }
}

extension Duration {
    package var microseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}

/// What time it is and how to wait. A parameter, so that a test can let a day pass at once.
package protocol Clock: Sendable {
    var now: Moment { get }
    func sleep(for duration: Duration) async throws(CancellationError)
}

package struct SystemClock: Clock {
    package init() {}

    package var now: Moment {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Moment(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }

    package func sleep(for duration: Duration) async throws(CancellationError) {
        do { try await Task.sleep(for: duration) } catch { throw CancellationError() }
    }
}

/// Time and chance: what a service needs of the world besides its neighbours.
package struct World: Sendable {
    package let clock: any Clock
    package let chance: any Chance

    package init(clock: any Clock = SystemClock(), chance: any Chance = SystemChance()) {
        self.clock = clock
        self.chance = chance
    }

    package var now: Moment { clock.now }
}
