import Base
import CSystem
import Glibc
import IO

/// A program while it runs, on a thread that waits for nothing else.
struct Child {
    private let program: Program
    private let pid: pid_t
    /// Of the process itself: it tells of the end, whoever else may hold the pipes.
    private let handle: Int32
    private let output: Pipe
    private let complaint: Pipe

    /// More is read and thrown away. Programs that are asked have less to say, and logs want the end of a complaint.
    private static let mostOutput = 16 << 20
    private static let mostComplaint = 4 << 10

    init(_ program: Program) throws(Failure) {
        self.program = program
        output = try Pipe(most: Child.mostOutput)
        complaint = try Pipe(most: Child.mostComplaint)
        let input = try Child.file(program.input)
        defer { close(input) }
        pid = try Child.spawn(program, input, output.end, complaint.end)
        output.closeEnd()
        complaint.closeEnd()
        handle = system_open_process(pid)
        guard handle >= 0 else {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
            throw .unavailable("Cannot wait for \(program.name).")
        }
    }

    func finish(unless stop: StopSignal) throws(Failure) -> Program.Outcome {
        defer { close(handle) }
        var problem: Failure?
        let deadline = Deadline.after(program.limit)
        while !wait(stop, deadline, ended: problem != nil) {
            guard problem == nil else { continue }
            if stop.isGiven {
                problem = Failure(CancellationError())
            } else if deadline <= .now {
                problem = Failure(.timedOut, "\(program.name) took longer than \(program.limit).")
            }
            // It isn't waited for yet, so its number is nobody else's.
            if problem != nil { kill(-pid, SIGKILL) }
        }
        output.drain()
        complaint.drain()
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        if let problem { throw problem }
        let signal = status & 0x7F
        return Program.Outcome(
            status: Int(signal == 0 ? (status >> 8) & 0xFF : 128 + signal), output: output.bytes,
            complaint: Child.trimmed(complaint.bytes))
    }

    /// True when the process has ended; false when something else has happened.
    private func wait(_ stop: StopSignal, _ deadline: Deadline, ended: Bool) -> Bool {
        var sources = [
            pollfd(fd: handle, events: Int16(POLLIN), revents: 0), output.interest, complaint.interest,
            pollfd(fd: ended ? -1 : stop.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        let left = ended ? -1 : Int32(clamping: deadline.left.microseconds / 1_000 + 1)
        guard poll(&sources, nfds_t(sources.count), left) > 0 else { return false }
        if sources[1].revents != 0 { output.drain() }
        if sources[2].revents != 0 { complaint.drain() }
        return sources[0].revents != 0
    }

    // MARK: Beginning

    private static func spawn(
        _ program: Program, _ input: Int32, _ output: Int32, _ complaint: Int32
    ) throws(Failure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (place, descriptor) in [input, output, complaint].enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(place))
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // What this program blocks or ignores is its own affair.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var usual = sigset_t()
        sigemptyset(&usual)
        sigaddset(&usual, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &usual)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var words: [UnsafeMutablePointer<CChar>?] = ([program.name] + program.arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, program.name, &actions, &attributes, words, environ)
        guard code == 0 else {
            throw .unavailable(
                code == ENOENT
                    ? "The program \(program.name) is not installed."
                    : "Cannot run \(program.name): \(String(cString: strerror(code))).")
        }
        return pid
    }

    /// The input as a file in memory: nothing has to be fed, and nothing can get stuck.
    private static func file(_ bytes: [UInt8]) throws(Failure) -> Int32 {
        guard !bytes.isEmpty else { return open("/dev/null", O_RDONLY | O_CLOEXEC) }
        let descriptor = system_memory_file("input")
        guard descriptor >= 0, write(descriptor, bytes, bytes.count) == bytes.count, lseek(descriptor, 0, SEEK_SET) == 0
        else { throw .unavailable("No room for the input of a program.") }
        return descriptor
    }

    private static func trimmed(_ bytes: [UInt8]) -> String {
        var text = String(decoding: bytes, as: UTF8.self)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}

/// One direction from a program to us.
private final class Pipe {
    private(set) var bytes: [UInt8] = []
    private let most: Int
    private var ours: Int32
    private(set) var end: Int32

    init(most: Int) throws(Failure) {
        self.most = most
        var ends: [Int32] = [-1, -1]
        guard system_pipe(&ends) == 0 else {
            throw .unavailable("Cannot make a pipe: \(String(cString: strerror(errno))).")
        }
        ours = ends[0]
        end = ends[1]
    }

    deinit {
        closeEnd()
        if ours >= 0 { close(ours) }
    }

    func closeEnd() {
        if end >= 0 { close(end) }
        end = -1
    }

    var interest: pollfd { pollfd(fd: ours, events: Int16(POLLIN), revents: 0) }

    /// Everything that is there now.
    func drain() {
        var piece = [UInt8](repeating: 0, count: 32 * 1_024)
        while ours >= 0 {
            let count = read(ours, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN { return }
            guard count > 0 else {
                close(ours)
                ours = -1
                return
            }
            bytes += piece.prefix(min(count, most - bytes.count))
        }
    }
}

/// Tells a thread that waits for descriptors that it may stop.
final class StopSignal: Sendable {
    let descriptor: Int32

    init() throws(Failure) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else { throw .unavailable("No descriptors left to run a program.") }
    }

    deinit { close(descriptor) }

    func give() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    var isGiven: Bool {
        var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&event, 1, 0) == 1
    }
}
