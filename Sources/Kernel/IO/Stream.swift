package import Base

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
package actor Stream {
    package nonisolated let loop: Loop
    package nonisolated var peer: SocketAddress? { socket.peer }
    package nonisolated var local: SocketAddress? { socket.local }
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    let socket: Socket

    package init(_ socket: Socket) {
        self.socket = socket
        loop = socket.loop
    }

    /// What has arrived, at most `limit` bytes; waits if that is nothing. nil when the other end has closed its side.
    package func read(
        upTo limit: Int = Socket.usualRead, by deadline: Deadline = .never
    ) async throws(Failure) -> [UInt8]? {
        try await cancellable(.reading) { () throws(Failure) in try await socket.read(upTo: limit, by: deadline) }
    }

    /// Returns when the kernel has taken all of it. `moreFollows` keeps a short piece back for the next one.
    package func write(
        _ bytes: [UInt8], moreFollows: Bool = false, by deadline: Deadline = .never
    ) async throws(Failure) {
        try await cancellable(.writing) { () throws(Failure) in
            try await socket.write(bytes, moreFollows: moreFollows, by: deadline)
        }
    }

    /// Says that nothing more will be written; the other end can still write.
    package func finishWriting() { socket.finishWriting() }

    /// Wakes whoever waits and gives the descriptor back. A second time does nothing.
    package func close() { socket.close() }

    /// Nothing has come that nobody has read, not even the end.
    package var isSilent: Bool { socket.isSilent }

    /// Closes it soon, from anywhere: for an owner that is no more.
    package nonisolated func abandon() {
        let socket = socket
        loop.perform { socket.close() }
    }

    /// A server's connection is closed when it is to end and does without this.
    func cancellable<Value: Sendable>(
        _ side: Socket.Side, _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result = await withTaskCancellationHandler {
            do throws(Failure) { return Result<Value, Failure>.success(try await body()) } catch {
                return .failure(error)
            }
        } onCancel: {
            socket.nudge(side)
        }
        return try result.get()
    }
}
