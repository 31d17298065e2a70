import Base
import IO

/// The body of the request that is being handled, read as the handler asks for it.
extension HTTPConnection: HTTPBodySource {
    func nextPiece(of message: UInt64) async throws(Failure) -> [UInt8]? {
        guard message == self.message else { throw .bug("A body is read after its request was answered.") }
        while true {
            let piece: HTTPInput.Piece
            do throws(HTTPRefusal) { piece = try input.nextPiece() } catch { throw .invalid(error.message) }
            switch piece {
            case .data(let bytes): return bytes
            case .end: return nil
            case .needsMore(let limit): try await readBody(upTo: limit)
            }
        }
    }

    /// Straight from the socket into the block, but for what has come already and for chunks, which are taken apart first.
    func fill(_ block: Block, of message: UInt64) async throws(Failure) -> Bool {
        guard message == self.message, input.isEmpty, case .length(let left) = input.body, left > 0, !block.isFull
        else {
            guard let piece = try await nextPiece(of: message) else { return false }
            block.append(piece)
            return true
        }
        try await reading { () throws(Failure) in
            let count = try await socket.read(into: block, upTo: left, by: socket.deadline(service.slowBody))
            guard count > 0 else { throw HTTPConnection.endedEarly }
            input.pass(count)
        }
        return true
    }

    private func readBody(upTo limit: Int) async throws(Failure) {
        try await reading { () throws(Failure) in
            guard let bytes = try await socket.read(upTo: limit, by: socket.deadline(service.slowBody)) else {
                throw HTTPConnection.endedEarly
            }
            input.add(bytes)
        }
    }

    private static var endedEarly: Failure { .invalid("The request's body ended early.") }

    /// After a body that broke off, nothing on the connection can be told from it.
    private func reading(_ body: () async throws(Failure) -> Void) async throws(Failure) {
        do throws(Failure) {
            if awaitsContinue { try await askForBody() }
            try await body()
        } catch {
            input.breakOff()
            throw error
        }
    }

    /// Only before the answer has begun.
    func askForBody() async throws(Failure) {
        awaitsContinue = false
        try await socket.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), by: socket.deadline(service.slowBody))
    }

    /// Whether the connection is free for the next request: what the handler left unread is read away if that isn't much.
    func skipRestOfBody() async -> Bool {
        var skipped = 0
        while !input.isBodyDone {
            guard skipped <= service.limits.unreadBody else { return false }
            if case .length(let left) = input.body, left > service.limits.unreadBody { return false }
            do throws(Failure) { skipped += try await nextPiece(of: message)?.count ?? 0 } catch { return false }
        }
        return true
    }
}
