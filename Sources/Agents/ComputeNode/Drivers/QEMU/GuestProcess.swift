import Base
import CSystem
import Glibc

/// A guest's QEMU, held so that a signal can never reach another process that has got its number.
final class GuestProcess: Sendable {
    let pid: pid_t
    private let handle: Int32

    private init(pid: pid_t, handle: Int32) {
        self.pid = pid
        self.handle = handle
    }

    deinit { close(handle) }

    /// All processes that run this guest: none or one, or for a moment two while it is being started.
    static func all(of guest: GuestFolder) throws(Failure) -> [GuestProcess] {
        try all(with: "-pidfile", guest.pid)
    }

    /// All that were started with these two words.
    static func all(with option: String, _ file: String) throws(Failure) -> [GuestProcess] {
        var processes: [GuestProcess] = []
        for name in try LocalFiles.names(in: "/proc") {
            guard let pid = pid_t(name), has(option, file, pid) else { continue }
            let handle = system_open_process(pid)
            guard handle >= 0 else { continue }
            let process = GuestProcess(pid: pid, handle: handle)
            // Looked at again: between the two it may have become another.
            if has(option, file, pid) { processes.append(process) }
        }
        return processes
    }

    /// The words it was started with name the guest's folder.
    private static func has(_ option: String, _ file: String, _ pid: pid_t) -> Bool {
        guard let words = try? Files.read("/proc/\(pid)/cmdline").split(separator: 0) else { return false }
        guard let place = words.firstIndex(where: { $0.elementsEqual(option.utf8) }) else { return false }
        return place + 1 < words.count && words[place + 1].elementsEqual(file.utf8)
    }

    var hasEnded: Bool {
        var event = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
        return poll(&event, 1, 0) == 1
    }

    func kill() { _ = system_signal_process(handle, SIGKILL) }
}
