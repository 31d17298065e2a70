package import Base
import CSystem

/// TLS between a socket and its owner: bytes are encrypted before they are sent and decrypted before they are handed out.
extension Socket {
    /// Answers the other end's handshake.
    package func secure(as identity: TLSIdentity, by deadline: Deadline) async throws(Failure) {
        try await handshake(try TLSSession(accepting: identity), by: deadline)
    }

    /// Begins a handshake, and sees to it that the other end is who it should be.
    package func secure(to name: String, trusting trust: TLSTrust, by deadline: Deadline) async throws(Failure) {
        try await handshake(try TLSSession(connectingTo: name, trusting: trust), by: deadline)
    }

    private func handshake(_ session: TLSSession, by deadline: Deadline) async throws(Failure) {
        try beginWriting()
        defer { isWriting = false }
        while true {
            let step: TLSSession.Step
            do throws(Failure) { step = try session.handshake() } catch {
                // The other end is told why, if it still listens.
                unsent += session.takeOutput()
                sendWaiting()
                throw error
            }
            try await send(session.takeOutput(), by: deadline)
            if step == .done { break }
            var bytes = try take(upTo: Socket.usualRead)
            while bytes == nil {
                try await wait(.reading, by: deadline)
                bytes = try take(upTo: Socket.usualRead)
            }
            guard let bytes, !bytes.isEmpty else { throw .unavailable("The other end hung up in the TLS handshake.") }
            try session.feed(bytes)
        }
        tls = session
    }

    /// As `take(upTo:)`, of what the bytes mean.
    func take(upTo limit: Int, through tls: TLSSession) throws(Failure) -> [UInt8]? {
        let room = UnsafeMutableRawBufferPointer(rebasing: loop.scratch[..<min(limit, loop.scratch.count)])
        return try take(into: room, through: tls).map { [UInt8](room[..<$0]) }
    }

    func take(into room: UnsafeMutableRawBufferPointer, through tls: TLSSession) throws(Failure) -> Int? {
        while true {
            if let count = try tls.decrypt(into: room) { return count }
            sendAnswers(of: tls)
            guard let bytes = try take(upTo: Socket.usualRead) else { return nil }
            guard !bytes.isEmpty else { throw .unavailable("The TLS connection ended without a goodbye.") }
            try tls.feed(bytes)
        }
    }

    /// What the protocol itself has to say while somebody reads. A writer at work takes it along.
    private func sendAnswers(of tls: TLSSession) {
        unsent += tls.takeOutput()
        if !isWriting { sendWaiting() }
    }

    private func sendWaiting() {
        guard !unsent.isEmpty else { return }
        let sent = unsent.withUnsafeBytes { system_send(descriptor, $0.baseAddress, $0.count, 0) }
        if sent > 0 { unsent.removeFirst(sent) }
    }

    /// A record's worth of plain bytes, times a few: what is encrypted ahead of the network.
    private static let encryptedAtOnce = 64 * 1024

    func write(_ bytes: [UInt8], through tls: TLSSession, by deadline: Deadline) async throws(Failure) {
        var start = 0
        while start < bytes.count {
            let end = min(start + Socket.encryptedAtOnce, bytes.count)
            try tls.encrypt(bytes[start..<end])
            unsent += tls.takeOutput()
            start = end
            while !unsent.isEmpty {
                let waiting = unsent
                unsent = []
                try await send(waiting, by: deadline)
            }
        }
    }

    func sendEncrypted(_ file: FileSlice, _ part: Range<Int>, by deadline: Deadline) async throws(Failure) {
        var start = part.lowerBound
        while start < part.upperBound {
            let end = min(start + Socket.encryptedAtOnce, part.upperBound)
            try await write(try file.read(start..<end), by: deadline)
            start = end
        }
    }

    /// The goodbye that tells an end from a connection that was cut.
    func finishTLS() {
        guard let tls else { return }
        tls.finish()
        sendAnswers(of: tls)
    }
}

extension Stream {
    /// Answers the other end's TLS handshake; from then on everything is encrypted.
    package func secure(as identity: TLSIdentity, by deadline: Deadline = .never) async throws(Failure) {
        try await cancellable(.reading) { () throws(Failure) in try await socket.secure(as: identity, by: deadline) }
    }

    /// Begins a TLS handshake. The other end has to show a certificate for that name (or numeric address).
    package func secure(
        to name: String, trusting trust: TLSTrust, by deadline: Deadline = .never
    ) async throws(Failure) {
        try await cancellable(.reading) { () throws(Failure) in
            try await socket.secure(to: name, trusting: trust, by: deadline)
        }
    }
}
