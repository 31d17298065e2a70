package import Base
package import IO
import Synchronization

/// Asks other servers, over connections that are kept for the next request.
///
///     let client = HTTPClient(on: loops, trust: try TLSTrust(authorities: "/etc/martlet/ca.pem"))
///     let url = try HTTPURL("https://identity.example:5000/v3/auth/tokens")
///     let request = HTTPRequest("POST", url.target, headers: ["Content-Type": "application/json"], body: HTTPBody(json))
///     let reply = try await client.send(request, to: url.origin, by: .after(.seconds(10)))
///     let answer = try await reply.body.collect(limit: 1024 * 1024)
///
/// Any status is a reply; a redirect is not followed. Bodies stream both ways. A request is sent again only if that
/// cannot do harm: its method may be repeated, its body is known, and the kept connection it went out on was dead before
/// a byte came back.
package final class HTTPClient: Sendable {
    package struct Limits: Sendable {
        /// Servers of ours keep a silent connection for 75 seconds, many others for 5 to 60; to hang up first avoids that
        /// a request meets a goodbye on its way.
        package var idle: Duration = .seconds(4)
        /// Kept per server and loop: as many as usually ask at once.
        package var kept = 32
        /// How long a body may stand still, in either direction.
        package var slowBody: Duration = .seconds(60)
        /// How long a server may think about whether it wants a large body before it gets it unasked.
        package var expectation: Duration = .seconds(1)
        /// Bodies beyond this, or of unknown length, are announced first.
        package var announced = 1024 * 1024

        package init() {}
    }

    private struct Place: Hashable {
        let origin: HTTPOrigin
        let loop: ObjectIdentifier
    }

    private struct Kept {
        let connection: HTTPClientConnection
        let since: Deadline
    }

    private struct State {
        var kept: [Place: [Kept]] = [:]
        var isClosed = false
        var swept = Deadline.now
    }

    private let loops: Loops
    private let trust: TLSTrust?
    private let limits: Limits
    private let state = Mutex(State())

    /// - Parameter trust: without it, https is not spoken.
    package init(on loops: Loops, trust: TLSTrust? = nil, limits: Limits = Limits()) {
        self.loops = loops
        self.trust = trust
        self.limits = limits
    }

    /// - Parameter deadline: for the reply's head. Its body may take as long as it keeps coming.
    package func send(
        _ request: HTTPRequest, to origin: HTTPOrigin, by deadline: Deadline = .after(.seconds(60))
    ) async throws(Failure) -> HTTPReply {
        let loop = loops.here()
        while let connection = await takeKept(origin, on: loop) {
            do throws(HTTPClientConnection.Problem) {
                return try await connection.exchange(request, by: deadline)
            } catch {
                guard error.mayBeRepeated else { throw error.failure }
            }
        }
        let connection = try await connect(origin, by: deadline)
        do throws(HTTPClientConnection.Problem) {
            return try await connection.exchange(request, by: deadline)
        } catch {
            throw error.failure
        }
    }

    /// Closes what is kept. Replies that are still being read go on.
    package func close() async {
        let all = state.withLock { state in
            defer { state.kept = [:] }
            state.isClosed = true
            return state.kept.values.flatMap { $0 }
        }
        for kept in all { await kept.connection.close() }
    }

    private func connect(_ origin: HTTPOrigin, by deadline: Deadline) async throws(Failure) -> HTTPClientConnection {
        let stream = try await Stream.connect(to: origin.address, on: loops, by: deadline)
        do throws(Failure) {
            if origin.isEncrypted {
                guard let trust else { throw .bug("This client doesn't know whom to trust for \(origin).") }
                try await stream.secure(to: origin.certificateName, trusting: trust, by: deadline)
            }
        } catch {
            await stream.close()
            throw Failure(error.kind, "Cannot speak TLS with \(origin): \(error.message)", cause: error)
        }
        let limits = limits
        return HTTPClientConnection(stream, host: origin.host, limits: limits) { [weak self] connection in
            guard let self, await self.keep(connection, for: origin) else { return await connection.close() }
        }
    }

    // MARK: Kept connections

    private func takeKept(_ origin: HTTPOrigin, on loop: Loop) async -> HTTPClientConnection? {
        let place = Place(origin: origin, loop: ObjectIdentifier(loop))
        while let kept = state.withLock({ $0.kept[place]?.popLast() }) {
            if kept.since + limits.idle > .now, await kept.connection.isUsable { return kept.connection }
            await kept.connection.close()
        }
        return nil
    }

    /// False if there are enough, or the client is closed.
    private func keep(_ connection: HTTPClientConnection, for origin: HTTPOrigin) async -> Bool {
        let place = Place(origin: origin, loop: ObjectIdentifier(connection.stream.loop))
        let (isKept, expired) = state.withLock { state in
            let expired = HTTPClient.sweep(&state, limits.idle)
            guard !state.isClosed, state.kept[place, default: []].count < limits.kept else { return (false, expired) }
            state.kept[place, default: []].append(Kept(connection: connection, since: .now))
            return (true, expired)
        }
        for kept in expired { await kept.connection.close() }
        return isKept
    }

    /// What has been silent for too long, everywhere; looked for once in a while, when a connection comes back.
    private static func sweep(_ state: inout State, _ idle: Duration) -> [Kept] {
        let now = Deadline.now
        guard state.swept + idle < now else { return [] }
        state.swept = now
        var expired: [Kept] = []
        for (place, kept) in state.kept {
            let fresh = kept.filter { $0.since + idle > now }
            guard fresh.count < kept.count else { continue }
            expired += kept.filter { $0.since + idle <= now }
            state.kept[place] = fresh.isEmpty ? nil : fresh
        }
        return expired
    }
}

/// What a server answered.
package struct HTTPReply: Sendable {
    package let status: Int
    package let headers: HTTPHeaders
    /// To be read to its end (or dropped: that costs the connection).
    package let body: HTTPBody
}
