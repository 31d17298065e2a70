import Base
import Glibc

/// Processes that have files below some folders open, stopped in the middle of whatever they do: to their guests no time
/// passes, and what they had written is what stands in the files.
struct StandingStill {
    private let processes: [pid_t]
    /// Whoever reads from it lets them go on when it is closed, which it is however this process ends.
    private let lifeline: Int32
    private let watcher: pid_t

    var count: Int { processes.count }

    init(users folders: [String]) throws(Failure) {
        processes = try StandingStill.users(of: folders)
        guard !processes.isEmpty else {
            (lifeline, watcher) = (-1, 0)
            return
        }
        (lifeline, watcher) = try StandingStill.watch(processes)
        for pid in processes {
            kill(pid, SIGSTOP)
            // Between the look and the signal it may have ended, and its number may be another's.
            if (try? StandingStill.uses(pid, folders)) == false { kill(pid, SIGCONT) }
        }
    }

    func goOn() {
        guard watcher > 0 else { return }
        for pid in processes { kill(pid, SIGCONT) }
        vanish()
    }

    /// As if this process had ended just now.
    func vanish() {
        close(lifeline)
        while waitpid(watcher, nil, 0) < 0 && errno == EINTR {}
    }

    /// A process that outlives this one, if only for as long as that takes.
    private static func watch(_ processes: [pid_t]) throws(Failure) -> (lifeline: Int32, watcher: pid_t) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw .unavailable("No pipe: \(String(cString: strerror(errno))).") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO)
        // In a group of its own, so that a terminal's Ctrl-C ends only who waits for it.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        let script = "cat >/dev/null; exec kill -CONT \"$@\""
        let texts = ["sh", "-c", script, "watch"] + processes.map { "\($0)" }
        var words: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        guard posix_spawn(&pid, "/bin/sh", &actions, &attributes, words, environ) == 0 else {
            close(ends[1])
            throw .unavailable("Cannot run /bin/sh: \(String(cString: strerror(errno))).")
        }
        return (ends[1], pid)
    }

    /// What runs guests, or serves their disks; never this process, nor the cloud's own.
    static func users(of folders: [String]) throws(Failure) -> [pid_t] {
        guard let all = try Files.names(in: "/proc") else { throw .unavailable("Cannot read /proc.") }
        var found: [pid_t] = []
        let own = program(of: getpid())
        for name in all {
            guard let pid = pid_t(name), pid != getpid(), program(of: pid) != own else { continue }
            if try uses(pid, folders) { found.append(pid) }
        }
        return found.sorted()
    }

    private static func uses(_ pid: pid_t, _ folders: [String]) throws(Failure) -> Bool {
        // Another user's process, or one that has gone: not one of ours.
        let open = "/proc/\(pid)/fd"
        guard access(open, R_OK | X_OK) == 0, let numbers = try Files.names(in: open) else { return false }
        return numbers.contains { number in
            let path = target(of: "\(open)/\(number)")
            return folders.contains(where: path.hasPrefix)
        }
    }

    private static func program(of pid: pid_t) -> String { target(of: "/proc/\(pid)/exe") }

    private static func target(of link: String) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { text in
            guard let room = text.baseAddress else { return "" }
            let length = readlink(link, room, text.count)
            guard length > 0 else { return "" }
            return String(decoding: text[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
