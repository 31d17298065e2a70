import Base
import Glibc

/// The moment by which something must be done, on the machine's steady clock (setting the time of day doesn't move it).
///
///     let reply = try await stream.read(by: .after(.seconds(5)))
///
/// It is a point and not a length, so that one limit can be handed through all the steps of an operation.
package struct Deadline: Sendable, Comparable {
    /// Of the steady clock.
    let microseconds: Int64

    package static let never = Deadline(microseconds: .max)

    package static func after(_ duration: Duration) -> Deadline { now + duration }

    package static var now: Deadline {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Deadline(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }

    /// From now on; less than nothing when it is over.
    package var left: Duration { .microseconds(microseconds - Deadline.now.microseconds) }

    package static func < (left: Deadline, right: Deadline) -> Bool { left.microseconds < right.microseconds }

    package static func + (start: Deadline, duration: Duration) -> Deadline {
        let (sum, overflow) = start.microseconds.addingReportingOverflow(duration.microseconds)
        return overflow ? .never : Deadline(microseconds: sum)
    }
}

/// How long to wait, worked out once for something that is waited for with every message.
package struct Patience: Sendable {
    let microseconds: Int64

    package init(_ duration: Duration) { microseconds = duration.microseconds }
}

extension Deadline {
    static func + (start: Deadline, patience: Patience) -> Deadline {
        Deadline(microseconds: start.microseconds &+ patience.microseconds)
    }
}
