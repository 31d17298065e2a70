package import Base
import Glibc

extension Stream {
    /// Connects, trying the addresses of a name one after the other. The stream lives on the caller's loop, else on the
    /// next of `loops`.
    package static func connect(
        to address: Address, on loops: Loops, by deadline: Deadline = .after(.seconds(30))
    ) async throws(Failure) -> Stream {
        let loop = loops.here()
        var problem = Failure.unavailable("\(address) has no address.")
        for candidate in try await address.resolved(on: loops.names) {
            do throws(Failure) { return try await connect(candidate, on: loop, by: deadline) } catch { problem = error }
        }
        throw Failure(problem.kind, "Cannot connect to \(address): \(problem.message)", cause: problem.cause)
    }

    private static func connect(_ address: SocketAddress, on loop: Loop, by deadline: Deadline) async throws(Failure)
        -> Stream
    {
        let descriptor = try openSocket(address.family)
        let result = address.withPointer { Glibc.connect(descriptor, $0, $1) }
        guard result == 0 || errno == EINPROGRESS else {
            let code = errno
            Glibc.close(descriptor)
            throw connectionFailed(code)
        }
        setNoDelay(descriptor, address.family)
        let stream = Stream(Socket(descriptor: descriptor, on: loop))
        do throws(Failure) {
            if result != 0 { try await stream.awaitConnection(by: deadline) }
            return stream
        } catch {
            await stream.close()
            throw error
        }
    }

    private func awaitConnection(by deadline: Deadline) async throws(Failure) {
        try await cancellable(.writing) { () throws(Failure) in try await socket.wait(.writing, by: deadline) }
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(socket.descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        guard code == 0 else { throw Stream.connectionFailed(code) }
    }

    private static func connectionFailed(_ code: Int32) -> Failure {
        .unavailable("\(String(cString: strerror(code))).")
    }

    /// Both ends of a connection that never leaves the process, for tests and for programs started with a socket.
    package static func pair(on loops: Loops) throws(Failure) -> (Stream, Stream) {
        var descriptors: (Int32, Int32) = (-1, -1)
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let result = withUnsafeMutableBytes(of: &descriptors) { raw in
            socketpair(AF_UNIX, kind, 0, raw.bindMemory(to: Int32.self).baseAddress)
        }
        guard result == 0 else { throw Socket.lost(errno) }
        let left = Socket(descriptor: descriptors.0, on: loops.here())
        let right = Socket(descriptor: descriptors.1, on: loops.here())
        return (Stream(left), Stream(right))
    }
}

func openSocket(_ family: Int32) throws(Failure) -> Int32 {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(family, kind, 0)
    guard descriptor >= 0 else { throw .unavailable("Cannot open a socket: \(String(cString: strerror(errno))).") }
    return descriptor
}

/// Messages go out when they are written; who has more to say at once says so (`moreFollows`).
func setNoDelay(_ descriptor: Int32, _ family: Int32) {
    guard family != AF_UNIX else { return }
    setOption(descriptor, Int32(IPPROTO_TCP), Int32(TCP_NODELAY), 1)
}

func setOption(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
}
