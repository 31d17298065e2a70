import Base
import CSystem
import Glibc
import IO
import Programs

/// Volumes that other hosts reach over the network: a `qemu-nbd` for each, which outlives this process and is found
/// again by the note that is kept beside the volume.
struct NBDExports: Sendable {
    let folder: String
    /// Where other hosts reach this one.
    let address: String

    struct Place: Sendable {
        let host: String
        let port: Int
    }

    /// From the port that NBD has by convention; no node serves as many volumes to others.
    private static let ports = 10_809..<11_809

    private func note(_ name: String) -> String { "\(folder)/\(name).nbd" }
    private func pidFile(_ name: String) -> String { "\(folder)/\(name).pid.nbd" }

    /// The place at which a volume is served, which stays the same as long as it is.
    func open(_ name: String, _ path: String, isReadOnly: Bool) async throws(Failure) -> Place {
        if let port = try running(name)?.port { return Place(host: address, port: port) }
        for port in NBDExports.ports where NBDExports.isFree(port) {
            try Files.write(JSON.object(JSON.Object([.init(name: "port", value: JSON(port))])).text, to: note(name))
            var arguments = ["--fork", "--persistent", "--shared=0", "--discard=unmap", "-f", "raw"]
            if isReadOnly { arguments.append("--read-only") }
            arguments += ["-x", name, "-b", "0.0.0.0", "-p", "\(port)", "--pid-file", pidFile(name), path]
            let outcome = try await Program("qemu-nbd", arguments).outcome(by: "volume-node")
            if outcome.status == 0 { return Place(host: address, port: port) }
            guard outcome.complaint.contains("in use") else {
                throw .unavailable("qemu-nbd failed: \(outcome.complaint)")
            }
        }
        throw .unavailable("No port is free to serve \(name) on.")
    }

    /// Ends what serves a volume, if anything does.
    func close(_ name: String) async throws(Failure) {
        if let server = try running(name) {
            let handle = system_open_process(server.pid)
            if handle >= 0 {
                defer { Glibc.close(handle) }
                _ = system_signal_process(handle, SIGTERM)
                var ended = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
                // It writes out what it holds, which takes no longer on a healthy disk.
                if poll(&ended, 1, 5_000) != 1 { _ = system_signal_process(handle, SIGKILL) }
            }
        }
        try LocalFiles.remove(pidFile(name))
        try LocalFiles.remove(note(name))
    }

    private struct Server {
        let pid: pid_t
        let port: Int
    }

    /// What serves a volume, if the process of that number is still the one that was started for it.
    private func running(_ name: String) throws(Failure) -> Server? {
        guard Files.exists(note(name)), Files.exists(pidFile(name)) else { return nil }
        let text = String(decoding: try Files.read(pidFile(name)), as: UTF8.self)
        let port = try JSONReader.read(try Files.read(note(name))).number("port")
        guard let pid = pid_t(text.trimmed), let command = try? Files.read("/proc/\(pid)/cmdline"),
            String(decoding: command, as: UTF8.self).contains(name)
        else { return nil }
        return Server(pid: pid, port: port)
    }

    private static func isFree(_ port: Int) -> Bool {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { return false }
        defer { Glibc.close(socket) }
        var yes: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
