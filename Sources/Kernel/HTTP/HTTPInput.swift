import IO

/// What has come in on a connection and isn't used yet: the bytes, and how the body that is being read ends.
struct HTTPInput {
    enum Body {
        case length(left: Int)
        case chunked(HTTPChunks)
        case untilClose
        case done
        /// What comes next cannot be told from the body any more: the connection is of no further use.
        case broken
    }

    enum Piece {
        case data([UInt8])
        case end
        /// Nothing without more bytes, of which so many may be read.
        case needsMore(upTo: Int)
    }

    /// What is handed over at once at most: as much as is worth a call, and no more memory than that per connection.
    static let largestPiece = 256 * 1024

    private(set) var bytes: [UInt8] = []
    /// Where the unused ones begin.
    private(set) var place = 0
    private(set) var body = Body.done

    var isEmpty: Bool { place == bytes.count }

    var isBodyDone: Bool {
        if case .done = body { return true }
        return false
    }

    /// What is there and isn't used yet.
    var rest: ArraySlice<UInt8> { bytes[place...] }

    mutating func add(_ more: [UInt8]) {
        if isEmpty {
            bytes = more
            place = 0
        } else {
            bytes += more
        }
    }

    /// Gives the memory back while nothing is there.
    mutating func release() {
        guard isEmpty else { return }
        bytes = []
        place = 0
    }

    /// The head ends there, and a body follows that is framed so.
    mutating func begin(_ framing: HTTPFraming.Body, at end: Int) {
        place = end
        switch framing {
        case .none: body = .done
        case .length(let length): body = .length(left: length)
        case .chunked: body = .chunked(HTTPChunks())
        case .untilClose: body = .untilClose
        }
    }

    mutating func breakOff() { body = .broken }

    /// So much of a body of known length went past here, straight to who reads it.
    mutating func pass(_ count: Int) {
        guard isEmpty, case .length(let left) = body else { preconditionFailure("Only a body's own bytes can pass.") }
        body = count == left ? .done : .length(left: left - count)
    }

    /// All that is there, for a connection that is switched over to something else.
    mutating func takeRest() -> [UInt8] {
        defer { (bytes, place) = ([], 0) }
        return Array(bytes[place...])
    }

    mutating func nextPiece() throws(HTTPRefusal) -> Piece {
        switch body {
        case .done: return .end
        case .broken: throw .malformed("The body is broken.")
        case .untilClose: return isEmpty ? .needsMore(upTo: HTTPInput.largestPiece) : .data(take(.max))
        case .length(let left):
            guard !isEmpty else { return .needsMore(upTo: min(left, HTTPInput.largestPiece)) }
            let piece = take(left)
            body = piece.count == left ? .done : .length(left: left - piece.count)
            return .data(piece)
        case .chunked(let chunks): return try nextPiece(chunks)
        }
    }

    private mutating func nextPiece(_ chunks: HTTPChunks) throws(HTTPRefusal) -> Piece {
        var chunks = chunks
        var piece: [UInt8] = []
        do throws(HTTPRefusal) {
            try chunks.decode(bytes, from: &place, into: &piece, upTo: HTTPInput.largestPiece)
        } catch {
            body = .broken
            throw error
        }
        dropUsed()
        body = chunks.isDone ? .done : .chunked(chunks)
        if !piece.isEmpty { return .data(piece) }
        return chunks.isDone ? .end : .needsMore(upTo: Socket.usualRead)
    }

    private mutating func take(_ limit: Int) -> [UInt8] {
        if place == 0 && bytes.count <= limit {
            defer { bytes = [] }
            return bytes
        }
        let end = place + min(bytes.count - place, limit)
        let piece = Array(bytes[place..<end])
        place = end
        dropUsed()
        return piece
    }

    /// The other end has closed. Whether the body is whole.
    mutating func close() -> Bool {
        switch body {
        case .done: return true
        case .untilClose:
            body = .done
            return true
        case .length, .chunked, .broken:
            body = .broken
            return false
        }
    }

    private mutating func dropUsed() {
        if isEmpty {
            (bytes, place) = ([], 0)
        } else if place > Socket.usualRead {
            bytes.removeFirst(place)
            place = 0
        }
    }
}
