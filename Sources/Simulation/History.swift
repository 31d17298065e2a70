import Base
import Synchronization

/// What has happened, line by line, and a number that two histories share only if all their lines are the same.
final class History: Sendable {
    private struct State {
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        var lines = 0
    }

    private let state = Mutex(State())
    private let tell: @Sendable (String) -> Void

    init(tell: @escaping @Sendable (String) -> Void) { self.tell = tell }

    func note(_ line: String) {
        state.withLock { state in
            for byte in line.utf8 { state.digest = (state.digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
            state.lines += 1
        }
        tell(line)
    }

    var digest: String { String(state.withLock { $0.digest }, radix: 16) }
    var lines: Int { state.withLock { $0.lines } }
}
