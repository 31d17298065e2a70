package import Base
import Glibc

/// What operators read when something is wrong: lines for people on a terminal, JSON for collectors otherwise.
package struct Log: Sendable {
    package enum Level: Int, Sendable, Comparable {
        case debug, info, warning, error

        package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

        var text: String {
            switch self {
            case .debug: "debug"
            case .info: "info"
            case .warning: "warning"
            case .error: "error"
            }
        }
    }

    package enum Style: Sendable { case people, json, silent }

    private let style: Style
    private let level: Level
    private let clock: any Clock

    package init(style: Style, level: Level = .info, clock: any Clock = SystemClock()) {
        self.style = style
        self.level = level
        self.clock = clock
    }

    package static let silent = Log(style: .silent)

    package func debug(_ message: @autoclosure () -> String) { write(.debug, message) }
    package func info(_ message: @autoclosure () -> String) { write(.info, message) }
    package func warning(_ message: @autoclosure () -> String) { write(.warning, message) }
    package func error(_ message: @autoclosure () -> String) { write(.error, message) }

    private func write(_ level: Level, _ message: () -> String) {
        guard style != .silent, level >= self.level else { return }
        let time = Timestamp.identity.text(clock.now)
        var line: String
        if style == .people {
            line = "\(time) \(level.text): \(message())\n"
        } else {
            var json = JSONWriter()
            json.object {
                $0.put("time", time)
                $0.put("level", level.text)
                $0.put("message", message())
            }
            line = json.finishText() + "\n"
        }
        // One write a line, so that lines of different threads never mix.
        line.withUTF8 { bytes in _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    }
}
