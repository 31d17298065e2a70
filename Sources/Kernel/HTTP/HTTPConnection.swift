import Base
import IO

/// One connection of a server: requests one after the other, each answered before the next is read.
///
/// An actor on the loop of its socket. Its whole life is `serve()`, one task; a handler that doesn't wait for anything
/// costs no switch of task or thread.
actor HTTPConnection {
    let socket: Socket
    let service: HTTPService
    nonisolated var unownedExecutor: UnownedSerialExecutor { socket.loop.asUnownedSerialExecutor() }

    var input = HTTPInput()
    var framing: HTTPFraming?
    /// Counts the requests, so that the body of one that is answered reads nothing of the next.
    var message: UInt64 = 0
    var outgoing = Outgoing.done
    /// The client holds its body back until it hears that it is wanted.
    var awaitsContinue = false

    private let tls: TLSIdentity?
    private let local: SocketAddress?
    private let peer: SocketAddress?
    private var isIdle = false
    private(set) var isStopping = false
    /// The client may still be sending: hanging up at once would destroy the answer on its way.
    var mustLinger = false

    init(_ socket: Socket, service: HTTPService, tls: TLSIdentity?) {
        self.socket = socket
        self.service = service
        self.tls = tls
        local = socket.local
        peer = socket.peer
    }

    func serve() async {
        defer { socket.close() }
        if let tls {
            guard (try? await socket.secure(as: tls, by: socket.deadline(service.slowHead))) != nil else { return }
        }
        while let request = await nextRequest() {
            let response = await service.handler(request)
            guard await answer(request, with: response) else { break }
        }
        if mustLinger { await linger() }
    }

    /// Finishes what is in flight and takes no more.
    func stop() async {
        isStopping = true
        if isIdle { socket.close() }
    }

    func abort() { socket.close() }

    // MARK: The next request

    /// nil when the connection is over: silent for too long, closed, stopping, or unreadable (which has been answered).
    private func nextRequest() async -> HTTPRequest? {
        do throws(HTTPRefusal) {
            guard let head = try await readHead() else { return nil }
            return try request(head)
        } catch {
            await refuse(error)
            return nil
        }
    }

    private func readHead() async throws(HTTPRefusal) -> HTTPHeadParser? {
        var parser = HTTPHeadParser(.request, limits: service.limits, start: input.place)
        var deadline: Deadline?
        while try !parser.parse(input.bytes.span) {
            let hasBegun = !input.isEmpty
            if hasBegun && deadline == nil { deadline = socket.deadline(service.slowHead) }
            do throws(Failure) {
                guard let bytes = try await readMore(by: deadline) else { return nil }
                input.add(bytes)
            } catch {
                if hasBegun && error.kind == .timedOut {
                    throw HTTPRefusal(408, "The request took too long to arrive.")
                }
                return nil
            }
            if !hasBegun { parser = HTTPHeadParser(.request, limits: service.limits, start: 0) }
        }
        return parser
    }

    /// - Parameter deadline: nil between requests.
    private func readMore(by deadline: Deadline?) async throws(Failure) -> [UInt8]? {
        if let deadline { return try await socket.read(by: deadline) }
        guard !isStopping else { return nil }
        input.release()
        isIdle = true
        defer { isIdle = false }
        return try await socket.read(by: socket.deadline(service.idle))
    }

    private func request(_ head: HTTPHeadParser) throws(HTTPRefusal) -> HTTPRequest {
        let headers = HTTPHeaders(bytes: input.bytes, fields: head.fields)
        guard case .request(let method, let target) = head.startLine else { throw .malformed("This is no request.") }
        let framing = try HTTPFraming(request: headers, minorVersion: head.minorVersion)
        var request = try HTTPRequest(head: head, headers: headers, method: method, target: target)
        request.scheme = tls == nil ? "http" : "https"
        request.peer = peer
        request.local = local
        input.begin(framing.body, at: head.end)
        awaitsContinue = framing.expectsContinue
        message += 1
        self.framing = framing
        if framing.body != .none {
            var length: Int?
            if case .length(let count) = framing.body { length = count }
            request.body = HTTPBody(length: length, source: self, message: message)
        }
        return request
    }

    private func refuse(_ refusal: HTTPRefusal) async {
        framing = nil
        input.breakOff()
        mustLinger = true
        message += 1
        var response = service.refusal(refusal)
        if case .webSocket = response.body { response.body = .none }
        _ = try? await write(response, isHead: false, keepsAlive: false)
    }

    // MARK: The end

    /// For one connection too many: says so without waiting for what it has to say.
    func turnAway() async {
        if tls == nil { await refuse(HTTPRefusal(503, "There are too many connections just now.")) }
        socket.close()
    }

    /// How long, and for how much, a client is listened to that didn't stop sending.
    private static let lingering = (time: Duration.seconds(2), bytes: 4 * 1024 * 1024)

    private func linger() async {
        socket.finishWriting()
        let deadline = Deadline.after(HTTPConnection.lingering.time)
        var left = HTTPConnection.lingering.bytes
        while left > 0, let bytes = try? await socket.read(by: deadline) { left -= bytes.count }
    }
}
