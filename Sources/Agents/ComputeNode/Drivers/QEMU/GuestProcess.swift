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
        var processes: [GuestProcess] = []
        for name in try LocalFiles.names(in: "/proc") {
            guard let pid = pid_t(name), runs(guest, pid) else { continue }
            let handle = system_open_process(pid)
            guard handle >= 0 else { continue }
            let process = GuestProcess(pid: pid, handle: handle)
            // Looked at again: between the two it may have become another.
            if runs(guest, pid) { processes.append(process) }
        }
        return processes
    }

    /// The words it was started with name the guest and its folder.
    private static func runs(_ guest: GuestFolder, _ pid: pid_t) -> Bool {
        guard let words = try? Files.read("/proc/\(pid)/cmdline").split(separator: 0) else { return false }
        let pidFile = Array(guest.pid.utf8)
        guard let place = words.firstIndex(where: { $0.elementsEqual("-pidfile".utf8) }) else { return false }
        return place + 1 < words.count && words[place + 1].elementsEqual(pidFile)
    }

    var hasEnded: Bool {
        var event = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
        return poll(&event, 1, 0) == 1
    }

    func kill() { _ = system_signal_process(handle, SIGKILL) }
}
