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
    private let route: HTTPRequest.Route
    private var isIdle = false
    private(set) var isStopping = false
    /// The client may still be sending: hanging up at once would destroy the answer on its way.
    var mustLinger = false

    init(_ socket: Socket, service: HTTPService, tls: TLSIdentity?) {
        self.socket = socket
        self.service = service
        self.tls = tls
        route = HTTPRequest.Route(scheme: tls == nil ? "http" : "https", peer: socket.peer, local: socket.local)
    }

    func serve() async {
        defer { socket.close() }
        if let tls {
            guard (try? await socket.secure(as: tls, by: socket.deadline(service.slowHead))) != nil else { return }
        }
        while let request = await nextRequest() {
            let response = await service.handler(request)
            if let rest = answerAtOnce(request, with: response) {
                if rest.isEmpty { continue }
                guard (try? await socket.write(Array(rest), by: patience)) != nil else { break }
            } else {
                guard await answer(request, with: response) else { break }
            }
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
    ///
    /// One function, since each level between it and the socket costs every request a look-up of executors.
    private func nextRequest() async -> HTTPRequest? {
        var parser = HTTPHeadParser(.request, limits: service.limits, start: input.place)
        var deadline: Deadline?
        while true {
            do throws(HTTPRefusal) {
                if try parser.parse(input.bytes.span) { return try request(parser) }
            } catch {
                await refuse(error)
                return nil
            }
            let hasBegun = !input.isEmpty
            if !hasBegun {
                guard !isStopping else { return nil }
                input.release()
                parser = HTTPHeadParser(.request, limits: service.limits, start: 0)
            }
            let patience = hasBegun ? deadline ?? socket.deadline(service.slowHead) : socket.deadline(service.idle)
            if hasBegun { deadline = patience }
            do throws(Failure) {
                if let bytes = try socket.readArrived() {
                    guard !bytes.isEmpty else { return nil }
                    input.add(bytes)
                    continue
                }
                isIdle = !hasBegun
                defer { isIdle = false }
                try await socket.wait(.reading, by: patience)
            } catch {
                guard hasBegun, error.kind == .timedOut else { return nil }
                await refuse(HTTPRefusal(408, "The request took too long to arrive."))
                return nil
            }
        }
    }

    private func request(_ head: HTTPHeadParser) throws(HTTPRefusal) -> HTTPRequest {
        let headers = HTTPHeaders(bytes: input.bytes, fields: head.fields)
        guard case .request(let method, let target) = head.startLine else { throw .malformed("This is no request.") }
        let framing = try HTTPFraming(request: headers, minorVersion: head.minorVersion)
        var request = try HTTPRequest(headers: headers, method: method, target: target, route: route)
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
        var request = HTTPRequest(beginningWith: input.rest)
        request.route = route
        var response = service.refusal(refusal, request)
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
