package import Base
package import HTTP
package import IO
import Synchronization
import Trace

/// Another service, asked over its REST API with somebody's token: through the door of this process where it lives in
/// it, over the network where it doesn't. Either way it checks the token and the rules, every time.
package struct Neighbour: Sendable {
    package typealias Transport = @Sendable (HTTPRequest) async throws(Failure) -> HTTPResponse

    /// `image`: its name, and its path behind the gateway.
    package let name: String
    /// The role that asks, as traces have it.
    package let asker: String
    private let transport: Transport

    package init(_ name: String, asker: String, transport: @escaping Transport) {
        self.name = name
        self.asker = asker
        self.transport = transport
    }

    /// Bodies of answers that are read whole. Larger things are streamed by `open`.
    private static let answerLimit = 16 << 20

    package struct Answer: Sendable {
        package let status: Int
        package let headers: HTTPHeaders
        package let json: JSON
    }

    /// Sends a request and reads its JSON. What the service refuses is thrown in its own words.
    package func ask(
        _ method: String, _ path: String, _ body: JSON? = nil, token: String, headers: HTTPHeaders = HTTPHeaders()
    ) async throws(Failure) -> Answer {
        try await Tracing.span("\(method) /\(name)\(path.prefix { $0 != "?" })", .rest, by: asker) {
            () async throws(Failure) in
            let response = try await send(method, path, body, token, headers)
            let bytes = try await response.collect(limit: Neighbour.answerLimit)
            let json = bytes.isEmpty ? JSON.null : (try? JSONReader.read(bytes)) ?? .null
            guard response.status < 400 else { throw refusal(response.status, json) }
            return Answer(status: response.status, headers: response.headers, json: json)
        }
    }

    /// The same, with the body left to be read piece by piece.
    package func open(_ method: String, _ path: String, token: String) async throws(Failure) -> HTTPResponse {
        let response = try await send(method, path, nil, token, HTTPHeaders())
        guard response.status < 400 else {
            let bytes = try await response.collect(limit: Neighbour.answerLimit)
            throw refusal(response.status, (try? JSONReader.read(bytes)) ?? .null)
        }
        return response
    }

    /// Sends bytes that are read piece by piece as they are sent.
    package func put(_ path: String, _ bytes: HTTPBody, token: String) async throws(Failure) {
        var headers: HTTPHeaders = ["Host": "localhost", "X-Auth-Token": token]
        headers.append("Content-Type", "application/octet-stream")
        if let requestID = Tracing.current?.requestID { headers.append("X-Openstack-Request-Id", requestID) }
        let response = try await transport(HTTPRequest("PUT", "/\(name)\(path)", headers: headers, body: bytes))
        guard response.status >= 400 else { return }
        let answer = try await response.collect(limit: Neighbour.answerLimit)
        throw refusal(response.status, (try? JSONReader.read(answer)) ?? .null)
    }

    /// Sends a file, piece by piece, as it is; nothing at all without one.
    package func upload(_ path: String, _ file: FileSlice? = nil, token: String) async throws(Failure) {
        try await Tracing.span("PUT /\(name)\(path)", .rest, by: asker) { () async throws(Failure) in
            let headers: HTTPHeaders = [
                "Host": "localhost", "X-Auth-Token": token, "Content-Type": "application/octet-stream",
            ]
            let body = file.map(Neighbour.pieces) ?? .empty
            let response = try await transport(HTTPRequest("PUT", "/\(name)\(path)", headers: headers, body: body))
            let bytes = try await response.collect(limit: Neighbour.answerLimit)
            guard response.status < 400 else {
                throw refusal(response.status, (try? JSONReader.read(bytes)) ?? .null)
            }
        }
    }

    private static func pieces(of file: FileSlice) -> HTTPBody {
        let place = Place()
        return HTTPBody(length: file.length) { () throws(Failure) in
            let range = place.next(upTo: file.length)
            return range.isEmpty ? nil : try file.read(range)
        }
    }

    /// How far a file has been sent.
    private final class Place: Sendable {
        private let offset = Mutex(0)
        private static let piece = 1 << 20

        func next(upTo end: Int) -> Range<Int> {
            offset.withLock { offset in
                let range = offset..<min(end, offset + Place.piece)
                offset = range.upperBound
                return range
            }
        }
    }

    private func send(
        _ method: String, _ path: String, _ body: JSON?, _ token: String, _ headers: HTTPHeaders
    ) async throws(Failure) -> HTTPResponse {
        var headers = headers
        headers.append("Host", "localhost")
        headers.append("X-Auth-Token", token)
        if body != nil, !headers.contains("Content-Type") { headers.append("Content-Type", "application/json") }
        if let requestID = Tracing.current?.requestID { headers.append("X-Openstack-Request-Id", requestID) }
        let bytes = body.map { HTTPBody($0.text) } ?? .empty
        return try await transport(HTTPRequest(method, "/\(name)\(path)", headers: headers, body: bytes))
    }

    private func refusal(_ status: Int, _ json: JSON) -> Failure {
        let kind = Failure.Kind.allCases.first { $0.status == status && $0 != .overQuota }
        let message = Neighbour.message(in: json) ?? "The \(name) service answered with \(status)."
        return Failure(kind ?? (status < 500 ? .invalid : .unavailable), message)
    }

    /// The message, wherever the service's dialect puts it.
    private static func message(in json: JSON) -> String? {
        if let text = json["message"]?.string ?? json["detail"]?.string { return text }
        if let first = json["errors"]?.array?.first { return message(in: first) }
        for member in json.object?.members ?? [] {
            if let text = member.value["message"]?.string { return text }
        }
        return nil
    }
}

extension Door {
    /// A neighbour in the same process.
    package func neighbour(_ name: String, asker: String) -> Neighbour {
        Neighbour(name, asker: asker) { request in await self.respond(to: request) }
    }
}
