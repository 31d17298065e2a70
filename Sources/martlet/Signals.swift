import Glibc
import IO

/// SIGTERM and SIGINT, waited for on a thread of their own.
struct Signals: Sendable {
    private let pool = Pool(name: "signals", threads: 1)

    /// Blocks the signals for all threads made after it, so it comes before any of them.
    static func stop() -> Signals {
        var set = stopSet
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
        return Signals()
    }

    func wait() async {
        await pool.run {
            var set = Signals.stopSet
            var received: Int32 = 0
            sigwait(&set, &received)
        }
    }

    private static var stopSet: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        return set
    }
}
