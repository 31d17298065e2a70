package import Base
package import IO
import Synchronization

/// The body of a message, as it comes in piece by piece.
///
///     let document = try await request.body.collect(limit: 1024 * 1024)
///     while let bytes = try await request.body.next() { … }
///
/// Nothing is read from the socket before somebody asks for it, so a slow reader holds the sender back. A body is read
/// once, and only until its message is answered.
package struct HTTPBody: Sendable {
    /// In bytes; nil if the sender didn't say.
    package let length: Int?
    private let source: (any HTTPBodySource)?
    private let message: UInt64

    package static let empty = HTTPBody(length: 0, source: nil, message: 0)

    /// - Parameter message: which of its messages the source is asked about, so that an old body never reads a new one.
    init(length: Int?, source: (any HTTPBodySource)?, message: UInt64) {
        self.length = length
        self.source = source
        self.message = message
    }

    package init(_ bytes: [UInt8]) {
        self.init(length: bytes.count, source: bytes.isEmpty ? nil : HeldBytes(bytes), message: 0)
    }

    package init(_ text: String) { self.init(Array(text.utf8)) }

    /// - Parameter next: the next piece; nil at the end.
    package init(length: Int?, next: @escaping @Sendable () async throws(Failure) -> [UInt8]?) {
        self.init(length: length, source: Pieces(next), message: 0)
    }

    package var isEmpty: Bool { source == nil }

    /// All of it, if it is in memory: what can be sent twice.
    var held: [UInt8]? { (source as? HeldBytes)?.all }

    /// The next piece, of whatever size has come; nil at the end.
    package func next() async throws(Failure) -> [UInt8]? { try await source?.nextPiece(of: message) }

    /// Reads on into a block, for bodies that are too large to be held: as much as has come. False at the end.
    package func fill(_ block: Block) async throws(Failure) -> Bool {
        try await source?.fill(block, of: message) ?? false
    }

    /// All of it, if that is not more than `limit`.
    package func collect(limit: Int) async throws(Failure) -> [UInt8] {
        if let length, length > limit { throw HTTPBody.tooLarge(limit) }
        guard var whole = try await next() else { return [] }
        while true {
            guard whole.count <= limit else { throw HTTPBody.tooLarge(limit) }
            guard let piece = try await next() else { return whole }
            whole.append(contentsOf: piece)
        }
    }

    private static func tooLarge(_ limit: Int) -> Failure {
        Failure(.tooLarge, "The body is larger than the \(limit) bytes that are allowed here.")
    }
}

/// Where the pieces of a body come from.
protocol HTTPBodySource: AnyObject, Sendable {
    func nextPiece(of message: UInt64) async throws(Failure) -> [UInt8]?
    func fill(_ block: Block, of message: UInt64) async throws(Failure) -> Bool
}

extension HTTPBodySource {
    func fill(_ block: Block, of message: UInt64) async throws(Failure) -> Bool {
        guard let piece = try await nextPiece(of: message) else { return false }
        block.append(piece)
        return true
    }
}

private final class HeldBytes: HTTPBodySource {
    let all: [UInt8]
    private let isRead = Mutex(false)

    init(_ bytes: [UInt8]) { all = bytes }

    func nextPiece(of message: UInt64) async throws(Failure) -> [UInt8]? {
        isRead.withLock { isRead in
            defer { isRead = true }
            return isRead ? nil : all
        }
    }
}

private final class Pieces: HTTPBodySource {
    private let next: @Sendable () async throws(Failure) -> [UInt8]?

    init(_ next: @escaping @Sendable () async throws(Failure) -> [UInt8]?) { self.next = next }

    func nextPiece(of message: UInt64) async throws(Failure) -> [UInt8]? { try await next() }
}
