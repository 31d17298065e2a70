import Base

/// How long this machine has been up, as its own command says it: ` 12:47:30 up 3 days,  2:04,  0 users,  load average: …`.
enum Uptime {
    /// Nil where the system doesn't tell.
    static func text(at now: Moment) -> String? {
        guard let up = words("/proc/uptime").first.flatMap({ Double($0) }) else { return nil }
        let load = words("/proc/loadavg").prefix(3).joined(separator: ", ")
        let time = Timestamp.bareSeconds.text(now).suffix(8)
        return " \(time) up \(span(Int(up))),  0 users,  load average: \(load)"
    }

    private static func words(_ path: String) -> [Substring] {
        guard let bytes = try? Files.read(path) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\n" }
    }

    /// `3 days,  2:04`, or `12 min` within the first hour.
    private static func span(_ seconds: Int) -> String {
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60)
        let padded = minutes < 10 ? "0\(minutes)" : "\(minutes)"
        let clock = hours > 0 ? "\(hours):\(padded)" : "\(minutes) min"
        return days > 0 ? "\(days) day\(days == 1 ? "" : "s"),  \(clock)" : clock
    }
}
