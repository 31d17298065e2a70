package import Base
import CSystem
import Glibc

/// A connected socket, TCP or Unix, that lives on a loop.
///
///     let stream = try await Stream.connect(to: .unix(path: "/run/qmp.sock"), on: loops, by: .after(.seconds(5)))
///     try await stream.write(Array("{\"execute\": \"qmp_capabilities\"}\n".utf8))
///     while let bytes = try await stream.read() { … }                    // nil: the other end has said all it has to say
///     await stream.close()
///
/// Reading takes bytes from the kernel only when somebody asks for them, and writing returns when the kernel has taken
/// them: that is the backpressure, both ways. One task may read while another writes. Whoever waits is woken by a
/// deadline, by `close()` and by its task's cancellation. Whoever opened a stream closes it.
package actor Stream: Watcher {
    package nonisolated let loop: Loop
    package nonisolated let peer: SocketAddress?
    package nonisolated let local: SocketAddress?
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    enum Side { case reading, writing }

    private enum Wake { case ready, late, closed, cancelled, refused }

    private struct Waiter {
        let continuation: UnsafeContinuation<Wake, Never>
        let number: UInt64
        let deadline: Deadline
    }

    nonisolated let descriptor: Int32
    private(set) var isOpen = true
    private var token: Token?
    private var canRead = false
    private var canWrite = false
    private var isEnding = false
    private var reader: Waiter?
    private var writer: Waiter?
    private var isWriting = false
    private var waits: UInt64 = 0
    private var armed = Deadline.never

    /// Takes over a connected, non-blocking descriptor.
    init(descriptor: Int32, on loop: Loop) {
        self.descriptor = descriptor
        self.loop = loop
        peer = SocketAddress(descriptor, getpeername)
        local = SocketAddress(descriptor, getsockname)
    }

    deinit {
        if isOpen { Glibc.close(descriptor) }
    }

    // MARK: Reading

    /// As much as you would read at once without a reason for another number: a socket buffer's worth.
    package static let usualRead = 64 * 1024

    /// What has arrived, at most `limit` bytes; waits if that is nothing. nil when the other end has closed its side.
    package func read(upTo limit: Int = usualRead, by deadline: Deadline = .never) async throws(Failure) -> [UInt8]? {
        while true {
            if let bytes = try takeArrived(limit) { return bytes.isEmpty ? nil : bytes }
            try await wait(.reading, by: deadline)
        }
    }

    /// nil: nothing there yet; empty: the end.
    private func takeArrived(_ limit: Int) throws(Failure) -> [UInt8]? {
        try requireOpen()
        guard canRead, limit > 0 else { return nil }
        // Most reads are small: those land in the loop's scratch and are copied to their size. A reader who asks for
        // more than that means a body, and gets its bytes where they landed.
        let scratch = loop.scratch
        var count = 0
        var bytes: [UInt8] = []
        if limit <= scratch.count {
            count = receive(scratch.baseAddress, limit)
            if count > 0 { bytes = [UInt8](scratch[..<count]) }
        } else {
            bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
                count = receive(buffer.baseAddress, limit)
                filled = max(0, count)
            }
        }
        guard count >= 0 else {
            if errno == EAGAIN || errno == EINTR {
                canRead = errno == EINTR
                return nil
            }
            throw Stream.lost(errno)
        }
        // Less than asked for means there is no more: the kernel will tell of the next byte. Unless the end is near,
        // of which it has told already.
        if count < limit && !isEnding { canRead = false }
        return bytes
    }

    private nonisolated func receive(_ buffer: UnsafeMutableRawPointer?, _ limit: Int) -> Int {
        system_receive(descriptor, buffer, limit)
    }

    // MARK: Writing

    /// Returns when the kernel has taken all of it. `moreFollows` keeps a short piece back for the next one.
    package func write(_ bytes: [UInt8], moreFollows: Bool = false, by deadline: Deadline = .never)
        async throws(Failure)
    {
        try beginWriting()
        defer { isWriting = false }
        var sent = 0
        while sent < bytes.count {
            try requireOpen()
            let count = bytes.withUnsafeBytes { raw in
                let rest = UnsafeRawBufferPointer(rebasing: raw[sent...])
                return system_send(descriptor, rest.baseAddress, rest.count, moreFollows ? 1 : 0)
            }
            sent += try await progress(count, by: deadline)
        }
    }

    /// Sends a part of a file, counted from its beginning, straight from the page cache.
    package func sendFile(_ file: FileSlice, _ part: Range<Int>, by deadline: Deadline = .never) async throws(Failure) {
        try beginWriting()
        defer { isWriting = false }
        var place = off_t(file.offset + part.lowerBound)
        let end = place + off_t(part.count)
        while place < end {
            try requireOpen()
            let sent = sendfile(descriptor, file.descriptor, &place, Int(end - place))
            if sent == 0 { throw .unavailable("The file ended before what was promised of it.") }
            _ = try await progress(sent, by: deadline)
        }
    }

    private func beginWriting() throws(Failure) {
        guard !isWriting else { throw .bug("Two tasks write to one stream at once.") }
        isWriting = true
    }

    /// How much a send has sent; waits for room if that was nothing.
    private func progress(_ count: Int, by deadline: Deadline) async throws(Failure) -> Int {
        if count >= 0 { return count }
        switch errno {
        case EINTR: break
        case EAGAIN:
            canWrite = false
            try await wait(.writing, by: deadline)
        default: throw Stream.lost(errno)
        }
        return 0
    }

    /// Says that nothing more will be written; the other end can still write.
    package func finishWriting() {
        if isOpen { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    // MARK: The end

    /// Wakes whoever waits and gives the descriptor back. A second time does nothing.
    package func close() {
        guard isOpen else { return }
        isOpen = false
        if let token { loop.detach(token, from: descriptor) }
        token = nil
        Glibc.close(descriptor)
        wake(.reading, .closed)
        wake(.writing, .closed)
    }

    private func requireOpen() throws(Failure) {
        guard isOpen else { throw .unavailable("The connection is closed.") }
        if token == nil { token = loop.attach(self, to: descriptor) }
    }

    static func lost(_ code: Int32) -> Failure {
        .unavailable("The connection is lost: \(String(cString: strerror(code))).")
    }

    // MARK: Waiting

    func wait(_ side: Side, by deadline: Deadline) async throws(Failure) {
        try requireOpen()
        waits &+= 1
        let number = waits
        let wake = await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                begin(Waiter(continuation: continuation, number: number, deadline: deadline), side)
            }
        } onCancel: {
            // Comes on any thread; there it may be too late, and the next one may be waiting already.
            loop.perform { self.assumeIsolated { $0.cancel(side, number) } }
        }
        switch wake {
        case .ready: return
        case .late: throw Failure(.timedOut, "The other end took too long.")
        case .closed: throw .unavailable("The connection is closed.")
        case .cancelled: throw Failure(CancellationError())
        case .refused: throw .bug("Two tasks wait for one side of a stream.")
        }
    }

    /// A task that doesn't prefer this loop comes here in a job of its own, so anything may have happened since it
    /// decided to wait: what has, is told at once.
    private func begin(_ waiter: Waiter, _ side: Side) {
        let isTaken = side == .reading ? reader != nil : writer != nil
        let isReady = side == .reading ? canRead : canWrite
        if Task.isCancelled {
            waiter.continuation.resume(returning: .cancelled)
        } else if !isOpen {
            waiter.continuation.resume(returning: .closed)
        } else if isTaken {
            waiter.continuation.resume(returning: .refused)
        } else if isReady {
            waiter.continuation.resume(returning: .ready)
        } else {
            if side == .reading { reader = waiter } else { writer = waiter }
            arm(waiter.deadline)
        }
    }

    private func cancel(_ side: Side, _ number: UInt64) {
        if (side == .reading ? reader : writer)?.number == number { wake(side, .cancelled) }
    }

    private func wake(_ side: Side, _ reason: Wake) {
        let waiter = side == .reading ? reader : writer
        if side == .reading { reader = nil } else { writer = nil }
        waiter?.continuation.resume(returning: reason)
    }

    /// One timer stays armed for as long as it is early enough: waits come and go with every message, timers rarely.
    private func arm(_ deadline: Deadline) {
        guard deadline < armed, let token else { return }
        armed = deadline
        loop.arm(token, deadline)
    }

    nonisolated func descriptorChanged(_ readiness: Readiness) {
        assumeIsolated { stream in
            if readiness.isEnding { stream.isEnding = true }
            if readiness.canRead {
                stream.canRead = true
                stream.wake(.reading, .ready)
            }
            if readiness.canWrite {
                stream.canWrite = true
                stream.wake(.writing, .ready)
            }
        }
    }

    nonisolated func timePassed(_ now: Deadline) {
        assumeIsolated { stream in
            stream.armed = .never
            if let reader = stream.reader, reader.deadline <= now { stream.wake(.reading, .late) }
            if let writer = stream.writer, writer.deadline <= now { stream.wake(.writing, .late) }
            stream.arm(min(stream.reader?.deadline ?? .never, stream.writer?.deadline ?? .never))
        }
    }
}
