package import Base
package import IO
import Synchronization

/// What a handler answers.
///
///     HTTPResponse(200, headers: ["Content-Type": "application/json"], body: .bytes(json))
///     HTTPResponse(204)
///     HTTPResponse(200, body: .file(try FileSlice(path: path)))
///     HTTPResponse(200, body: .stream(length: nil) { body in for … { try await body.write(piece) } })
///
/// Content-Length, Transfer-Encoding, Connection and Date are the connection's business. Only where no body is sent
/// (HEAD, 304) does a Content-Length of the handler's stand.
package struct HTTPResponse: Sendable {
    package enum Body: Sendable {
        case none
        case bytes([UInt8])
        /// Sent by the kernel straight from the page cache.
        case file(FileSlice)
        /// Written piece by piece; without a length it is chunked. An error breaks the connection off, so that the client
        /// never takes a part for the whole.
        case stream(length: Int?, @Sendable (HTTPBodyWriter) async throws -> Void)
        /// Switches the connection over, if the client asked for that (else it gets a 426). Ends when the handler does.
        case webSocket(subprotocol: String?, @Sendable (WebSocket) async -> Void)
    }

    package var status: Int
    package var headers: HTTPHeaders
    package var body: Body

    package init(_ status: Int, headers: HTTPHeaders = HTTPHeaders(), body: Body = .none) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Where a handler writes a body that it makes piece by piece.
package struct HTTPBodyWriter: Sendable {
    private let sink: any HTTPBodySink
    private let message: UInt64

    init(sink: any HTTPBodySink, message: UInt64) {
        self.sink = sink
        self.message = message
    }

    /// Returns when the kernel has taken it: a slow client holds its own response back and nothing else.
    package func write(_ bytes: [UInt8]) async throws(Failure) {
        guard !bytes.isEmpty else { return }
        try await sink.take(bytes, of: message)
    }

    package func write(_ text: String) async throws(Failure) { try await write(Array(text.utf8)) }
}

protocol HTTPBodySink: AnyObject, Sendable {
    func take(_ bytes: [UInt8], of message: UInt64) async throws(Failure)
}

extension HTTPResponse {
    /// The whole body, for a caller in the same process.
    package func collect(limit: Int) async throws(Failure) -> [UInt8] {
        switch body {
        case .none: return []
        case .bytes(let bytes):
            guard bytes.count <= limit else { throw Gathering.tooLarge(limit) }
            return bytes
        case .file(let slice):
            guard slice.length <= limit else { throw Gathering.tooLarge(limit) }
            return try slice.read()
        case .stream(_, let produce):
            let gathering = Gathering(limit: limit)
            do { try await produce(HTTPBodyWriter(sink: gathering, message: 0)) } catch { throw Failure(error) }
            return gathering.bytes
        case .webSocket: throw .invalid("A WebSocket has no body.")
        }
    }
}

extension HTTPResponse {
    /// Large enough that a piece's cost doesn't count, small enough that nobody minds it in memory.
    private static let pieceSize = 1 << 20

    /// The body piece by piece, for a caller in the same process that doesn't want all of it in memory.
    package func read(_ take: @escaping @Sendable ([UInt8]) async throws(Failure) -> Void) async throws(Failure) {
        switch body {
        case .none: return
        case .bytes(let bytes): try await take(bytes)
        case .file(let slice):
            for start in stride(from: 0, to: slice.length, by: HTTPResponse.pieceSize) {
                try await take(try slice.read(start..<min(start + HTTPResponse.pieceSize, slice.length)))
            }
        case .stream(_, let produce):
            do { try await produce(HTTPBodyWriter(sink: Passing(take), message: 0)) } catch { throw Failure(error) }
        case .webSocket: throw .invalid("A WebSocket has no body.")
        }
    }
}

private final class Passing: HTTPBodySink {
    private let pass: @Sendable ([UInt8]) async throws(Failure) -> Void

    init(_ pass: @escaping @Sendable ([UInt8]) async throws(Failure) -> Void) { self.pass = pass }

    func take(_ bytes: [UInt8], of message: UInt64) async throws(Failure) { try await pass(bytes) }
}

private final class Gathering: HTTPBodySink {
    private let limit: Int
    private let gathered = Mutex<[UInt8]>([])

    init(limit: Int) { self.limit = limit }

    var bytes: [UInt8] { gathered.withLock { $0 } }

    func take(_ bytes: [UInt8], of message: UInt64) async throws(Failure) {
        let count = gathered.withLock { gathered in
            gathered += bytes
            return gathered.count
        }
        guard count <= limit else { throw Gathering.tooLarge(limit) }
    }

    static func tooLarge(_ limit: Int) -> Failure { Failure(.tooLarge, "The response is larger than \(limit) bytes.") }
}
