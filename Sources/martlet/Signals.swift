import Glibc
import IO

/// SIGTERM and SIGINT, waited for on a thread of their own.
struct Signals: Sendable {
    private let pool = Pool(name: "signals", threads: 1)

    /// Blocks the signals for this thread and all made after it, so it is the first thing that the program does.
    static func block() {
        var set = stopSet
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
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
