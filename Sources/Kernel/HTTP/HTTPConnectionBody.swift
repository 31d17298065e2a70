import Base
import IO

/// The body of the request that is being handled, read as the handler asks for it.
extension HTTPConnection: HTTPBodySource {
    enum Incoming {
        case length(left: Int)
        case chunked(HTTPChunks)
        case done
        /// What comes next cannot be told from the body any more: the connection ends with this answer.
        case broken
    }

    /// What is handed over at once at most: as much as is worth a call, and no more memory than that per connection.
    private static let largestPiece = 256 * 1024

    func begin(_ framing: HTTPFraming) {
        awaitsContinue = framing.expectsContinue
        switch framing.body {
        case .none, .untilClose: incoming = .done
        case .length(let length): incoming = .length(left: length)
        case .chunked: incoming = .chunked(HTTPChunks())
        }
    }

    func nextPiece(of message: UInt64) async throws(Failure) -> [UInt8]? {
        guard message == self.message else { throw .bug("A body is read after its request was answered.") }
        do throws(Failure) {
            return try await nextPiece()
        } catch {
            incoming = .broken
            throw error
        }
    }

    private func nextPiece() async throws(Failure) -> [UInt8]? {
        switch incoming {
        case .done: return nil
        case .broken: throw .invalid("The request's body is broken.")
        case .length(let left): return try await nextPiece(left)
        case .chunked(let chunks): return try await nextPiece(chunks)
        }
    }

    private func nextPiece(_ left: Int) async throws(Failure) -> [UInt8]? {
        let piece: [UInt8]
        if place < input.count {
            let end = min(input.count, place + left)
            piece = Array(input[place..<end])
            place = end
            dropUsedInput()
        } else {
            piece = try await readBody(upTo: min(left, HTTPConnection.largestPiece))
        }
        incoming = piece.count == left ? .done : .length(left: left - piece.count)
        return piece
    }

    private func nextPiece(_ chunks: HTTPChunks) async throws(Failure) -> [UInt8]? {
        var chunks = chunks
        var piece: [UInt8] = []
        while true {
            do throws(HTTPRefusal) {
                try chunks.decode(input, from: &place, into: &piece, upTo: HTTPConnection.largestPiece)
            } catch { throw .invalid(error.message) }
            incoming = chunks.isDone ? .done : .chunked(chunks)
            if chunks.isDone || !piece.isEmpty {
                dropUsedInput()
                return piece.isEmpty ? nil : piece
            }
            dropUsedInput()
            input.append(contentsOf: try await readBody(upTo: Socket.usualRead))
        }
    }

    private func readBody(upTo limit: Int) async throws(Failure) -> [UInt8] {
        if awaitsContinue {
            awaitsContinue = false
            try await socket.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), by: socket.deadline(service.slowBody))
        }
        guard let bytes = try await socket.read(upTo: limit, by: socket.deadline(service.slowBody)) else {
            throw .invalid("The request's body ended early.")
        }
        awaitsContinue = false
        return bytes
    }

    private func dropUsedInput() {
        if place == input.count {
            input = []
            place = 0
        } else if place > Socket.usualRead {
            input.removeFirst(place)
            place = 0
        }
    }

    /// Whether the connection is free for the next request: what the handler left unread is read away if that isn't much.
    func skipRestOfBody() async -> Bool {
        var skipped = 0
        while true {
            if case .done = incoming { return true }
            if case .broken = incoming { return false }
            guard !awaitsContinue, skipped <= service.limits.unreadBody else { return false }
            if case .length(let left) = incoming, left > service.limits.unreadBody { return false }
            guard let piece = try? await nextPiece(of: message) else { continue }
            skipped += piece.count
        }
    }

    var bodyIsDone: Bool {
        if case .done = incoming { return true }
        return false
    }
}
