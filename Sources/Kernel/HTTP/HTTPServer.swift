package import Base
package import IO
import Synchronization

/// An HTTP/1.1 server on the event loops.
///
///     let loops = Loops()
///     let server = try HTTPServer(on: loops, listeners: [.init(.tcp(host: "127.0.0.1", port: 5000))]) { request in
///         guard request.path == "/v3" else { return HTTPResponse(404) }
///         return HTTPResponse(200, headers: ["Content-Type": "application/json"], body: .bytes(document))
///     }
///     print(server.addresses)       // it is bound: who connects now is served as soon as `run` is called
///     try await server.run()        // until the task is cancelled; then it finishes what is in flight
///
/// A handler runs on the loop of its connection, in the connection's own task, and must not block it: blocking calls go
/// to a `Pool`. It is never cancelled because a client went away; it notices when it reads the body or writes one.
package final class HTTPServer: Sendable {
    package typealias Handler = @Sendable (HTTPRequest) async -> HTTPResponse

    package struct Listen: Sendable {
        package let address: Address
        package let tls: TLSIdentity?
        /// Who may connect to a Unix socket.
        package let mode: UInt32

        package init(_ address: Address, tls: TLSIdentity? = nil, mode: UInt32 = 0o600) {
            self.address = address
            self.tls = tls
            self.mode = mode
        }
    }

    /// Where it listens, in the order asked for, with the ports that the kernel chose where 0 was asked for.
    package let addresses: [SocketAddress]

    private let loops: Loops
    private let listeners: [(listener: Listener, tls: TLSIdentity?)]
    private let service: HTTPService
    private let connections: HTTPConnections

    /// - Parameters:
    ///   - refusal: shapes the answers that are given before a handler is asked: malformed, too large, too slow. It is
    ///     given what could be read of the request: its method and how its path begins, or a path that is `/`.
    package init(
        on loops: Loops, listeners wanted: [Listen], limits: HTTPLimits = HTTPLimits(),
        clock: any Clock = SystemClock(),
        refusal: @escaping @Sendable (HTTPRefusal, HTTPRequest) -> HTTPResponse = HTTPServer.plainRefusal,
        handler: @escaping Handler
    ) throws(Failure) {
        var listeners: [(listener: Listener, tls: TLSIdentity?)] = []
        var addresses: [SocketAddress] = []
        for listen in wanted {
            let bound = try HTTPServer.bind(listen, loops)
            addresses.append(bound[0].local)
            listeners += bound.map { ($0, listen.tls) }
        }
        self.loops = loops
        self.listeners = listeners
        self.addresses = addresses
        service = HTTPService(handler: handler, refusal: refusal, limits: limits, clock: clock)
        connections = HTTPConnections(limit: limits.connections)
    }

    package static func plainRefusal(_ refusal: HTTPRefusal, of request: HTTPRequest) -> HTTPResponse {
        HTTPResponse(
            refusal.status, headers: ["Content-Type": "text/plain"], body: .bytes(Array((refusal.message + "\n").utf8)))
    }

    /// A TCP port has a listener on each loop, and the kernel deals connections out; a Unix socket has one.
    private static func bind(_ listen: Listen, _ loops: Loops) throws(Failure) -> [Listener] {
        guard case .tcp = listen.address else {
            return [try Listener(listen.address, on: loops.next(), mode: listen.mode)]
        }
        var bound: [Listener] = []
        for loop in loops.all {
            let address = bound.first?.local.address ?? listen.address
            bound.append(try Listener(address, on: loop, sharesPort: loops.all.count > 1))
        }
        return bound
    }

    /// Serves until the task is cancelled, then stops: accepts no more, lets requests in flight finish for as long as the
    /// limits say, and hangs up.
    package func run() async throws(Failure) {
        let problem = await withTaskGroup(of: Failure?.self) { group in
            for (listener, tls) in listeners {
                group.addTask(executorPreference: listener.loop) { await self.accept(from: listener, tls) }
            }
            var first: Failure?
            for await problem in group where first == nil {
                first = problem
                if problem != nil { group.cancelAll() }
            }
            return first
        }
        for (listener, _) in listeners { await listener.close() }
        await connections.stop(within: service.limits.stop, on: loops.next())
        if let problem { throw problem }
    }

    /// What it ended with, if it wasn't asked to.
    private func accept(from listener: Listener, _ tls: TLSIdentity?) async -> Failure? {
        let isUnix = listener.local.port == nil
        do throws(Failure) {
            while let socket = try await listener.acceptSocket(on: isUnix ? loops.next() : listener.loop) {
                connections.admit(HTTPConnection(socket, service: service, tls: tls))
            }
            return nil
        } catch {
            return Task.isCancelled ? nil : error
        }
    }
}

/// What all connections of a server share.
final class HTTPService: Sendable {
    let handler: HTTPServer.Handler
    let refusal: @Sendable (HTTPRefusal, HTTPRequest) -> HTTPResponse
    let limits: HTTPLimits
    let date: HTTPDateLine
    let idle: Patience
    let slowHead: Patience
    let slowBody: Patience

    init(
        handler: @escaping HTTPServer.Handler,
        refusal: @escaping @Sendable (HTTPRefusal, HTTPRequest) -> HTTPResponse,
        limits: HTTPLimits, clock: any Clock
    ) {
        self.handler = handler
        self.refusal = refusal
        self.limits = limits
        date = HTTPDateLine(clock: clock)
        idle = Patience(limits.idle)
        slowHead = Patience(limits.slowHead)
        slowBody = Patience(limits.slowBody)
    }
}
