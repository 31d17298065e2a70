package import Base
import Synchronization

/// `Sat, 21 Nov 2026 02:30:31 GMT`
package enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    package static func text(_ moment: Moment) -> String {
        let seconds = max(0, moment.seconds)
        let date = CivilDate(daysSince1970: seconds / 86_400)
        let time = [seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60].map(twoDigits).joined(separator: ":")
        let day = "\(days[Int(seconds / 86_400 % 7)]), \(twoDigits(date.day))"
        return "\(day) \(months[Int(date.month) - 1]) \(date.year) \(time) GMT"
    }

    private static func twoDigits(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

/// The Date header's line, made once a second for all connections.
final class HTTPDateLine: Sendable {
    private let clock: any Clock
    private let made = Mutex<(second: Int64, line: [UInt8])>((-1, []))

    init(clock: any Clock) { self.clock = clock }

    func append(to output: inout [UInt8]) {
        let now = clock.now
        let line = made.withLock { made in
            if made.second != now.seconds { made = (now.seconds, Array("Date: \(HTTPDate.text(now))\r\n".utf8)) }
            return made.line
        }
        output.append(contentsOf: line)
    }
}
