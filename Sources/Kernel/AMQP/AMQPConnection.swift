package import Base
package import IO

/// A connection to a broker that speaks AMQP 0-9-1, such as RabbitMQ.
///
///     let connection = try await AMQPConnection.open(address, on: loops, name: "conductor on a", by: deadline)
///     // in a task of its own, for as long as the connection is to last: it reads, writes and keeps the heart beating
///     try await connection.run()
///     // beside it
///     let channel = try await connection.openChannel { delivery in … }
///     try await channel.declare(AMQPQueue("orders"))
///     try await channel.confirmPublishing()
///     let isTaken = try await channel.publish(message, to: "orders")
///
/// When it ends, everything that waits for the broker fails with the reason. It is not mended: whoever needs it opens
/// another.
package actor AMQPConnection {
    nonisolated let stream: Stream
    package nonisolated var unownedExecutor: UnownedSerialExecutor { stream.unownedExecutor }
    /// What the broker says of itself: `RabbitMQ`, `3.10.8`.
    package private(set) var product = ""
    package private(set) var version = ""
    /// Why the broker takes no messages just now; nil when it does.
    package private(set) var blocked: String?

    var channels: [UInt16: ChannelState] = [:]
    private var channelLimit: UInt16 = 2_047
    private var frames = AMQPFrames()
    private(set) var frameLimit = AMQPFrame.sizeLimit
    private var heartbeat: Int
    private var output: [UInt8] = []
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation
    private var ending: Failure?
    private var goodbye = Promise<Void>()
    private var hasWritten = false

    private init(_ stream: Stream, heartbeat: Int) {
        self.stream = stream
        self.heartbeat = heartbeat
        (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    deinit { stream.abandon() }

    /// - Parameters:
    ///   - name: by which the broker's tools show this connection.
    ///   - trust: for amqps.
    package static func open(
        _ address: AMQPAddress, on loops: Loops, name: String, trust: TLSTrust? = nil, by deadline: Deadline
    ) async throws(Failure) -> AMQPConnection {
        let stream = try await Stream.connect(to: address.address, on: loops, by: deadline)
        do throws(Failure) {
            if address.isEncrypted {
                guard let trust else { throw .bug("Nobody said whom to trust for \(address.description).") }
                try await stream.secure(to: address.host, trusting: trust, by: deadline)
            }
            let connection = AMQPConnection(stream, heartbeat: address.heartbeat)
            try await connection.greet(address, name: name, by: deadline)
            return connection
        } catch {
            await stream.close()
            throw error
        }
    }

    // MARK: The beginning

    private func greet(_ address: AMQPAddress, name: String, by deadline: Deadline) async throws(Failure) {
        try await stream.write(Array("AMQP".utf8) + [0, 0, 9, 1], by: deadline)
        guard case .start(0, 9, let properties, let mechanisms, _) = try await answer(by: deadline) else {
            throw .unavailable("The broker doesn't speak AMQP 0-9-1.")
        }
        product = properties.text("product") ?? ""
        version = properties.text("version") ?? ""
        guard mechanisms.split(separator: " ").contains("PLAIN") else {
            throw .unavailable("The broker takes no passwords: it offers \(mechanisms).")
        }
        let secret = [0] + Array(address.user.utf8) + [0] + Array(address.password.utf8)
        try await say(
            .startOk(
                properties: AMQPConnection.properties(name), mechanism: "PLAIN", response: secret, locale: "en_US"),
            by: deadline)
        guard case .tune(let channels, let frame, let pulse) = try await answer(by: deadline) else {
            throw .malformed("it doesn't say what it can take")
        }
        // Nought means no limit; ours is the smaller then.
        channelLimit = channels == 0 ? channelLimit : min(channels, channelLimit)
        frameLimit = frame == 0 ? AMQPFrame.sizeLimit : min(Int(frame), AMQPFrame.sizeLimit)
        guard frameLimit > AMQPFrame.overhead + 64 else { throw .malformed("it takes no frames worth the name") }
        frames.limit = frameLimit
        heartbeat = pulse == 0 ? heartbeat : min(Int(pulse), heartbeat)
        try await say(
            .tuneOk(channels: channelLimit, frame: UInt32(frameLimit), heartbeat: UInt16(heartbeat)), by: deadline)
        try await say(.open(virtualHost: address.virtualHost), by: deadline)
        guard case .openOk = try await answer(by: deadline) else { throw .malformed("it doesn't open") }
    }

    /// What the broker may count on, and what its tools show.
    private static func properties(_ name: String) -> AMQPTable {
        [
            "product": .text("Martlet"), "connection_name": .text(name),
            "capabilities": .table([
                "publisher_confirms": .bool(true), "basic.nack": .bool(true), "connection.blocked": .bool(true),
                "consumer_cancel_notify": .bool(true), "authentication_failure_close": .bool(true),
            ]),
        ]
    }

    private func say(_ method: AMQPMethod, by deadline: Deadline) async throws(Failure) {
        var bytes: [UInt8] = []
        AMQPFrame(kind: .method, channel: 0, payload: method.payload).write(to: &bytes)
        try await stream.write(bytes, by: deadline)
    }

    private func answer(by deadline: Deadline) async throws(Failure) -> AMQPMethod {
        while true {
            while let frame = try frames.next() {
                guard frame.kind != .heartbeat else { continue }
                guard frame.kind == .method, frame.channel == 0 else { throw .malformed("a message comes too early") }
                let method = try AMQPMethod(frame.payload)
                if case .close(let goodbye) = method { throw goodbye.failure }
                return method
            }
            guard let bytes = try await stream.read(by: deadline) else {
                throw .unavailable("The broker hung up in its greeting.")
            }
            frames.add(bytes)
        }
    }

    // MARK: Life

    /// Until the connection is over, which it is when the task is cancelled, too. Throws why.
    package func run() async throws(Failure) {
        let reason = await withTaskGroup(of: Failure?.self) { group in
            group.addTask { await AMQPConnection.ending { () async throws(Failure) in try await self.read() } }
            group.addTask { await AMQPConnection.ending { () async throws(Failure) in try await self.write() } }
            group.addTask { await AMQPConnection.ending { () async throws(Failure) in try await self.beat() } }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        end(reason ?? Failure(CancellationError()))
        if let ending, !Task.isCancelled { throw ending }
    }

    private static func ending(_ body: () async throws(Failure) -> Void) async -> Failure? {
        do throws(Failure) {
            try await body()
            return nil
        } catch { return error }
    }

    /// Says goodbye, and waits a moment for the other end to say it, too.
    package func close() async {
        guard ending == nil else { return }
        send(.close(AMQPMethod.Goodbye(code: 200, text: "")), on: 0)
        let (goodbye, loop) = (goodbye, stream.loop)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await goodbye.wait() }
            group.addTask { try? await loop.sleep(for: .seconds(1)) }
            await group.next()
            group.cancelAll()
        }
        end(.unavailable("The connection to the broker is closed."))
    }

    private func end(_ reason: Failure) {
        guard ending == nil else { return }
        ending = reason
        wake.finish()
        goodbye.keep(.failure(reason))
        for number in Array(channels.keys) { endChannel(number, reason) }
        stream.abandon()
    }

    private func read() async throws(Failure) {
        while true {
            let bytes: [UInt8]?
            do throws(Failure) { bytes = try await stream.read(by: .after(.seconds(heartbeat * 2))) } catch {
                guard error.kind == .timedOut else { throw error }
                throw .unavailable("The broker has been silent for \(heartbeat * 2) seconds.")
            }
            guard let bytes else { throw .unavailable("The broker hung up.") }
            frames.add(bytes)
            while let frame = try frames.next() { try take(frame) }
        }
    }

    private func write() async throws(Failure) {
        for await _ in wakes {
            while !output.isEmpty {
                let bytes = output
                output = []
                hasWritten = true
                try await stream.write(bytes, by: .after(.seconds(heartbeat * 2)))
            }
        }
    }

    /// Twice as often as promised, if there is nothing else to say.
    private func beat() async throws(Failure) {
        while true {
            do { try await stream.loop.sleep(for: .milliseconds(heartbeat * 500)) } catch { return }
            if !hasWritten { send(AMQPFrame(kind: .heartbeat, channel: 0, payload: [])) }
            hasWritten = false
        }
    }

    // MARK: What goes out

    func requireOpen() throws(Failure) { if let ending { throw ending } }

    func send(_ frame: AMQPFrame) {
        frame.write(to: &output)
        wake.yield()
    }

    func send(_ method: AMQPMethod, on channel: UInt16) {
        send(AMQPFrame(kind: .method, channel: channel, payload: method.payload))
    }

    // MARK: What comes in

    private func take(_ frame: AMQPFrame) throws(Failure) {
        if frame.kind == .heartbeat { return }
        guard frame.channel == 0 else { return try take(frame, on: frame.channel) }
        guard frame.kind == .method else { throw .malformed("a message comes on no channel") }
        switch try AMQPMethod(frame.payload) {
        case .close(let reason):
            send(.closeOk, on: 0)
            throw reason.failure
        case .closeOk: goodbye.keep(.success(()))
        case .blocked(let reason): blocked = reason
        case .unblocked: blocked = nil
        default: throw .malformed("it says something out of turn")
        }
    }

    func freeChannel() throws(Failure) -> UInt16 {
        for number in 1...max(1, channelLimit) where channels[number] == nil { return number }
        throw .unavailable("The broker takes no more than \(channelLimit) channels on one connection.")
    }
}

extension AMQPMethod.Goodbye {
    /// Numbers that the protocol gives to reasons.
    var failure: Failure {
        let kind: Failure.Kind =
            switch code {
            case 403: .forbidden
            case 404: .notFound
            case 405: .conflict
            case 406: .preconditionFailed
            default: .unavailable
            }
        return Failure(kind, "The broker says: \(text) (\(code)).")
    }
}
