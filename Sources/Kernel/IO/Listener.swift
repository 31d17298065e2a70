package import Base
import CSystem
import Glibc

/// A socket that takes connections.
///
///     let listener = try Listener(.tcp(host: "::1", port: 0), on: loop)     // bound and listening from here on
///     while let stream = try await listener.accept() { … }                  // nil after close()
package actor Listener: Watcher {
    package nonisolated let loop: Loop
    /// Where it really listens: with the port that the kernel chose, if 0 was asked for.
    package nonisolated let local: SocketAddress
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private nonisolated let descriptor: Int32
    private var isOpen = true
    private var token: Token?
    private var canAccept = true
    private var waiter: UnsafeContinuation<Void, Never>?

    /// - Parameters:
    ///   - sharesPort: several listeners, one per loop, have the same port, and the kernel deals connections out to them.
    ///   - mode: who may connect to a Unix socket.
    package init(_ address: Address, on loop: Loop, sharesPort: Bool = false, mode: UInt32 = 0o600) throws(Failure) {
        let wanted = try address.numeric()
        let descriptor = try openSocket(wanted.family)
        do throws(Failure) {
            try Listener.bind(descriptor, to: wanted, sharesPort: sharesPort, mode: mode)
            guard let local = SocketAddress(descriptor, getsockname) else {
                throw .bug("A bound socket has no address.")
            }
            self.local = local
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.loop = loop
    }

    deinit {
        if isOpen { Glibc.close(descriptor) }
    }

    /// The next connection, which lives on the listener's loop; nil after `close()`, and when the caller is cancelled.
    package func accept() async throws(Failure) -> Stream? { try await acceptSocket(on: loop).map { Stream($0) } }

    /// For an owner on `home` that is an actor itself.
    package func acceptSocket(on home: Loop) async throws(Failure) -> Socket? {
        while isOpen && !Task.isCancelled {
            if token == nil { token = loop.attach(self, to: descriptor) }
            guard canAccept else {
                await wait()
                continue
            }
            let accepted = system_accept(descriptor, nil, nil)
            if accepted >= 0 {
                setNoDelay(accepted, local.family)
                return Socket(descriptor: accepted, on: home)
            }
            try await recover(from: errno)
        }
        return nil
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                if canAccept || !isOpen || Task.isCancelled { continuation.resume() } else { waiter = continuation }
            }
        } onCancel: {
            loop.perform { self.assumeIsolated { $0.wake() } }
        }
    }

    /// What went wrong with one connection must not keep the next one out.
    private func recover(from code: Int32) async throws(Failure) {
        switch code {
        case EAGAIN: canAccept = false
        case EINTR, ECONNABORTED, EPROTO, EPERM: break
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            // Nothing to give just now; others will give back. The kernel keeps the caller waiting meanwhile.
            do { try await loop.sleep(for: .milliseconds(100)) } catch { throw Failure(error) }
        default: throw .bug("Cannot accept a connection: \(String(cString: strerror(code))).")
        }
    }

    /// Takes no more; a Unix socket's file goes too.
    package func close() {
        guard isOpen else { return }
        isOpen = false
        if let token { loop.detach(token, from: descriptor) }
        Glibc.close(descriptor)
        if case .unix(let path) = local { unlink(path) }
        wake()
    }

    private func wake() {
        let waiting = waiter
        waiter = nil
        waiting?.resume()
    }

    nonisolated func descriptorChanged(_ readiness: Readiness) {
        assumeIsolated { listener in
            listener.canAccept = true
            listener.wake()
        }
    }

    nonisolated func timePassed(_ now: Deadline) {}

    // MARK: Binding

    /// How many may wait to be accepted: the kernel's own upper limit cuts it anyway.
    private static let backlog: Int32 = 4_096

    private static func bind(
        _ descriptor: Int32, to address: SocketAddress, sharesPort: Bool, mode: UInt32
    ) throws(Failure) {
        switch address {
        case .unix(let path): try removeOrphan(path)
        case .v6: setOption(descriptor, Int32(IPPROTO_IPV6), Int32(IPV6_V6ONLY), 1)
        case .v4: break
        }
        setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        if sharesPort { setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
        guard address.withPointer({ Glibc.bind(descriptor, $0, $1) }) == 0 else { throw refused(address, errno) }
        if case .unix(let path) = address { chmod(path, mode) }
        guard Glibc.listen(descriptor, backlog) == 0 else { throw refused(address, errno) }
    }

    private static func refused(_ address: SocketAddress, _ code: Int32) -> Failure {
        let reason = String(cString: strerror(code))
        return code == EADDRINUSE
            ? .conflict("Another process listens on \(address).")
            : .unavailable("Cannot listen on \(address): \(reason).")
    }

    /// The file of a socket stays when its process dies; it is in the way only if somebody still answers there.
    private static func removeOrphan(_ path: String) throws(Failure) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return }
        let probe = try openSocket(AF_UNIX)
        defer { Glibc.close(probe) }
        let result = SocketAddress.unix(path: path).withPointer { connect(probe, $0, $1) }
        if result != 0 && errno == ECONNREFUSED { unlink(path) }
    }
}
