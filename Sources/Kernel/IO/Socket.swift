package import Base
import CSystem
import Glibc

/// A connected, non-blocking descriptor and who waits for it: what a `Stream` and a server's connection are made of.
///
/// It has no thread or lock of its own. Whoever owns it is an actor on its loop; its functions run where they are called,
/// so that a message that is there costs no more than the call that fetches it.
package final class Socket: Watcher, @unchecked Sendable {
    // Confined to the loop's thread, which every way in asserts.

    package enum Side: Sendable { case reading, writing }

    private enum Wake { case ready, late, closed, cancelled, refused, nudged }

    private struct Waiter {
        let continuation: UnsafeContinuation<Wake, Never>
        let deadline: Deadline
    }

    package let loop: Loop
    package let peer: SocketAddress?
    package let local: SocketAddress?
    let descriptor: Int32

    private(set) var isOpen = true
    private var token: Token?
    private var canRead = false
    private var canWrite = false
    private var isEnding = false
    private var reader: Waiter?
    private var writer: Waiter?
    var isWriting = false
    private var armed = Deadline.never

    /// Once the connection is encrypted; and what of its output the kernel had no room for yet.
    var tls: TLSSession?
    var unsent: [UInt8] = []

    init(descriptor: Int32, on loop: Loop) {
        self.descriptor = descriptor
        self.loop = loop
        peer = SocketAddress(descriptor, getpeername)
        local = SocketAddress(descriptor, getsockname)
    }

    deinit {
        if isOpen { Glibc.close(descriptor) }
    }

    /// So long from now, by the loop's clock.
    package func deadline(_ patience: Patience) -> Deadline { loop.now + patience }

    // MARK: Reading

    /// As much as you would read at once without a reason for another number: a socket buffer's worth.
    package static let usualRead = 64 * 1024

    /// What has arrived, at most `limit` bytes; waits if that is nothing. nil when the other end has closed its side.
    package func read(upTo limit: Int = usualRead, by deadline: Deadline = .never) async throws(Failure) -> [UInt8]? {
        while true {
            if let bytes = try readArrived(upTo: limit) { return bytes.isEmpty ? nil : bytes }
            try await wait(.reading, by: deadline)
        }
    }

    /// Reads on behind what is in the block, at most `limit` bytes more, as soon as there is something. How much that was;
    /// 0 when the other end has closed its side.
    package func read(
        into block: Block, upTo limit: Int, by deadline: Deadline = .never
    ) async throws(Failure) -> Int {
        while true {
            let room = UnsafeMutableRawBufferPointer(rebasing: block.room.prefix(limit))
            if let count = if let tls { try take(into: room, through: tls) } else { try take(into: room) } {
                block.grow(by: count)
                return count
            }
            try await wait(.reading, by: deadline)
        }
    }

    /// As `read`, without waiting. nil: nothing there yet; empty: the end.
    package func readArrived(upTo limit: Int = usualRead) throws(Failure) -> [UInt8]? {
        if let tls { try take(upTo: limit, through: tls) } else { try take(upTo: limit) }
    }

    func take(upTo limit: Int) throws(Failure) -> [UInt8]? {
        // It lands in the loop's scratch and is copied to its size: who wants more at once has a block for it.
        let scratch = UnsafeMutableRawBufferPointer(rebasing: loop.scratch[..<min(limit, loop.scratch.count)])
        return try take(into: scratch).map { [UInt8](scratch[..<$0]) }
    }

    /// How much has arrived and is there now. nil: nothing yet; 0: the end.
    private func take(into room: UnsafeMutableRawBufferPointer) throws(Failure) -> Int? {
        try requireOpen()
        guard canRead, !room.isEmpty else { return nil }
        let count = system_receive(descriptor, room.baseAddress, room.count)
        guard count >= 0 else {
            guard errno == EAGAIN || errno == EINTR else { throw Socket.lost(errno) }
            canRead = errno == EINTR
            return nil
        }
        // Less than asked for means there is no more: the kernel will tell of the next byte. Unless the end is near,
        // of which it has told already.
        if count < room.count && !isEnding { canRead = false }
        return count
    }

    var isSilent: Bool { isOpen && !canRead }

    // MARK: Writing

    /// Returns when the kernel has taken all of it. `moreFollows` keeps a short piece back for the next one.
    package func write(
        _ bytes: [UInt8], moreFollows: Bool = false, by deadline: Deadline = .never
    ) async throws(Failure) {
        try beginWriting()
        defer { isWriting = false }
        if let tls {
            try await write(bytes, through: tls, by: deadline)
        } else {
            try await send(bytes, moreFollows: moreFollows, by: deadline)
        }
    }

    /// As much as the kernel takes at once, for a message that usually fits; the rest is the caller's to write. Over TLS
    /// that is nothing.
    package func writeAtOnce(_ bytes: [UInt8]) throws(Failure) -> Int {
        try requireOpen()
        guard tls == nil, !isWriting else { return 0 }
        let sent = system_send(descriptor, bytes, bytes.count, 0)
        if sent >= 0 { return sent }
        guard errno == EAGAIN || errno == EINTR else { throw Socket.lost(errno) }
        return 0
    }

    func send(_ bytes: [UInt8], moreFollows: Bool = false, by deadline: Deadline) async throws(Failure) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                let rest = UnsafeRawBufferPointer(rebasing: raw[sent...])
                return system_send(descriptor, rest.baseAddress, rest.count, moreFollows ? 1 : 0)
            }
            if count >= 0 { sent += count } else { try await recover(from: errno, by: deadline) }
        }
    }

    /// Sends a part of a file, counted from its beginning, straight from the page cache.
    package func sendFile(
        _ file: FileSlice, _ part: Range<Int>, by deadline: Deadline = .never
    ) async throws(Failure) {
        if tls != nil { return try await sendEncrypted(file, part, by: deadline) }
        try beginWriting()
        defer { isWriting = false }
        var place = off_t(file.offset + part.lowerBound)
        let end = place + off_t(part.count)
        while place < end {
            let sent = sendfile(descriptor, file.descriptor, &place, Int(end - place))
            if sent == 0 { throw .unavailable("The file ended before what was promised of it.") }
            if sent < 0 { try await recover(from: errno, by: deadline) }
        }
    }

    func beginWriting() throws(Failure) {
        try requireOpen()
        guard !isWriting else { throw .bug("Two tasks write to one stream at once.") }
        isWriting = true
    }

    /// A send has sent nothing: waits for room, if that is why.
    private func recover(from code: Int32, by deadline: Deadline) async throws(Failure) {
        switch code {
        case EINTR: break
        case EAGAIN:
            canWrite = false
            try await wait(.writing, by: deadline)
            try requireOpen()
        default: throw Socket.lost(code)
        }
    }

    /// Says that nothing more will be written; the other end can still write.
    package func finishWriting() {
        guard isOpen else { return }
        finishTLS()
        shutdown(descriptor, Int32(SHUT_WR))
    }

    // MARK: The end

    /// Wakes whoever waits and gives the descriptor back. A second time does nothing.
    package func close() {
        assert(loop.isCurrent)
        guard isOpen else { return }
        finishTLS()
        isOpen = false
        if let token { loop.detach(token, from: descriptor) }
        token = nil
        Glibc.close(descriptor)
        wake(.reading, .closed)
        wake(.writing, .closed)
    }

    private func requireOpen() throws(Failure) {
        assert(loop.isCurrent)
        guard isOpen else { throw .unavailable("The connection is closed.") }
        if token == nil { token = loop.attach(self, to: descriptor) }
    }

    static func lost(_ code: Int32) -> Failure {
        .unavailable("The connection is lost: \(String(cString: strerror(code))).")
    }

    // MARK: Waiting

    package func wait(_ side: Side, by deadline: Deadline) async throws(Failure) {
        try requireOpen()
        while true {
            let wake = await withUnsafeContinuation { continuation in
                begin(Waiter(continuation: continuation, deadline: deadline), side)
            }
            switch wake {
            case .ready: return
            case .late: throw Failure(.timedOut, "The other end took too long.")
            case .closed: throw .unavailable("The connection is closed.")
            case .cancelled: throw Failure(CancellationError())
            case .refused: throw .bug("Two tasks wait for one side of a stream.")
            case .nudged: continue
            }
        }
    }

    /// A task that doesn't prefer this loop comes here in a job of its own, so anything may have happened since it
    /// decided to wait: what has, is told at once.
    private func begin(_ waiter: Waiter, _ side: Side) {
        assert(loop.isCurrent)
        let isTaken = side == .reading ? reader != nil : writer != nil
        let isReady = side == .reading ? canRead : canWrite
        if !isOpen {
            waiter.continuation.resume(returning: .closed)
        } else if isTaken {
            waiter.continuation.resume(returning: .refused)
        } else if Task.isCancelled {
            waiter.continuation.resume(returning: .cancelled)
        } else if isReady {
            waiter.continuation.resume(returning: .ready)
        } else {
            if side == .reading { reader = waiter } else { writer = waiter }
            arm(waiter.deadline)
        }
    }

    /// Lets the waiting task look whether it is cancelled. From any thread; if another task waits by then, it waits on.
    nonisolated func nudge(_ side: Side) {
        loop.perform { self.wake(side, .nudged) }
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

    func descriptorChanged(_ readiness: Readiness) {
        if readiness.isEnding { isEnding = true }
        if readiness.canRead {
            canRead = true
            wake(.reading, .ready)
        }
        if readiness.canWrite {
            canWrite = true
            wake(.writing, .ready)
        }
    }

    func timePassed(_ now: Deadline) {
        armed = .never
        if let reader, reader.deadline <= now { wake(.reading, .late) }
        if let writer, writer.deadline <= now { wake(.writing, .late) }
        arm(min(reader?.deadline ?? .never, writer?.deadline ?? .never))
    }
}
