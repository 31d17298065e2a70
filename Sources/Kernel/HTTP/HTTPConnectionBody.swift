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

    private func readBody(upTo limit: Int) async throws(Failure) {
        do throws(Failure) {
            if awaitsContinue { try await askForBody() }
            guard let bytes = try await socket.read(upTo: limit, by: socket.deadline(service.slowBody)) else {
                throw .invalid("The request's body ended early.")
            }
            input.add(bytes)
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
