import API
import Base
import HTTP
import IO
import Synchronization

/// By which services reach one another: through the door of this process where it has one, over the network where the
/// APIs are elsewhere. They are made before the door is that leads to them.
final class Switchboard: Sendable {
    private let door = Mutex<Door?>(nil)
    private let road: Ground.Road
    private let elsewhere: Gateway?

    init(_ road: @escaping Ground.Road, elsewhere: Gateway? = nil) {
        self.road = road
        self.elsewhere = elsewhere
    }

    func connect(_ door: Door) { self.door.withLock { $0 = door } }

    func neighbour(_ name: String, asker: String) -> Neighbour {
        Neighbour(name, asker: asker) { request throws(Failure) in
            if let elsewhere = self.elsewhere { return try await elsewhere.send(request) }
            guard let door = self.door.withLock({ $0 }) else { throw .unavailable("The cloud is still starting.") }
            return try await self.road(request) { await door.respond(to: $0) }
        }
    }
}

/// Where all services stand behind one address, on another machine.
struct Gateway: Sendable {
    private let url: HTTPURL
    private let client: HTTPClient

    /// How long a service may think before it begins to answer.
    private static let patience: Duration = .seconds(120)

    /// - Parameter address: `http://controller:8088`
    init(_ address: String, on loops: Loops, trust: TLSTrust) throws(Failure) {
        url = try HTTPURL(address)
        client = HTTPClient(on: loops, trust: trust)
    }

    func send(_ request: HTTPRequest) async throws(Failure) -> HTTPResponse {
        var headers = request.headers
        headers["Host"] = url.origin.host
        let prefix = url.target.hasSuffix("/") ? String(url.target.dropLast()) : url.target
        let moved = HTTPRequest(request.method, prefix + request.target, headers: headers, body: request.body)
        let reply = try await client.send(moved, to: url.origin, by: .after(Gateway.patience))
        let body = reply.body
        return HTTPResponse(
            reply.status, headers: reply.headers,
            body: .stream(length: body.length) { writer in
                while let piece = try await body.next() { try await writer.write(piece) }
            })
    }
}
